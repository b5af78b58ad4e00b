import { type ReactNode, useId } from "react";
import { useClock, useTexts } from "../../app/settings";
import { type Draft, isSame, type Json, type ParamField, type Problem, setValue, shownIn, typeIn, written } from "../../lib/params";
import { isoIn, localText, momentOfIso, momentOfLocal } from "../../lib/zoned";
import { Icon } from "../../parts/Icon";
import { Switch } from "../../parts/Switch";
import { messages } from "./triggertext";

interface Props {
  field: ParamField;
  draft: Draft;
  problem: Problem | null;
  /** The server's sentence about this field. */
  refusal: string;
  isChanged: boolean;
  change: (draft: Draft) => void;
}

/** A param of a Dag as the field that its schema asks for. */
export const ParamInput = ({ field, draft, problem, refusal, isChanged, change }: Props) => {
  const t = useTexts(messages);
  const id = useId();
  const value = draft.conf[field.name];
  const isGroup = field.kind === "choices" || (field.kind === "choice" && isShort(field));
  const told = refusal || (problem ? t(`problem.${problem.code}`, { wanted: String(problem.wanted ?? "") }) : "");
  const hint = [field.description, rangeText(field, t), field.kind === "lines" ? t("trigger.lines") : ""].filter(Boolean).join(" · ");
  const frame = { id, "aria-invalid": told !== "", "aria-describedby": `${id}-hint` };
  return (
    <div className={`field param${isChanged ? " changed" : ""}`} role={isGroup ? "group" : undefined} aria-labelledby={isGroup ? `${id}-name` : undefined}>
      <div className="row">
        {isGroup ? <b id={`${id}-name`} className="med">{field.title}</b> : <label htmlFor={id} className="med">{field.title}</label>}
        {field.title !== field.name && <span className="id dim">{field.name}</span>}
        {(field.required || field.kind === "boolean") && field.kind !== "boolean" && <span className="dim small" aria-hidden="true">*</span>}
        {isChanged && !field.fixed && (
          <button type="button" className="btn quiet own push" aria-label={t("trigger.reset", { name: field.title })} onClick={() => { change(setValue(draft, field.name, field.value)); }}>
            <Icon name="redo" small /><span className="small dim cut">{t("trigger.own", { value: short(field.value, t("trigger.null")) })}</span>
          </button>
        )}
      </div>
      <Control field={field} draft={draft} value={value} frame={frame} wrong={told !== ""} change={change} />
      <span className="hint" id={`${id}-hint`}>
        {told && <span className="bad" role="alert">{told} </span>}
        {hint}
      </span>
    </div>
  );
};

const isShort = (field: ParamField): boolean =>
  field.choices.length <= 5 && field.choices.reduce((sum, each) => sum + each.label.length, 0) <= 40 && !field.choices.some((each) => each.value === null);

const short = (value: Json, none: string): string => {
  const text = value === null ? none : typeof value === "string" ? value : JSON.stringify(value);
  return text.length > 24 ? `${text.slice(0, 23)}…` : text;
};

const rangeText = (field: ParamField, t: ReturnType<typeof useTexts<keyof (typeof messages)["en"]>>): string => {
  const { minimum: least, maximum: most } = field;
  if (least !== null && most !== null) return t("trigger.range", { least, most });
  if (least !== null) return t("trigger.atLeast", { least });
  return most !== null ? t("trigger.atMost", { most }) : "";
};

interface ControlProps {
  field: ParamField;
  draft: Draft;
  value: Json | undefined;
  frame: { id: string; "aria-invalid": boolean; "aria-describedby": string };
  wrong: boolean;
  change: (draft: Draft) => void;
}

