import { useMutation, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { type ReactNode, useId, useMemo, useState } from "react";
import { answered, ApiError, BASE, type Schemas, send, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { newKey } from "../../lib/keys";
import {
  changedNames, type Conf, type Draft, draftOf, fieldsOf, isSame, type Param, type ParamField, problemOf, readConf, refusedField, sentConf, shownJson, typeJson, written,
} from "../../lib/params";
import { isoIn, localText, momentOfIso, momentOfLocal } from "../../lib/zoned";
import { CopyButton } from "../../parts/CopyButton";
import { Icon } from "../../parts/Icon";
import { Refusal } from "../../parts/Refusal";
import { Trouble } from "../../parts/Trouble";
import { ParamInput } from "./ParamInput";
import type { TriggerSearch } from "./routes";
import { messages } from "./triggertext";
import { useLookAgain } from "./useSending";
import "./act.css";
import "./trigger.css";

/** The form for running a Dag, made of its params. What it shows is what it sends. */
export const TriggerPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/trigger" });
  const search = useSearch({ from: "/shell/dags/$dagId/trigger" });
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({
    queryKey: ["dag", dagId, "details"],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/details", { params: { path: { dag_id: dagId } } })),
    staleTime: 30_000,
  });
  useTitle(t("trigger.title", { dag: dagId }));
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return data ? <Form key={dagId} dag={data} search={search} /> : null;
};

interface RunFields {
  runId: string;
  /** As the fields for dates have them, in the reader's zone; empty for none. */
  logical: string;
  start: string;
  note: string;
}

const given = (search: TriggerSearch): { conf: Conf; isBad: boolean } => {
  if (!search.conf) return { conf: {}, isBad: false };
  const read = readConf(search.conf);
  return "conf" in read ? { conf: read.conf, isBad: false } : { conf: {}, isBad: true };
};

const Form = ({ dag, search }: { dag: Schemas["DAGDetailsResponse"]; search: TriggerSearch }) => {
  const t = useTexts(messages);
  const { zone } = useClock();
  const navigate = useNavigate();
  const lookAgain = useLookAgain();
  const fields = useMemo(() => fieldsOf((dag.params ?? {}) as Record<string, Param>), [dag.params]);
  const [first] = useState(() => given(search));
  const [draft, setDraft] = useState<Draft>(() => draftOf(fields, first.conf));
  const [inJson, setInJson] = useState(fields.length === 0);
  const [run, setRun] = useState<RunFields>(() => {
    const at = search.logical_date ? momentOfIso(search.logical_date) : null;
    return { runId: search.run_id ?? "", logical: at === null ? "" : localText(at, zone), start: "", note: search.note ?? "" };
  });
  const [unpause, setUnpause] = useState(dag.is_paused);
  // The same values sent twice, because nobody knows whether they arrived, make one run. What was refused is asked anew.
  const [key, setKey] = useState(newKey);
  const conf = sentConf(draft);
  const body = conf && bodyOf(conf, run, zone);
  const problems = inJson && draft.jsonProblem ? 1 : fields.filter((field) => problemOf(draft, field)).length + (draft.jsonProblem ? 1 : 0);
  const changed = changedNames(draft, fields);
  const start = useMutation({
    mutationFn: async (): Promise<string> => {
      const path = `/api/v2/dags/${encodeURIComponent(dag.dag_id)}`;
      const made = (await send("POST", `${path}/dagRuns`, body, { key })) as { dag_run_id: string };
      if (dag.is_paused && unpause) await send("PATCH", path, { is_paused: false });
      return made.dag_run_id;
    },
    onError: (error) => {
      if (error instanceof ApiError && error.status >= 400 && error.status < 500) setKey(newKey());
    },
    onSuccess: (runId) => {
      lookAgain();
      void navigate({ to: "/dags/$dagId/runs/$runId", params: { dagId: dag.dag_id, runId } });
    },
  });
  const refusal = start.error && !start.isPending ? start.error : null;
  const refused = refusal ? refusedField(refusal.message, fields) : null;
  const change = (next: Draft): void => {
    setDraft(next);
    start.reset();
  };
  const canSend = body !== null && problems === 0 && !start.isPending;
  return (
    <form className="trigger" onSubmit={(event) => { event.preventDefault(); if (canSend) start.mutate(); }}>
      <div className="pagehead">
        <h1>{t("trigger.title", { dag: dag.dag_display_name })}</h1>
        {dag.latest_dag_version && <span className="small mute">{t("trigger.under", { version: String(dag.latest_dag_version.version_number) })}</span>}
      </div>
      <div className="triggerbody">
        <div className="actform">
          {first.isBad && <p className="why small" data-s="up_for_retry" role="status">{t("trigger.linkBad")}</p>}
          <div className="row wrap">
            {fields.length > 0 && (
              <div className="seg" role="group" aria-label={t("trigger.tabs")}>
                <button type="button" aria-pressed={!inJson} onClick={() => { setInJson(false); }}>{t("trigger.form")}</button>
                <button type="button" aria-pressed={inJson} onClick={() => { setInJson(true); }}>{t("trigger.json")}</button>
              </div>
            )}
            <span className="push" />
            <Presets dagId={dag.dag_id} fields={fields} take={(taken) => { change(draftOf(fields, taken)); }} />
          </div>
          {fields.length === 0 && <p className="small mute">{t("trigger.noParams")}</p>}
          {inJson
            ? <JsonTab draft={draft} change={change} />
            : <Fields fields={fields} draft={draft} changed={changed} refused={refused} sentence={refusal?.message ?? ""} change={change} />}
          <RunInputs run={run} change={(next) => { setRun({ ...run, ...next }); start.reset(); }} zone={zone} />
          {dag.is_paused && (
            <label className="row small">
              <input type="checkbox" checked={unpause} onChange={(event) => { setUnpause(event.target.checked); }} />
              {t("trigger.unpause")} <span className="mute">{unpause ? "" : t("trigger.paused")}</span>
            </label>
          )}
        </div>
        <aside className="preview">
          <div className="row wrap">
            <h3>{t("trigger.sent")}</h3>
            <span className="push" />
            {body && <CopyButton quiet label={t("trigger.curl")} text={curlOf(dag.dag_id, body)} />}
            {conf && <CopyButton quiet label={t("trigger.link")} text={linkOf(dag.dag_id, confOf(conf, fields), run, zone)} />}
          </div>
          {body ? <Sent body={body} changed={changed} /> : <p className="small mute">{t("trigger.sentNone")}</p>}
        </aside>
      </div>
      <footer className="triggerfoot">
        {problems > 0 && <span className="small bad state"><i className="st" data-s="failed" aria-hidden="true" />{t("trigger.toCorrect", { count: problems })}</span>}
        {refused === null && <Refusal error={refusal} inline />}
        <Link to="/dags/$dagId" params={{ dagId: dag.dag_id }} className="btn push">{t("cancel")}</Link>
        <button type="submit" className="btn primary" aria-disabled={!canSend}><Icon name="play" small />{t("trigger.run")}</button>
      </footer>
    </form>
  );
};

const bodyOf = (conf: Conf, run: RunFields, zone: string): Record<string, unknown> => {
  const iso = (text: string): string | null => {
    const at = momentOfLocal(text, zone);
    return at === null ? null : isoIn(at, zone);
  };
  return {
    logical_date: iso(run.logical),
    conf,
    ...(run.start ? { run_after: iso(run.start) } : {}),
    ...(run.runId ? { dag_run_id: run.runId } : {}),
    ...(run.note ? { note: run.note } : {}),
  };
};

const curlOf = (dagId: string, body: unknown): string => {
  const quoted = JSON.stringify(body).replaceAll("'", "'\\''");
  return `curl -X POST '${location.origin}${BASE}/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns' -H "authorization: Bearer $TOKEN" -H 'content-type: application/json' -d '${quoted}'`;
};

/** What of a conf is not the Dag's own anyway. */
const confOf = (conf: Conf, fields: readonly ParamField[]): Conf => {
  const own = new Map(fields.map((field) => [field.name, field.value]));
  return Object.fromEntries(Object.entries(conf).filter(([name, value]) => !own.has(name) || !isSame(own.get(name), value)));
};

const linkOf = (dagId: string, conf: Conf, run: RunFields, zone: string): string => {
  const query = new URLSearchParams();
  if (Object.keys(conf).length) query.set("conf", JSON.stringify(conf));
  const logical = momentOfLocal(run.logical, zone);
  if (logical !== null) query.set("logical_date", isoIn(logical, zone));
  if (run.note) query.set("note", run.note);
  const said = query.toString();
  return `${location.origin}${BASE}/dags/${encodeURIComponent(dagId)}/trigger${said ? `?${said}` : ""}`;
};

interface FieldsProps {
  fields: readonly ParamField[];
  draft: Draft;
  changed: ReadonlySet<string>;
  refused: string | null;
  sentence: string;
  change: (draft: Draft) => void;
}

const Fields = ({ fields, draft, changed, refused, sentence, change }: FieldsProps) => {
  const known = new Set(fields.map((field) => field.name));
  const further = Object.keys(draft.conf).filter((name) => !known.has(name));
  const input = (field: ParamField): ReactNode => (
    <ParamInput key={field.name} field={field} draft={draft} problem={problemOf(draft, field)} refusal={refused === field.name ? sentence : ""} isChanged={changed.has(field.name)} change={change} />
  );
  const sections = [...new Set(fields.map((field) => field.section))];
  return (
    <>
      {sections.map((section) => section === "" ? fields.filter((field) => field.section === "").map(input) : (
        <fieldset key={section} className="section">
          <legend><h2>{section}</h2></legend>
          <div className="actform">{fields.filter((field) => field.section === section).map(input)}</div>
        </fieldset>
      ))}
      {/* What a link or another run gave beside the params is sent too, so it is seen too. */}
      {further.map((name) => input({
        name, kind: "json", title: name, description: "", section: "", value: null, nullable: true, required: false, choices: [], examples: [],
        minimum: null, maximum: null, minLength: null, maxLength: null, fixed: false,
      }))}
    </>
  );
};

const JsonTab = ({ draft, change }: { draft: Draft; change: (draft: Draft) => void }) => {
  const t = useTexts(messages);
  const id = useId();
  const text = shownJson(draft);
  return (
    <div className="field">
      <label htmlFor={id} className="sr">{t("trigger.json")}</label>
      <textarea id={id} className={`input mono${draft.jsonProblem ? " wrong" : ""}`} rows={Math.min(30, Math.max(8, text.split("\n").length + 1))} spellCheck={false} value={text} aria-invalid={draft.jsonProblem !== null} onChange={(event) => { change(typeJson(draft, event.target.value)); }} />
      {draft.jsonProblem && <span className="hint bad" role="alert">{t(`problem.${draft.jsonProblem.code}`, { wanted: String(draft.jsonProblem.wanted ?? "") })}</span>}
    </div>
  );
};

const RunInputs = ({ run, change, zone }: { run: RunFields; change: (next: Partial<RunFields>) => void; zone: string }) => {
  const t = useTexts(messages);
  const id = useId();
  return (
    <fieldset className="section">
      <div className="two">
        <div className="field">
          <label htmlFor={`${id}-l`}>{t("trigger.logical")}</label>
          <input id={`${id}-l`} className="input mono" type="datetime-local" step={1} value={run.logical} onChange={(event) => { change({ logical: event.target.value }); }} />
          <span className="hint">{zone} · {t("trigger.logicalHint")}</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-s`}>{t("trigger.start")}</label>
          <input id={`${id}-s`} className="input mono" type="datetime-local" step={1} value={run.start} onChange={(event) => { change({ start: event.target.value }); }} />
          <span className="hint">{zone} · {t("trigger.startHint")}</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-r`}>{t("trigger.runId")}</label>
          <input id={`${id}-r`} className="input mono" value={run.runId} maxLength={250} spellCheck={false} onChange={(event) => { change({ runId: event.target.value }); }} />
          <span className="hint">{t("trigger.runIdHint")}</span>
        </div>
        <div className="field">
          <label htmlFor={`${id}-n`}>{t("trigger.note")}</label>
          <input id={`${id}-n`} className="input" value={run.note} maxLength={1000} onChange={(event) => { change({ note: event.target.value }); }} />
        </div>
      </div>
    </fieldset>
  );
};

