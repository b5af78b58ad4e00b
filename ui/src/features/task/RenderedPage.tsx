import { useState } from "react";
import { useTexts } from "../../app/settings";
import { copyText } from "../../lib/clipboard";
import { languageOf } from "../../lib/highlight";
import { Trouble } from "../../parts/Trouble";
import { Code, Tree } from "../../parts/Value";
import { messages } from "./text";
import { useInstance } from "./useInstance";

/** Template fields as they were for the last try. */
export const RenderedPage = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useInstance();
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  const fields = Object.entries(data.rendered_fields);
  return (
    <div className="taskpage">
      {fields.length === 0 && <p className="mute">{t("rendered.none")}</p>}
      {fields.map(([name, value]) => <Field key={name} name={name} value={value} />)}
    </div>
  );
};

const Field = ({ name, value }: { name: string; value: unknown }) => {
  const t = useTexts(messages);
  const [copied, setCopied] = useState(false);
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const copy = async (): Promise<void> => {
    await copyText(text);
    setCopied(true);
    setTimeout(() => { setCopied(false); }, 1500);
  };
  return (
    <div className="fieldcard">
      <details open>
        <summary><h3 className="id">{name}</h3><span className="tag">{kindOf(value)}</span></summary>
        {typeof value === "string" ? <Code text={value} language={languageOf(name, value)} /> : <div className="values"><Tree value={value} /></div>}
      </details>
      {!isEmpty(value) && <span className="row fieldacts"><button type="button" className="btn quiet small" aria-label={`${t("rendered.copy")}: ${name}`} onClick={() => { void copy(); }}>{copied ? t("rendered.copied") : t("rendered.copy")}</button></span>}
    </div>
  );
};

const isEmpty = (value: unknown): boolean => value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
const kindOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "list" : typeof value === "object" ? "dict" : typeof value);