const Control = ({ field, draft, value, frame, wrong, change }: ControlProps): ReactNode => {
  const t = useTexts(messages);
  const shown = shownIn(draft, field);
  const look = `input mono${wrong ? " wrong" : ""}`;
  const type = (text: string): void => { change(typeIn(draft, field, text)); };
  const set = (next: Json): void => { change(setValue(draft, field.name, next)); };
  if (field.fixed) return <output className="input mono">{short(value ?? null, t("trigger.null"))}</output>;
  switch (field.kind) {
    case "boolean":
      return typeof value === "boolean" || value === null || value === undefined
        ? <div className="row"><Switch on={value === true} label={field.title} onChange={set} /><span className="id mute">{String(value ?? t("trigger.null"))}</span></div>
        : <Raw {...{ field, draft, frame, look, change }} />;
    case "choice":
      return isShort(field) && field.choices.some((each) => isSame(each.value, value))
        ? (
          <div className="seg fit">
            {field.choices.map((each) => <button key={each.label} type="button" aria-pressed={isSame(each.value, value)} onClick={() => { set(each.value); }}>{each.label}</button>)}
          </div>
        ) : (
          <select className={look} {...frame} value={String(field.choices.findIndex((each) => isSame(each.value, value)))} onChange={(event) => { set(field.choices[Number(event.target.value)]?.value ?? null); }}>
            {!field.choices.some((each) => isSame(each.value, value)) && <option value="-1">{value === null || value === undefined ? t("trigger.choose") : short(value, "")}</option>}
            {field.choices.map((each, n) => <option key={each.label} value={n}>{each.label}</option>)}
          </select>
        );
    case "choices": {
      const chosen = Array.isArray(value) ? value : [];
      // What is chosen and offered no more stays visible: it is sent too.
      const offered = [...field.choices, ...chosen.filter((each) => !field.choices.some((one) => isSame(one.value, each))).map((each) => ({ value: each, label: short(each, t("trigger.null")) }))];
      const turn = (each: Json): void => { set(chosen.some((one) => isSame(one, each)) ? chosen.filter((one) => !isSame(one, each)) : [...chosen, each]); };
      return (
        <div className="row wrap">
          {offered.map((each) => <button key={each.label} type="button" className="chip" aria-pressed={chosen.some((one) => isSame(one, each.value))} onClick={() => { turn(each.value); }}>{each.label}</button>)}
        </div>
      );
    }
    case "date":
      return typeof value === "string" && !/^\d{4}-\d\d-\d\d$/.test(value) && value !== ""
        ? <input className={look} {...frame} value={shown} onChange={(event) => { type(event.target.value); }} />
        : <input className={look} {...frame} type="date" value={shown} onChange={(event) => { if (event.target.value) type(event.target.value); else set(null); }} />;
    case "date-time":
      return <MomentInput {...{ field, value, frame, look, shown, type, set }} />;
    case "time":
      return <input className={look} {...frame} value={shown} placeholder="14:00:00" onChange={(event) => { type(event.target.value); }} />;
    case "multiline":
      return <textarea className={look} {...frame} rows={4} value={shown} onChange={(event) => { type(event.target.value); }} />;
    case "lines":
      return Array.isArray(value) && value.every((each) => typeof each === "string" && !each.includes("\n"))
        ? <textarea className={look} {...frame} rows={Math.min(8, Math.max(3, value.length + 1))} value={shown} onChange={(event) => { type(event.target.value); }} />
        : <Raw {...{ field, draft, frame, look, change }} />;
    case "json":
      return <Raw {...{ field, draft, frame, look, change }} />;
    case "number": case "integer":
      return <input className={look} {...frame} inputMode="decimal" autoComplete="off" value={shown} onChange={(event) => { type(event.target.value); }} />;
    case "text":
      return typeof value === "string" || value === null || value === undefined
        ? (
          <>
            <input className={look} {...frame} autoComplete="off" spellCheck={false} list={field.examples.length ? `${frame.id}-list` : undefined} value={shown} onChange={(event) => { type(event.target.value); }} />
            {field.examples.length > 0 && <datalist id={`${frame.id}-list`}>{field.examples.map((each) => <option key={each} value={each} />)}</datalist>}
          </>
        ) : <Raw {...{ field, draft, frame, look, change }} />;
  }
};

/** A value that the field's own way cannot show is written as JSON, so that nothing is sent that is not seen. */
const Raw = ({ field, draft, frame, look, change }: { field: ParamField; draft: Draft; frame: ControlProps["frame"]; look: string; change: (draft: Draft) => void }) => {
  const asJson: ParamField = { ...field, kind: "json" };
  const shown = shownIn(draft, asJson);
  const text = draft.typed[field.name] ? shown : draft.conf[field.name] === null ? "null" : typeof draft.conf[field.name] === "string" ? written(draft.conf[field.name] ?? null) : shown;
  return <textarea className={look} {...frame} rows={Math.min(10, Math.max(2, text.split("\n").length))} spellCheck={false} value={text} onChange={(event) => { change(typeIn(draft, asJson, event.target.value)); }} />;
};

interface MomentProps {
  field: ParamField;
  value: Json | undefined;
  frame: ControlProps["frame"];
  look: string;
  shown: string;
  type: (text: string) => void;
  set: (value: Json) => void;
}

/** A moment in the reader's zone; one that is written otherwise stays as it is written. */
const MomentInput = ({ field, value, frame, look, shown, type, set }: MomentProps) => {
  const t = useTexts(messages);
  const { zone } = useClock();
  const at = typeof value === "string" ? momentOfIso(value) : null;
  if (typeof value === "string" && value !== "" && (at === null || at % 1e6 !== 0)) return <input className={look} {...frame} value={shown} onChange={(event) => { type(event.target.value); }} />;
  return (
    <div className="row">
      <input className={look} {...frame} type="datetime-local" step={1} value={at === null ? "" : localText(at, zone)}
        onChange={(event) => {
          const moment = momentOfLocal(event.target.value, zone);
          set(moment === null ? null : isoIn(moment, zone));
        }} />
      <span className="dim small nowrap">{zone}</span>
      {field.nullable && at !== null && <button type="button" className="btn quiet icon" aria-label={t("trigger.clear", { name: field.title })} onClick={() => { set(null); }}><Icon name="x" small /></button>}
    </div>
  );
};
