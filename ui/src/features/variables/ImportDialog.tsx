import { useState } from "react";
import { send, type Schemas } from "../../api/client";
import { useChange } from "../../app/change";
import { useTexts } from "../../app/settings";
import { FormDialog } from "../../parts/Dialog";
import { Field, SelectField } from "../../parts/Field";
import { type Entity, read } from "./file";
import { messages } from "./text";

const MOST_BYTES = 5e6;
type Existing = "fail" | "skip" | "overwrite";

/** Variables from a file: how many there are is said before anything is sent, and what was refused afterwards. */
export const ImportDialog = ({ close }: { close: () => void }) => {
  const t = useTexts(messages);
  const [entities, setEntities] = useState<Entity[]>([]);
  const [problem, setProblem] = useState("");
  const [existing, setExisting] = useState<Existing>("fail");
  const [result, setResult] = useState<Schemas["BulkActionResponse"] | null>(null);
  const choose = async (file: File | undefined): Promise<void> => {
    setResult(null);
    setEntities([]);
    setProblem("");
    if (!file) return;
    if (file.size > MOST_BYTES) {
      setProblem(t("variables.tooLarge"));
      return;
    }
    try {
      setEntities(read(await file.text()));
    } catch (error) {
      setProblem(t("variables.fileWrong", { problem: (error as Error).message }));
    }
  };
  const bring = useChange(async () => {
    const answer = (await send("PATCH", "/api/v2/variables", { actions: [{ action: "create", entities, action_on_existence: existing }] })) as Schemas["BulkResponse"];
    setEntities([]);
    setResult(answer.create ?? { success: [], errors: [] });
  }, [["variables"]]);
  const options = (["fail", "skip", "overwrite"] as const).map((value) => ({ value, label: t(`variables.${value}`) }));
  return (
    <FormDialog
      title={t("variables.importTitle")} act={t("variables.importAct", { count: entities.length })} busy={bring.isPending} error={bring.error} blocked={!entities.length}
      submit={() => { bring.mutate(undefined); }} close={close}
    >
      <Field label={t("variables.file")} hint={t("variables.fileHint")} error={problem || undefined}>
        {(ties) => <input {...ties} type="file" accept="application/json,.json" className="input" onChange={(event) => void choose(event.target.files?.[0])} />}
      </Field>
      <SelectField label={t("variables.existing")} value={existing} onChange={(value) => { setExisting(value as Existing); }} options={options} />
      {result && <Outcome result={result} />}
    </FormDialog>
  );
};

const Outcome = ({ result }: { result: Schemas["BulkActionResponse"] }) => {
  const t = useTexts(messages);
  const errors = result.errors;
  return (
    <div role="status" className="small">
      <p>{t("variables.imported", { count: result.success.length })}</p>
      {errors.length > 0 && <p className="bad">{t("variables.notImported", { count: errors.length })}</p>}
      <ul>{errors.slice(0, 20).map((error, n) => <li key={n} className="bad">{String(error.error ?? "")}</li>)}</ul>
    </div>
  );
};
