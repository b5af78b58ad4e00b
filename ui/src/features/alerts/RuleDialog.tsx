import { useState } from "react";
import { send } from "../../api/client";
import { useChange } from "../../app/change";
import { useTexts } from "../../app/settings";
import { FormDialog } from "../../parts/Dialog";
import { TextField } from "../../parts/Field";
import { messages } from "./text";

const FIRST = `when: {failure_rate: {at_least: 20%, window: 24h, minimum_runs: 3}}
severity: warning
`;

/** A rule that is written here: a new one, one that is changed, or one in place of a shipped one. */
export const RuleDialog = ({ name, text, isShipped, close }: { name?: string; text?: string; isShipped?: boolean; close: () => void }) => {
  const t = useTexts(messages);
  const [form, setForm] = useState({ name: name ?? "", text: text ?? FIRST });
  const path = `/ui/alerts/rules/${encodeURIComponent(form.name.trim())}`;
  const save = useChange(() => send("PUT", path, { text: form.text }), [["alerts"]], close);
  return (
    <FormDialog
      title={name === undefined ? t("own.new") : t("own.change", { rule: name })} note={isShipped ? t("own.replaces") : t("own.note")} wide act={t("own.save")} busy={save.isPending} error={save.error}
      blocked={!form.name.trim() || !form.text.trim()} submit={() => { save.mutate(undefined); }} close={close}
    >
      {name === undefined && <TextField label={t("own.name")} value={form.name} max={250} mono required placeholder="late_orders" onChange={(typed) => { setForm({ ...form, name: typed }); }} />}
      <TextField label={t("own.text")} hint={t("own.hint")} value={form.text} onChange={(typed) => { setForm({ ...form, text: typed }); }} mono rows={10} max={20_000} />
    </FormDialog>
  );
};
