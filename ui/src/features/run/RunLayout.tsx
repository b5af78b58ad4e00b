import { Link, Outlet, useChildMatches, useNavigate, useParams } from "@tanstack/react-router";
import type { ReactNode } from "react";
import type { Schemas } from "../../api/client";
import { useLive } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { isFinished, stateOf } from "../../lib/states";
import { clockTime, duration, shortTime, wholeTime } from "../../lib/time";
import { type Action, ActionMenu } from "../../parts/ActionMenu";
import { CopyButton } from "../../parts/CopyButton";
import { Icon } from "../../parts/Icon";
import { TabBar } from "../../parts/TabBar";
import { Trouble } from "../../parts/Trouble";
import { Why } from "../../parts/Why";
import { rerunFailed, useActs } from "../act";
import { type FirstView, firstView } from "./firstView";
import { byText, typeText } from "./made";
import { messages } from "./text";
import { useRun, useWhy } from "./useRun";
import "./run.css";

type Head = Schemas["RunHead"];

/** A run: what it is, how far it came, why it waits, what to do; and the views of it. */
export const RunLayout = () => {
  const { dagId, runId } = useParams({ from: "/shell/dags/$dagId/runs/$runId" });
  const t = useTexts(messages);
  const { data, error, refetch } = useRun(dagId, runId);
  useLive([`run:${dagId}/${runId}`]);
  useTitle(`${dagId} ${runId}`, data ? stateOf(data.state) : null);
  const first = useChildMatches({ select: (matches) => matches[0]?.routeId.endsWith("$runId/") ?? false }) && firstView();
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  const count = Object.values(data.states).reduce((sum, each) => sum + each, 0);
  const current = (view: FirstView) => (first === view ? { "aria-current": "page" as const } : {});
  const tab = { params: { dagId, runId }, activeProps: { "aria-current": "page" as const }, activeOptions: { includeSearch: false } };
  return (
    <>
      <Identity head={data} />
      <Facts head={data} count={count} />
      <WhyNot head={data} />
      <TabBar label={t("run.tabs")}>
        <Link to="/dags/$dagId/runs/$runId/gantt" {...tab} {...current("gantt")}>{t("run.gantt")}</Link>
        <Link to="/dags/$dagId/runs/$runId/graph" {...tab}>{t("run.graph")}</Link>
        <Link to="/dags/$dagId/runs/$runId/tasks" {...tab} {...current("tasks")}>{t("run.tasks")}<span className="n">{count}</span></Link>
        <Link to="/dags/$dagId/runs/$runId/conf" {...tab}>{t("run.conf")}</Link>
        <Link to="/dags/$dagId/runs/$runId/events" {...tab}>{t("run.events")}</Link>
      </TabBar>
      <Outlet />
    </>
  );
};

const Identity = ({ head }: { head: Head }) => {
  const t = useTexts(messages);
  const navigate = useNavigate();
  const { act, dialog } = useActs();
  const run = { dagId: head.dag_id, runId: head.run_id };
  const state = stateOf(head.state);
  const neighbour = (runId: string | null, icon: "left" | "right", label: "run.before" | "run.after"): ReactNode =>
    runId === null
      ? <span className="btn quiet icon" aria-hidden="true"><span className="dim"><Icon name={icon} small /></span></span>
      : <Link to="/dags/$dagId/runs/$runId" params={{ dagId: head.dag_id, runId }} className="btn quiet icon" aria-label={t(label, { run: runId })} title={t(label, { run: runId })}><Icon name={icon} small /></Link>;
  const actions: Action[] = [
    ...(head.may_change ? [
      { key: "all", label: t("run.rerunAll"), act: () => { act({ kind: "clear", aim: { ...run, tasks: "all" } }); } },
      ...(["success", "failed", "queued"] as const).filter((mark) => mark !== head.state && (mark !== "queued" || isFinished(state)))
        .map((mark) => ({ key: mark, label: t(`run.mark.${mark}`), act: () => { act({ kind: "markRun", ...run, state: mark }); } })),
      { key: "note", label: t("run.note"), act: () => { act({ kind: "note", ...run, note: head.note }); } },
    ] : []),
    ...(head.may_run ? [{ key: "again", label: t("run.again"), act: () => { void navigate({ to: "/dags/$dagId/trigger", params: { dagId: head.dag_id }, search: head.conf === "{}" ? {} : { conf: head.conf } }); } }] : []),
    ...(head.may_delete ? [{ key: "delete", label: t("run.delete"), danger: true, act: () => { act({ kind: "deleteRun", ...run, done: () => { void navigate({ to: "/dags/$dagId", params: { dagId: head.dag_id } }); } }); } }] : []),
  ];
  return (
    <div className="pagehead">
      <h1 className="runid">{head.run_id}</h1>
      <span className="badge" data-s={state}><i className="st" data-s={state} aria-hidden="true" />{t(`state.${state}`)}</span>
      <span className="row neighbours">{neighbour(head.run_before, "left", "run.before")}{neighbour(head.run_after_it, "right", "run.after")}</span>
      <span className="push" />
      <span className="hide-narrow"><CopyButton quiet text={head.run_id} label={t("run.copyId")} /></span>
      {head.may_change && (head.failed.length > 0
        ? <button type="button" className="btn primary" onClick={() => { act(rerunFailed(run)); }}><Icon name="redo" small />{t("run.rerunFailed", { count: head.failed.length })}</button>
        : <button type="button" className="btn" onClick={() => { act({ kind: "clear", aim: { ...run, tasks: "all" } }); }}><Icon name="redo" small />{t("run.rerun")}</button>)}
      {actions.length > 0 && <ActionMenu label={t("run.more")} actions={actions} />}
      {dialog}
    </div>
  );
};

