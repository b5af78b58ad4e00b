import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { said } from "../../app/root";
import { useMay, useSession } from "../../app/session";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { newKey } from "../../lib/keys";
import { type Asked, fieldsOf, valueOf } from "../../lib/answers";
import { ago } from "../../lib/words";
import { shortTime, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { Markdown } from "../../parts/Markdown";
import { DagLink, TaskLink } from "../../parts/Places";
import { Refusal } from "../../parts/Refusal";
import { StateGlyph } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import type { InboxSearch } from "./routes";
import { messages } from "./text";
import "./inbox.css";

type Detail = Schemas["HITLDetail"];
const MOST = 100;
const microsOf = (text: string): number => Date.parse(text) * 1000;

/** What tasks ask people, and what was answered. */
export const InboxPage = () => {
  const t = useTexts(messages);
  const search = useSearch({ from: "/shell/inbox" });
  const navigate = useNavigate({ from: "/inbox" });
  const isAnswered = Boolean(search.answered);
  const { data, error, refetch } = useQuery({
    queryKey: ["questions", search],
    queryFn: () =>
      answered(
        server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/hitlDetails", {
          params: {
            path: { dag_id: search.dag ?? "~", dag_run_id: "~" },
            query: {
              limit: MOST,
              response_received: isAnswered,
              order_by: [isAnswered ? "-responded_at" : "created_at"],
              ...(isAnswered ? {} : { state: ["awaiting_input"] }),
              ...(search.q ? { subject_search: search.q } : {}),
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
    meta: useSome("question"),
  });
  const set = (change: Partial<Record<keyof InboxSearch, string | boolean | undefined>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as InboxSearch, replace: true });
  };
  const open = !isAnswered ? data?.total_entries : undefined;
  useTitle(`${open ? `${String(open)} · ` : ""}${t("inbox.title")}`, open ? "awaiting_input" : null);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return (
    <>
      <div className="workhead">
        <h1>{t("inbox.title")}</h1>
        <div className="seg" role="group" aria-label={t("inbox.title")}>
          <button type="button" aria-pressed={!isAnswered} onClick={() => { set({ answered: undefined }); }}>{t("inbox.open")}</button>
          <button type="button" aria-pressed={isAnswered} onClick={() => { set({ answered: true }); }}>{t("inbox.answered")}</button>
        </div>
        <label className="input search"><Icon name="search" small /><input defaultValue={search.q ?? ""} placeholder={t("inbox.search")} aria-label={t("inbox.search")} onChange={(event) => { if (!(event.nativeEvent as InputEvent).isComposing) set({ q: event.target.value.trim() }); }} onCompositionEnd={(event) => { set({ q: event.currentTarget.value.trim() }); }} /></label>
        {search.dag && <button type="button" className="chip" aria-pressed onClick={() => { set({ dag: undefined }); }}>{t("inbox.ofDag", { dag: search.dag })}<Icon name="x" small /></button>}
      </div>
      {data?.hitl_details.length === 0 && <p className="mute">{t(search.q || search.dag ? "inbox.noMatch" : isAnswered ? "inbox.noneAnswered" : "inbox.noneOpen")}</p>}
      <div className="stack">{data?.hitl_details.map((detail) => <Question key={detail.task_instance.id} detail={detail} />)}</div>
      {data && data.total_entries > data.hitl_details.length && <p className="small dim">{t("inbox.more", { count: data.total_entries - data.hitl_details.length })}</p>}
    </>
  );
};

const Question = ({ detail }: { detail: Detail }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(undefined, true, 10));
  const { task_instance: task } = detail;
  const names = (detail.assigned_users ?? []).map(({ name }) => name).join(", ");
  const asked = microsOf(detail.created_at);
  return (
    <section className="sheet question" aria-label={detail.subject}>
      <header>
        <StateGlyph state={detail.response_received ? "success" : "awaiting_input"} />
        <h2>{detail.subject}</h2>
        <span className="aside" title={wholeTime(asked, clock)}>{t("inbox.asked", { when: ago(asked, clock, t) })}</span>
      </header>
      <div className="pad">
        <p className="small row whose">
          <DagLink dagId={task.dag_id} /><span className="dim">/</span>
          <TaskLink dagId={task.dag_id} runId={task.dag_run_id} taskId={task.task_id} mapIndex={task.map_index}>{task.task_id}{task.map_index >= 0 && `[${String(task.map_index)}]`}</TaskLink>
          <span className="dim id cut">{task.dag_run_id}</span>
          {names && <span className="mute">{t("inbox.for", { names })}</span>}
        </p>
        {detail.body && <Markdown text={detail.body} />}
        {detail.response_received ? <Answered detail={detail} /> : <AnswerForm detail={detail} names={names} />}
      </div>
    </section>
  );
};

const Answered = ({ detail }: { detail: Detail }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(undefined, true, 10));
  const options = (detail.chosen_options ?? []).join(", ");
  const at = detail.responded_at ? microsOf(detail.responded_at) : null;
  const values = Object.entries(detail.params_input ?? {});
  return (
    <div className="small">
      <p><b className="med">{detail.responded_by_user ? t("inbox.answeredBy", { options, name: detail.responded_by_user.name }) : t("inbox.byDefault", { options })}</b>{at !== null && <span className="dim" title={wholeTime(at, clock)}> · {shortTime(at, clock)}</span>}</p>
      {values.length > 0 && <dl className="dl">{values.map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd className="id">{JSON.stringify(value)}</dd></div>)}</dl>}
    </div>
  );
};

