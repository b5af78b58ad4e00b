import { type ReactNode, type RefObject, useId } from "react";
import { useTexts } from "../app/settings";
import { messages } from "./dialog.text";

interface Frame {
  label: string;
  hint?: ReactNode;
  /** What is wrong with it, from the form or the server. */
  error?: string | undefined;
  optional?: boolean;
}

interface Ties {
  id: string;
  "aria-describedby"?: string;
  "aria-invalid"?: true;
}

/** A label, a control, a hint, and what is wrong with it; tied to each other for those who do not see them. */
export const Field = ({ label, hint, error, optional = false, children }: Frame & { children: (ties: Ties) => ReactNode }) => {
  const t = useTexts(messages);
  const id = useId();
  const told = error ?? hint;
  return (
    <div className="field">
      <label htmlFor={id}>{label}{optional && <span className="opt">{t("dialog.optional")}</span>}</label>
      {children({ id, ...(told ? { "aria-describedby": `${id}-told` } : {}), ...(error ? { "aria-invalid": true } : {}) })}
      {told && <span id={`${id}-told`} className={error ? "hint bad" : "hint"} role={error ? "alert" : undefined}>{told}</span>}
    </div>
  );
};

interface TextProps extends Frame {
  value: string;
  onChange: (value: string) => void;
  type?: "text" | "number" | "password" | "email" | "datetime-local";
  mono?: boolean;
  rows?: number;
  required?: boolean;
  disabled?: boolean;
  placeholder?: string;
  autoComplete?: string;
  max?: number;
  list?: string;
  box?: RefObject<HTMLInputElement | null>;
}

/** A line of text, or several. */
export const TextField = ({ value, onChange, type = "text", mono, rows, required, disabled, placeholder, autoComplete = "off", max, list, box, ...frame }: TextProps) => (
  <Field {...frame}>
    {(ties) => {
      const common = {
        ...ties, value, required, disabled, placeholder, maxLength: max, spellCheck: mono ? false : undefined,
        className: `input${mono ? " mono" : ""}${frame.error ? " wrong" : ""}`,
      };
      return rows
        ? <textarea {...common} rows={rows} onChange={(event) => { onChange(event.target.value); }} />
        : <input {...common} ref={box} type={type} list={list} autoComplete={autoComplete} autoCapitalize="none" onChange={(event) => { onChange(event.target.value); }} />;
    }}
  </Field>
);

interface SelectProps extends Frame {
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string }[];
  disabled?: boolean;
}

/** One of several. */
export const SelectField = ({ value, onChange, options, disabled, ...frame }: SelectProps) => (
  <Field {...frame}>
    {(ties) => (
      <select {...ties} className={frame.error ? "input wrong" : "input"} value={value} disabled={disabled} onChange={(event) => { onChange(event.target.value); }}>
        {options.map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
      </select>
    )}
  </Field>
);

/** Yes or no, with a sentence. */
export const CheckField = ({ label, hint, value, disabled, onChange }: { label: string; hint?: string; value: boolean; disabled?: boolean; onChange: (value: boolean) => void }) => {
  const id = useId();
  return (
    <div className="checkline">
      <input id={id} type="checkbox" checked={value} disabled={disabled} aria-describedby={hint ? `${id}-told` : undefined} onChange={(event) => { onChange(event.target.checked); }} />
      <label htmlFor={id}>{label}{hint && <span id={`${id}-told`} className="small dim"><br />{hint}</span>}</label>
    </div>
  );
};
