import { useState } from "react";
import { send } from "../../api/client";
import { useChange } from "../../app/change";
import { useTexts } from "../../app/settings";
import { FormDialog } from "../../parts/Dialog";
import { SelectField, TextField } from "../../parts/Field";
import { lengthText } from "./sentences";
import { messages } from "./text";

/** Minutes. */
const LENGTHS = [30, 60, 240, 480, 1440, 10_080] as const;

/** Nobody is told of these alerts for a time. */
export const SilenceDialog = ({ rule, dag, close }: { rule: string; dag: string; close: () => void }) => {
  const t = useTexts(messages);
  const [form, setForm] = useState({ rules: rule, dags: dag, minutes: 60, reason: "" });
  const save = useChange(() => send("POST", "/ui/alerts/silences", form), [["alerts"]], close);
  return (
    <FormDialog title={t("silence.title")} note={t("silence.note")} act={t("silence.act")} busy={save.isPending} error={save.error} blocked={!form.rules.trim()} submit={() => { save.mutate(undefined); }} close={close}>
      <TextField label={t("silence.rules")} hint={t("silence.pattern")} value={form.rules} max={250} mono required onChange={(rules) => { setForm({ ...form, rules }); }} />
      <TextField label={t("silence.dags")} hint={t("silence.dagsHint")} value={form.dags} max={250} mono optional onChange={(dags) => { setForm({ ...form, dags }); }} />
      <SelectField label={t("silence.length")} value={String(form.minutes)} options={LENGTHS.map((minutes) => ({ value: String(minutes), label: lengthText(minutes * 60e6, t) }))} onChange={(minutes) => { setForm({ ...form, minutes: Number(minutes) }); }} />
      <TextField label={t("silence.reason")} value={form.reason} max={1000} optional onChange={(reason) => { setForm({ ...form, reason }); }} />
    </FormDialog>
  );
};