const Facts = ({ head, count }: { head: Head; count: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(head.now, head.start !== null && head.end === null));
  const over = Object.entries(head.states).reduce((sum, [state, each]) => (isFinished(stateOf(state)) ? sum + each : sum), 0);
  const fact = (name: string, value: ReactNode, title?: string): ReactNode => <div title={title}>{name}<b>{value}</b></div>;
  const interval = head.interval_start !== null && head.interval_end !== null && head.interval_end !== head.interval_start;
  return (
    <div className="facts">
      {head.start === null ? fact(t("run.starts"), shortTime(head.run_after, clock), wholeTime(head.run_after, clock)) : fact(t("run.started"), `${shortTime(head.start, clock)}:${clockTime(head.start, clock).slice(-2)}`, wholeTime(head.start, clock))}
      {head.start !== null && fact(head.end === null ? t("run.elapsed") : t("run.took"), duration((head.end ?? clock.now) - head.start))}
      {head.usual !== null && fact(t("run.usual"), <>{duration(head.usual)} <span className="small dim">p50</span></>)}
      {fact(t("run.done"), `${String(over)} / ${String(count)}`)}
      {head.version !== null && fact(t("run.version"), <>v{head.version}{head.is_newest_version && <span className="small dim"> {t("run.newest")}</span>}</>)}
      {fact(t("run.by"), byText(head, t), typeText(head, t))}
      {interval && head.interval_start !== null && head.interval_end !== null
        ? fact(t("run.interval"), `${shortTime(head.interval_start, clock)} – ${shortTime(head.interval_end, clock)}`, `${wholeTime(head.interval_start, clock)} – ${wholeTime(head.interval_end, clock)}`)
        : head.logical_date !== null && fact(t("run.logical"), shortTime(head.logical_date, clock), wholeTime(head.logical_date, clock))}
      {head.partition_key !== null && fact(t("run.partition"), <span className="id">{head.partition_key}</span>)}
      {head.clears > 0 && fact(t("run.rerun").replace("…", ""), t("run.clears", { count: head.clears }))}
    </div>
  );
};

const MOST_REASONS = 3;
/** What goes by itself in its course needs no reason on top. */
const COMMON = new Set(["running", "upstream", "finished"]);

/** Why a run that is not over is not, as the scheduler says it. */
const WhyNot = ({ head }: { head: Head }) => {
  const t = useTexts(messages);
  const state = stateOf(head.state);
  const { data } = useWhy(head.dag_id, head.run_id, !isFinished(state));
  const told = (data?.reasons ?? []).filter((reason) => !COMMON.has(reason.code));
  const own = head.reason && !isFinished(state) ? head.reason : "";
  if (isFinished(state) || (!told.length && !own)) return null;
  return (
    <section className="runwhy" aria-label={t("run.why")}>
      {told.slice(0, MOST_REASONS).map((reason) => (
        <p key={reason.code + reason.sentence} className="why small" data-s={state === "queued" ? "queued" : "scheduled"}>
          {reason.tasks.length > 0 && <b className="id">{reason.tasks[0]}{reason.tasks.length > 1 && ` ${t("run.whyMore", { count: reason.tasks.length - 1 })}`}: </b>}
          <Why reason={reason} dagId={head.dag_id} now={head.now} />
        </p>
      ))}
      {told.length > MOST_REASONS && <p className="small dim">{t("run.whyMore", { count: told.length - MOST_REASONS })}</p>}
    </section>
  );
};