const AnswerForm = ({ detail, names }: { detail: Detail; names: string }) => {
  const t = useTexts(messages);
  const queries = useQueryClient();
  const may = useMay();
  const { session } = useSession();
  const fields = fieldsOf(detail.params ?? {});
  const [chosen, setChosen] = useState<readonly string[]>(detail.defaults ?? []);
  const [texts, setTexts] = useState<Readonly<Record<string, string>>>({});
  const [isChecked, setChecked] = useState(false);
  const [key] = useState(newKey);
  const { task_instance: task } = detail;
  const values = fields.map((field) => ({ field, found: valueOf(field, texts[field.name] ?? field.first) }));
  const isWrong = values.some(({ found }) => "fault" in found);
  const answer = useMutation({
    mutationFn: (options: readonly string[]) =>
      send(
        "PATCH",
        `/api/v2/dags/${encodeURIComponent(task.dag_id)}/dagRuns/${encodeURIComponent(task.dag_run_id)}/taskInstances/${encodeURIComponent(task.task_id)}/${String(task.map_index)}/hitlDetails`,
        { chosen_options: options, params_input: Object.fromEntries(values.map(({ field, found }) => [field.name, "value" in found ? found.value : null])) },
        { key },
      ),
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: ["questions"] });
      await queries.invalidateQueries({ queryKey: ["counts"] });
    },
  });
  if (!may("edit", "question")) return <p className="small dim">{t("inbox.mayNot")}</p>;
  const isMine = !detail.assigned_users?.length || detail.assigned_users.some(({ id }) => id === session?.name);
  if (!isMine) return <p className="small dim">{t("inbox.notYours", { names })}</p>;
  const toggle = (option: string): void => {
    if (!detail.multiple) setChosen([option]);
    else setChosen(chosen.includes(option) ? chosen.filter((each) => each !== option) : [...chosen, option]);
  };
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setChecked(true);
    if (chosen.length && !isWrong) answer.mutate(chosen);
  };
  return (
    <form onSubmit={submit}>
      <fieldset className="options">
        <legend className="small mute">{t(detail.multiple ? "inbox.some" : "inbox.one")}</legend>
        {detail.options.map((option) => (
          <label key={option} className="option">
            <input type={detail.multiple ? "checkbox" : "radio"} name="option" checked={chosen.includes(option)} onChange={() => { toggle(option); }} />
            {option}{detail.defaults?.includes(option) && <span className="dim small">{t("inbox.default")}</span>}
          </label>
        ))}
      </fieldset>
      {values.map(({ field, found }) => (
        <Field key={field.name} field={field} text={texts[field.name] ?? field.first} fault={isChecked && "fault" in found ? t(`inbox.${found.fault}`) : ""} onChange={(text) => { setTexts({ ...texts, [field.name]: text }); }} />
      ))}
      <div className="row">
        <button type="submit" className="btn" disabled={answer.isPending || !chosen.length}>{chosen.length ? t("inbox.answer", { options: chosen.join(", ") }) : t("inbox.choose")}</button>
        <Refusal error={answer.error} inline />
      </div>
    </form>
  );
};

const Field = ({ field, text, fault, onChange }: { field: Asked; text: string; fault: string; onChange: (text: string) => void }) => {
  const t = useTexts(messages);
  const common = { value: text, "aria-invalid": Boolean(fault), onChange: (event: { target: { value: string } }) => { onChange(event.target.value); } };
  const kind = fault ? "input wrong" : "input";
  return (
    <label className="field">
      <span className="med">{field.label}</span>
      {field.kind === "switch" && <select className={kind} {...common}><option value="true">{t("inbox.yes")}</option><option value="false">{t("inbox.no")}</option></select>}
      {field.kind === "choice" && <select className={kind} {...common}>{!field.first && <option value="" />}{field.options.map((option) => <option key={JSON.stringify(option)} value={JSON.stringify(option)}>{typeof option === "string" ? option : JSON.stringify(option)}</option>)}</select>}
      {field.kind === "json" && <textarea className={`${kind} mono`} rows={3} {...common} />}
      {(field.kind === "text" || field.kind === "number") && <input className={kind} inputMode={field.kind === "number" ? "decimal" : "text"} {...common} />}
      {(fault || field.hint) && <span className={fault ? "hint bad" : "hint"}>{fault || field.hint}</span>}
    </label>
  );
};
