import { type KeyboardEvent, useState } from "react";
import { useClock, useTexts } from "../app/settings";
import { severalOf } from "../lib/address";
import { fromLocal, microsOf, toIso, toLocal } from "../lib/zone";
import { Icon } from "./Icon";
import { messages } from "./table.text";

export interface FilterField<K extends string> {
  key: K;
  label: string;
  kind: "text" | "number" | "time" | "choice" | "several";
  options?: readonly { value: string; label: string }[];
}

interface Props<K extends string> {
  fields: readonly FilterField<K>[];
  values: { [key in K]?: string };
  set: (change: { [key in K]?: string | undefined }) => void;
}

/** The filters that are set, each with its value and a way to take it away; and those that can be added. */
export const Filters = <K extends string>({ fields, values, set }: Props<K>) => {
  const t = useTexts(messages);
  const [added, setAdded] = useState<K | null>(null);
  const isOn = (key: K): boolean => values[key] !== undefined;
  const one = (key: K, value: string | undefined): void => { set({ [key]: value } as { [key in K]?: string | undefined }); };
  return (
    <>
      {fields.filter((field) => isOn(field.key) || field.key === added).map((field) => (
        <span key={field.key} className="filter">
          <Control field={field} value={values[field.key] ?? ""} fresh={field.key === added} onChange={(value) => { one(field.key, value || undefined); }} />
          <button
            type="button" className="btn quiet icon" aria-label={t("filter.remove", { name: field.label })}
            onClick={() => {
              setAdded(null);
              one(field.key, undefined);
            }}
          >
            <Icon name="x" small />
          </button>
        </span>
      ))}
      <select
        className="filteradd" aria-label={t("filter.add")} value=""
        onChange={(event) => { setAdded(event.target.value as K); }}
      >
        <option value="">+ {t("filter.add")}</option>
        {fields.filter((field) => !isOn(field.key)).map((field) => <option key={field.key} value={field.key}>{field.label}</option>)}
      </select>
    </>
  );
};

interface ControlProps<K extends string> {
  field: FilterField<K>;
  value: string;
  /** Whether it was added just now: it takes the focus. */
  fresh: boolean;
  onChange: (value: string) => void;
}

const Control = <K extends string>({ field, value, fresh, onChange }: ControlProps<K>) => {
  const t = useTexts(messages);
  const clock = useClock();
  if (field.kind === "choice" || field.kind === "several") {
    const chosen = severalOf(value);
    const rest = (field.options ?? []).filter((option) => !chosen.includes(option.value));
    return (
      <>
        <span>{field.label}</span>
        {field.kind === "several" && chosen.map((each) => (
          <button key={each} type="button" className="tag" aria-label={t("filter.remove", { name: `${field.label} ${each}` })} onClick={() => { onChange(chosen.filter((other) => other !== each).join(",")); }}>
            {field.options?.find((option) => option.value === each)?.label ?? each} ×
          </button>
        ))}
        <select aria-label={field.label} autoFocus={fresh} value={field.kind === "choice" ? value : ""} onChange={(event) => { onChange(field.kind === "choice" ? event.target.value : [...chosen, event.target.value].join(",")); }}>
          <option value="">{chosen.length && field.kind === "several" ? "+" : t("filter.any")}</option>
          {(field.kind === "choice" ? field.options ?? [] : rest).map((option) => <option key={option.value} value={option.value}>{option.label}</option>)}
        </select>
      </>
    );
  }
  if (field.kind === "time") {
    const at = value ? microsOf(value) : Number.NaN;
    return (
      <Typed
        label={field.label} type="datetime-local" fresh={fresh} value={Number.isNaN(at) ? "" : toLocal(at, clock)} title={clock.zone}
        onChange={(local) => {
          const moment = local ? fromLocal(local, clock) : null;
          onChange(moment === null ? "" : toIso(moment));
        }}
      />
    );
  }
  return <Typed label={field.label} type={field.kind} fresh={fresh} value={value} onChange={onChange} />;
};

interface TypedProps {
  label: string;
  type: "text" | "number" | "datetime-local";
  value: string;
  fresh: boolean;
  title?: string;
  onChange: (value: string) => void;
}

/** Taken over with Enter, or on leaving it. */
const Typed = ({ label, type, value, fresh, title, onChange }: TypedProps) => {
  const [text, setText] = useState(value);
  const [from, setFrom] = useState(value);
  if (value !== from) {
    setFrom(value);
    setText(value);
  }
  const take = (): void => { if (text.trim() !== value) onChange(text.trim()); };
  const keys = (event: KeyboardEvent): void => { if (event.key === "Enter" && !event.nativeEvent.isComposing) take(); };
  return (
    <label className="row" title={title}>
      <span>{label}</span>
      <input type={type} autoFocus={fresh} min={type === "number" ? 0 : undefined} step={type === "number" ? "any" : undefined} value={text} onChange={(event) => { setText(event.target.value); }} onBlur={take} onKeyDown={keys} />
    </label>
  );
};
