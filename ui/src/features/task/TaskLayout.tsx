import { Link, Outlet, useChildMatches } from "@tanstack/react-router";
import { useEffect } from "react";
import { useLive } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { clockTime, duration, shortTime, wholeTime } from "../../lib/time";
import { operatorText } from "../../lib/words";
import { Icon } from "../../parts/Icon";
import { Menu } from "../../parts/Menu";
import { TabBar } from "../../parts/TabBar";
import { Trouble } from "../../parts/Trouble";
import { Why } from "../../parts/Why";
import { useActs } from "../act";
import { messages } from "./text";
import { type TaskPage, useTask, useTaskName } from "./useTask";
import "./task.css";

const PATH = "/dags/$dagId/runs/$runId/tasks/$taskId";

/** A task instance: what it is and how it fares, why it waits or what went wrong, and the views of it. */
export const TaskLayout = () => {
  const { dagId, runId, taskId, index } = useTaskName();
  const t = useTexts(messages);
  const { data, error, refetch } = useTask();
  useLive([`run:${dagId}/${runId}`]);
  const state = data?.state;
  useEffect(() => {
    document.title = `${taskId}${index === undefined ? "" : ` [${String(index)}]`}${state ? `, ${t(`state.${stateOf(state)}`)}` : ""} · ${dagId} · Tradewind`;
  }, [dagId, taskId, index, state, t]);
  // The child's own pattern and not its address, in which a task may be called like a tab.
  const shown = useChildMatches({ select: (matches) => (matches[0]?.fullPath ?? PATH).slice(PATH.length).replaceAll("/", "") });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  const params = { dagId, runId, taskId };
  const tab = (to: string, text: string, count?: number) => (
    <Link to={`${PATH}${to}` as typeof PATH} params={params} search={(old) => kept(old)} activeOptions={{ exact: true, includeSearch: false }} activeProps={{ "aria-current": "page" }}>
      {text}{count !== undefined && count > 0 && <span className="n">{count}</span>}
    </Link>
  );
  return (
    <>
      <Head page={data} />
      {shown !== "why" && <Notice page={data} short={shown === ""} />}
      <TabBar label={t("task.tabs")}>
        {tab("", t("task.log"))}
        {data.state !== "success" && tab("/why", t("why.tab"))}
        {tab("/details", t("task.details"))}
        {tab("/rendered", t("task.rendered"))}
        {tab("/xcom", t("task.xcom"))}
        {tab("/tries", t("task.tries"), data.tries.length)}
        {data.is_mapped && tab("/mapped", t("task.mapped"), data.kin?.count)}
        {tab("/events", t("task.events"))}
      </TabBar>
      <Outlet />
    </>
  );
};

const kept = (search: { index?: number; try?: number }): { index?: number; try?: number } => ({
  ...(search.index === undefined ? {} : { index: search.index }), ...(search.try === undefined ? {} : { try: search.try }),
});

const Head = ({ page }: { page: TaskPage }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const { act, dialog } = useActs();
  const state = stateOf(page.state);
  const named = { taskId: page.task_id, ...(page.map_index >= 0 ? { index: page.map_index } : {}) };
  const aim = { dagId: page.dag_id, runId: page.run_id, tasks: [named] };
  const last = page.tries.at(-1);
  const facts = [
    operatorText(page.operator),
    page.version === null ? "" : t("task.version", { version: page.version }),
    page.start === null ? "" : t("task.started", { time: clockTime(page.start, clock) }),
    last?.worker ? t("task.on", { worker: last.worker }) : "",
    page.start !== null && page.end !== null ? t("task.took", { duration: duration(page.end - page.start) }) : "",
  ];
  return (
    <div className="pagehead">
      <h1>{page.display_name}{page.map_index >= 0 && <span className="mute"> [{page.label || page.map_index}]</span>}</h1>
      <span className="badge" data-s={state}><i className="st" data-s={state} aria-hidden="true" />{t(`state.${state}`)}</span>
      <span className="small mute">
        <Link className="link" to="/dags/$dagId" params={{ dagId: page.dag_id }} search={{ run: page.run_id, task: page.task_id }} title={wholeTime(page.run_after, clock)}>{t("task.runOf", { time: shortTime(page.logical_date ?? page.run_after, clock) })}</Link>
        <span className="hide-narrow"> · {facts.filter(Boolean).join(" · ")}</span>
      </span>
      <span className="push" />
      {page.kin && page.kin.count > 0 && <MapNav page={page} />}
      {page.may_edit && (
        <>
          <Menu
            label={t("task.mark")}
            items={(["success", "failed", "skipped"] as const).map((mark) => ({ text: t("task.markAs", { state: t(`state.${mark}`) }), run: () => { act({ kind: "mark", aim, state: mark }); } }))}
          />
          <button type="button" className={state === "failed" ? "btn primary" : "btn"} onClick={() => { act({ kind: "clear", aim, reach: { downstream: true } }); }}><Icon name="play" small />{t("task.clear")}</button>
        </>
      )}
      {dialog}
    </div>
  );
};

const MapNav = ({ page }: { page: TaskPage }) => {
  const t = useTexts(messages);
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  const { kin } = page;
  if (!kin) return null;
  const to = (index: number | null, text: string, label: string) =>
    index === null ? <button type="button" disabled aria-label={label}>{text}</button> : <Link to="." params={params} search={(old: object) => ({ ...old, index, try: undefined })} aria-label={label}>{text}</Link>;
  return (
    <div className="seg">
      {to(kin.before, "‹", t("task.before"))}
      <Link to={`${PATH}/mapped`} params={params}>{t("task.instance", { place: kin.place, count: kin.count })}</Link>
      {to(kin.after, "›", t("task.after"))}
    </div>
  );
};

/** Why it waits; what went wrong. */
const Notice = ({ page, short }: { page: TaskPage; short: boolean }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const state = stateOf(page.state);
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  const isWrong = state === "failed" || state === "upstream_failed" || state === "up_for_retry";
  const why = state === "running" ? [] : page.why;
  if (!isWrong && why.length === 0) return null;
  const errors = short ? [] : page.errors;
  return (
    <div className="notice" aria-label={isWrong ? t("task.wrong") : t("task.why")} role="group">
      {why.map((reason) => <div key={reason.sentence} className="why small" data-s={state}><Why reason={reason} dagId={page.dag_id} now={page.now} /></div>)}
      {isWrong && page.reason && <div className="why small" data-s="failed"><code className="bad">{page.reason}</code></div>}
      {isWrong && errors.length > 0 && (
        <div className="logtail" tabIndex={0} aria-label={t("task.lastErrors")}>
          {errors.map((row, n) => <div key={n} className={row.kind === "trace" || row.kind === "more" ? "d" : "e"}>{row.at === null ? "" : `${clockTime(row.at, clock)} `}{row.text}</div>)}
          <Link className="link" to={PATH} params={params} search={(old) => ({ ...kept(old), levels: "EW" })}>{t("task.log")}</Link>
        </div>
      )}
    </div>
  );
};
