import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { ApiError, send } from "../../api/client";
import { useChange } from "../../app/change";
import { useTexts } from "../../app/settings";
import { refusalText } from "../../lib/refusals";
import { FormDialog } from "../../parts/Dialog";
import { CheckField, SelectField, TextField } from "../../parts/Field";
import { asType, type Connection, type Form, formOf, isStored, problemsOf, sentOf, type Stored, storedOf, triedOf, type Wrong } from "./mapping";
import { messages } from "./text";
import { isKnown, isSecretField, type TypeField, TYPES, typeOf } from "./types";

interface Props {
  /** What is edited; null makes a new one. */
  connection: Connection | null;
  close: () => void;
}

/** A connection by the fields of its kind; what else is in its extras is JSON below them. */
export const ConnectionForm = ({ connection, close }: Props) => {
  const t = useTexts(messages);
  const [stored] = useState(() => storedOf(connection));
  const [form, setForm] = useState(() => formOf(stored));
  const [isTried, setTried] = useState(false);
  const problems = problemsOf(form);
  const shown: Wrong = isTried ? problems : {};
  const save = useChange(
    () => {
      const { body, mask } = sentOf(form, stored);
      if (!connection) return send("POST", "/api/v2/connections", body);
      const query = mask.map((name) => `update_mask=${name}`).join("&");
      return send("PATCH", `/api/v2/connections/${encodeURIComponent(connection.connection_id)}?${query}`, body);
    },
    [["connections"]],
    close,
  );
  const test = useMutation({ mutationFn: () => send("POST", "/api/v2/connections/test", triedOf(form, stored, connection)) as Promise<{ status: boolean; message: string }> });
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  const submit = (): void => {
    setTried(true);
    if (!Object.keys(problems).length) save.mutate(undefined);
  };
  const kinds = [...TYPES.map((type) => ({ value: type.id, label: type.label })), { value: "", label: t("connections.otherType") }];
  const other = !isKnown(form.type);
  return (
    <FormDialog
      wide title={connection ? t("connections.editTitle", { id: connection.connection_id }) : t("connections.new")} act={connection ? t("connections.save") : t("connections.create")}
      busy={save.isPending} error={save.error} shown={["connection_id", "conn_type", "description", "extra", "host", "port", "login", "schema", "password"]} blocked={!form.id.trim() || !form.type.trim()}
      submit={submit} close={close} aside={<button type="button" className="btn" disabled={test.isPending || !form.id.trim() || !form.type.trim()} onClick={() => { setTried(true); if (!Object.keys(problems).length) test.mutate(); }}>{t(test.isPending ? "connections.testing" : "connections.test")}</button>}
    >
      <div className="two">
        <TextField
          label={t("connections.id")} value={form.id} disabled={connection !== null} mono required max={200} onChange={(id) => { setForm({ ...form, id }); }}
          error={shown.id ? t(`connections.${shown.id}`) : wrong.connection_id}
        />
        <SelectField label={t("connections.type")} value={other ? "" : form.type} options={kinds} onChange={(type) => { setForm(asType(form, stored, type)); }} />
      </div>
      {other && <TextField label={t("connections.typeName")} value={form.type} mono required onChange={(type) => { setForm({ ...form, type }); }} error={wrong.conn_type} />}
      <div className="two">
        {typeOf(form.type).fields.map((field) => <Part key={field.place} field={field} form={form} setForm={setForm} stored={stored} error={shown[field.place] ? t(`connections.${shown[field.place] as "wrongPort"}`) : wrong[field.place]} />)}
      </div>
      <TextField
        label={t("connections.rest")} value={form.rest} mono rows={form.rest ? 5 : 2} optional onChange={(rest) => { setForm({ ...form, rest }); }} placeholder="{}"
        hint={t("connections.restHint")} error={shown.rest ? t(`connections.${shown.rest}`) : wrong.extra}
      />
      <div role="status" aria-live="polite">
        {test.data && <p className={test.data.status ? "good small tested" : "bad small tested"}>{test.data.status ? "✓" : "✕"} {test.data.message}</p>}
        {test.error && <p className="bad small tested">{refusalText(test.error, t)}</p>}
      </div>
      <TextField label={t("connections.description")} value={form.description} optional onChange={(description) => { setForm({ ...form, description }); }} error={wrong.description} />
    </FormDialog>
  );
};

interface PartProps {
  field: TypeField;
  form: Form;
  setForm: (form: Form) => void;
  stored: Stored;
  error: string | undefined;
}

const Part = ({ field, form, setForm, stored, error }: PartProps) => {
  const t = useTexts(messages);
  const label = t(`connections.field.${field.name}`);
  const value = form.values[field.place];
  const set = (next: string | boolean): void => { setForm({ ...form, values: { ...form.values, [field.place]: next } }); };
  if (field.kind === "check") return <CheckField label={label} value={value === true} onChange={set} />;
  const text = typeof value === "string" ? value : "";
  if (field.kind === "choice") {
    const options = [...new Set(["", ...(field.options ?? []), text])].map((each) => ({ value: each, label: each || t("connections.unset") }));
    return <SelectField label={label} value={text} options={options} onChange={set} error={error} />;
  }
  if (isSecretField(field)) return <Secret field={field} label={label} text={text} set={set} form={form} setForm={setForm} stored={stored} error={error} />;
  const hint = field.hint && t(`connections.hint.${field.name as "restPort"}`);
  return <TextField label={label} value={text} onChange={set} mono error={error} {...(hint ? { hint } : {})} {...(field.placeholder ? { placeholder: field.placeholder } : {})} />;
};

interface SecretProps extends PartProps {
  label: string;
  text: string;
  set: (text: string) => void;
}

/** A secret is typed and never shown. One that is stored stays, unless something is typed or it is taken away. */
const Secret = ({ field, label, text, set, form, setForm, stored, error }: SecretProps) => {
  const t = useTexts(messages);
  const has = isStored(stored, field);
  const goes = form.removed.includes(field.place);
  const toggle = (): void => { setForm({ ...form, removed: goes ? form.removed.filter((place) => place !== field.place) : [...form.removed, field.place] }); };
  const hint = has && (
    <>
      {goes ? t("connections.willGo") : t("connections.keep")}{" "}
      {!text && <button type="button" className="aslink" onClick={toggle}>{goes ? t("connections.stay") : t("connections.remove")}</button>}
    </>
  );
  const common = { label, value: text, onChange: set, error, mono: true, hint: hint || undefined };
  return field.kind === "lines" ? <TextField {...common} rows={3} /> : <TextField {...common} type="password" autoComplete="new-password" />;
};