/** What is sent, line by line; what differs from the Dag's own values is marked. */
const Sent = ({ body, changed }: { body: Record<string, unknown>; changed: ReadonlySet<string> }) => (
  <pre className="kv" tabIndex={0}>
    {namedLines(written(body as Conf)).map(({ line, name }, n) => <span key={n} className={name && changed.has(name) ? "ch" : undefined}>{line}{"\n"}</span>)}
  </pre>
);

/** The lines of what is sent, each with the name in the conf that it is of. */
const namedLines = (text: string): { line: string; name: string }[] => {
  let name = "";
  return text.split("\n").map((line) => {
    const found = /^ {4}("(?:[^"\\]|\\.)*"):/.exec(line)?.[1];
    if (found) name = JSON.parse(found) as string;
    else if (/^ {0,2}\S/.test(line)) name = "";
    return { line, name };
  });
};

const MOST_PRESETS = 5;

/** The values that the last runs had, each once. */
const Presets = ({ dagId, fields, take }: { dagId: string; fields: readonly ParamField[]; take: (conf: Conf) => void }) => {
  const t = useTexts(messages);
  const { data } = useQuery({
    queryKey: ["dag", dagId, "confs"],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns", { params: { path: { dag_id: dagId }, query: { limit: 30, run_type: ["manual"], order_by: ["-run_after"] } } })),
    staleTime: 30_000,
  });
  const own = draftOf(fields).conf;
  const found = new Map<string, { runId: string; conf: Conf }>();
  for (const run of data?.dag_runs ?? []) {
    const conf = (run.conf ?? {}) as Conf;
    const whole = written({ ...own, ...conf });
    if (!isSame({ ...own, ...conf }, own) && !found.has(whole) && found.size < MOST_PRESETS) found.set(whole, { runId: run.dag_run_id, conf });
  }
  const presets = [...found.values()];
  return (
    <label className="row small mute">
      {t("trigger.preset")}
      <select className="chip" value="" onChange={(event) => { take(event.target.value === "own" ? {} : (presets[Number(event.target.value)]?.conf ?? {})); }}>
        <option value="" disabled>{t("trigger.preset.none")}</option>
        <option value="own">{t("trigger.preset.own")}</option>
        {presets.map((preset, n) => <option key={preset.runId} value={n}>{t("trigger.preset.run", { run: preset.runId })}</option>)}
      </select>
    </label>
  );
};

