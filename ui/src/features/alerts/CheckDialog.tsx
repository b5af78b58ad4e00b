import { useState } from "react";
import { type Schemas, send } from "../../api/client";
import { useChange } from "../../app/change";
import { useTexts } from "../../app/settings";
import { FormDialog } from "../../parts/Dialog";
import { Field, TextField } from "../../parts/Field";
import { Problems } from "./Problems";
import { messages } from "./text";

type Verdict = Schemas["RulesVerdict"];
const MOST = 200_000;

/** What is wrong with the text of a rules file, before anybody relies on it. */
export const CheckDialog = ({ close }: { close: () => void }) => {
  const t = useTexts(messages);
  const [text, setText] = useState("");
  const [verdict, setVerdict] = useState<Verdict | null>(null);
  const [problem, setProblem] = useState("");
  const check = useChange(async () => { setVerdict((await send("POST", "/ui/alerts/check", { text })) as Verdict); }, []);
  const write = (typed: string): void => {
    setVerdict(null);
    setText(typed);
  };
  const take = async (file: File | undefined): Promise<void> => {
    const found = file && file.size <= 4 * MOST ? await file.text() : "";
    setProblem(file && (file.size > 4 * MOST || found.length > MOST) ? t("check.tooLarge") : "");
    write(found.length > MOST ? "" : found);
  };
  return (
    <FormDialog title={t("check.title")} note={t("check.note")} wide act={t("check.act")} busy={check.isPending} error={check.error} blocked={!text.trim()} submit={() => { check.mutate(undefined); }} close={close}>
      <TextField label={t("check.text")} value={text} onChange={write} mono rows={14} max={MOST} />
      <Field label={t("check.file")} error={problem || undefined}>
        {(ties) => <input {...ties} type="file" accept=".yml,.yaml,application/yaml,text/yaml" className="input" onChange={(event) => void take(event.target.files?.[0])} />}
      </Field>
      {verdict && <Said verdict={verdict} />}
    </FormDialog>
  );
};

const Said = ({ verdict }: { verdict: Verdict }) => {
  const t = useTexts(messages);
  const { problems, rules, shipped, channels } = verdict;
  return (
    <div role="status" className="verdict">
      {problems.length === 0
        ? <p className="state good"><i className="st" data-s="success" aria-hidden="true" />{t("check.fine", { rules, shipped, channels })}</p>
        : <p className="small">{t("check.wrong", { count: problems.length, rules, channels })}</p>}
      <Problems problems={problems} />
    </div>
  );
};
