import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { copyText } from "../../lib/clipboard";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { Icon } from "../../parts/Icon";
import { Trouble } from "../../parts/Trouble";
import { useHead } from "./head";
import type { CodeSearch } from "./routes";
import { messages } from "./text";
import { useSource, useVersions } from "./sources";

const CodeView = lazy(() => import("./CodeView").then((module) => ({ default: module.CodeView })));

/** The file that a version of the Dag was read from. */
export const CodePage = () => {
  const t = useTexts(messages);
  const { dagId } = useParams({ from: "/shell/dags/$dagId/code" });
  const { version } = useSearch({ from: "/shell/dags/$dagId/code" });
  const navigate = useNavigate({ from: "/dags/$dagId/code" });
  const clock = useClock();
  const { data: head } = useHead(dagId);
  const { data: versions } = useVersions(dagId, head?.version ?? "");
  const { data, error, refetch } = useSource(dagId, version, head?.version ?? "");
  const [copied, setCopied] = useState(false);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const text = data?.content ?? "";
  const copy = async (): Promise<void> => {
    await copyText(text);
    setCopied(true);
  };
  return (
    <>
      <div className="bar">
        <label className="chip pick">
          {t("code.version")}
          <select value={version ?? ""} onChange={(event) => { void navigate({ search: said({ version: event.target.value ? Number(event.target.value) : undefined }) as CodeSearch, replace: true }); }}>
            <option value="">{t("code.newest", { number: versions?.[0]?.version_number ?? data?.version_number ?? "" })}</option>
            {versions?.slice(1).map((each) => <option key={each.version_number} value={each.version_number}>v{each.version_number} · {wholeTime(microsOf(each.created_at), clock)}</option>)}
          </select>
        </label>
        <span className="id mute cut">{head?.file}</span>
        <span className="push" />
        <span className="small dim hide-narrow">{data && t("code.lines", { count: text.split("\n").length - (text.endsWith("\n") ? 1 : 0) })}</span>
        <button type="button" className="btn quiet" disabled={!data} onClick={() => void copy()}><Icon name="copy" small />{copied ? t("copied") : t("code.copy")}</button>
      </div>
      <Suspense fallback={<pre className="codehost codeplain">{text}</pre>}>
        {data && <CodeView text={text} label={t("code.label", { file: head?.file ?? dagId })} />}
      </Suspense>
    </>
  );
};

