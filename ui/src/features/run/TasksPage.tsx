import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import type { Schemas } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { barsOf, type GanttRow, ganttRows, readyAt, spanOf, triesSince } from "../../lib/gantt";
import { type State, STATES, stateOf } from "../../lib/states";
import { duration, shortTime, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { type Named, useActs } from "../act";
import { taskAddress } from "./addresses";
import type { TasksSearch } from "./routes";
import { messages } from "./text";
import { useMoving, useRun, useTimeline } from "./useRun";

export const TasksPage = () => {
  const params = useParams({ from: "/shell/dags/$dagId/runs/$runId/tasks" });
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/tasks" });
  return <TasksOf {...params} search={search} />;
};

/** The tasks of a run as a list, to look through and to act on. */
export const TasksOf = ({ dagId, runId, search }: { dagId: string; runId: string; search: TasksSearch }) => {
  const t = useTexts(messages);
  const navigate = useNavigate();
  const { data: head } = useRun(dagId, runId);
  const { data: timeline, error, refetch } = useTimeline(dagId, runId);
  const data = useMoving(timeline);
  const [opened, setOpened] = useState<ReadonlySet<string>>(new Set());
  const [chosen, setChosen] = useState<ReadonlyMap<string, Named>>(new Map());
  const counts = useMemo(() => countsOf(data), [data]);
  const rows = useMemo(() => (data ? fitting(data, ganttRows({ ...data, rows: flat(data) }, opened, "group"), search) : []), [data, opened, search]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data || !head) return null;
  const set = (change: Partial<TasksSearch>): void => {
    void navigate({ to: "/dags/$dagId/runs/$runId/tasks", params: { dagId, runId }, search: said({ ...search, ...change }), replace: true });
  };
  const toggle = (key: string): void => {
    setOpened((old) => { const next = new Set(old); if (!next.delete(key)) next.add(key); return next; });
  };
  const choose = (row: GanttRow, task: Schemas["TimedTask"]): void => {
    setChosen((old) => {
      const next = new Map(old);
      const named: Named = { taskId: task.task_id, ...(row.kind === "instance" && row.instance ? { index: row.instance.map_index } : {}) };
      if (!next.delete(row.key)) next.set(row.key, named);
      return next;
    });
  };
  return (
    <div className="tasklist">
      <div className="bar">
        <label className="input search"><Icon name="search" small /><input value={search.q ?? ""} placeholder={t("tasks.search")} aria-label={t("tasks.search")} onChange={(event) => { set({ q: event.target.value }); }} /></label>
        <button type="button" className="chip" aria-pressed={!search.state} onClick={() => { set({ state: "" }); }}>{t("tasks.all")}</button>
        {counts.map(({ state, count }) => (
          <button key={state} type="button" className="chip" aria-pressed={search.state === state} onClick={() => { set({ state: search.state === state ? "" : state }); }}>
            <i className="st" data-s={state} aria-hidden="true" />{t(`state.${state}`)}<b>{count}</b>
          </button>
        ))}
      </div>
      {head.may_change && chosen.size > 0 && <Chosen dagId={dagId} runId={runId} chosen={[...chosen.values()]} clear={() => { setChosen(new Map()); }} />}
      {rows.length === 0 ? <p className="trouble mute">{t("tasks.none")}</p> : (
        <table className="taskrows" aria-label={t("tasks.list")}>
          <thead>
            <tr>
              {head.may_change && <th scope="col" className="choose"><span className="sr">{t("tasks.choose", { task: "" })}</span></th>}
              <th scope="col">{t("col.task")}</th>
              <th scope="col">{t("col.state")}</th>
              <th scope="col" className="num hide-narrow">{t("col.waited")}</th>
              <th scope="col" className="num">{t("col.ran")}</th>
              <th scope="col" className="num hide-narrow">{t("col.start")}</th>
              <th scope="col" className="num hide-narrow">{t("col.tries")}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <TaskLine key={row.key} dagId={dagId} runId={runId} run={data} row={row} isOpen={opened.has(row.key)} toggle={toggle} mayChoose={head.may_change} isChosen={chosen.has(row.key)} choose={choose} />
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
};

type Run = Schemas["RunTimeline"];

/** Every task by its whole id: what is in a group is a line like any other here. */
const flat = (run: Run): Run["rows"] => run.tasks.map((task, place) => ({ id: task.task_id, label: task.task_id, depth: 0, is_group: false, tasks: [place] }));

const countsOf = (run: Run | undefined): { state: State; count: number }[] => {
  const counts = new Map<State, number>();
  for (const task of run?.tasks ?? []) for (const [state, count] of Object.entries(task.states)) counts.set(stateOf(state), (counts.get(stateOf(state)) ?? 0) + count);
  return STATES.filter((state) => counts.has(state)).map((state) => ({ state, count: counts.get(state) ?? 0 }));
};

const fitting = (run: Run, rows: readonly GanttRow[], search: TasksSearch): GanttRow[] => {
  const wanted = (search.q ?? "").trim().toLowerCase();
  return rows.filter((row) => {
    const task = run.tasks[row.tasks[0] ?? -1];
    if (!task || !task.task_id.toLowerCase().includes(wanted)) return false;
    if (!search.state) return true;
    return row.kind === "task" ? search.state in task.states : row.kind === "instance" && row.state === search.state;
  });
};

const Chosen = ({ dagId, runId, chosen, clear }: { dagId: string; runId: string; chosen: readonly Named[]; clear: () => void }) => {
  const t = useTexts(messages);
  const { act, dialog } = useActs();
  const aim = { dagId, runId, tasks: chosen };
  return (
    <div className="bar chosen" role="region" aria-label={t("tasks.chosen", { count: chosen.length })}>
      <b className="med">{t("tasks.chosen", { count: chosen.length })}</b>
      <button type="button" className="btn" onClick={() => { act({ kind: "clear", aim, reach: { downstream: true } }); }}><Icon name="redo" small />{t("tasks.clear")}</button>
      {(["success", "failed", "skipped"] as const).map((state) => <button key={state} type="button" className="btn" onClick={() => { act({ kind: "mark", aim, state }); }}>{t(`tasks.${state}`)}</button>)}
      <button type="button" className="btn quiet push" onClick={clear}>{t("tasks.unchoose")}</button>
      {dialog}
    </div>
  );
};

interface LineProps {
  dagId: string;
  runId: string;
  run: Run;
  row: GanttRow;
  isOpen: boolean;
  toggle: (key: string) => void;
  mayChoose: boolean;
  isChosen: boolean;
  choose: (row: GanttRow, task: Schemas["TimedTask"]) => void;
}

const TaskLine = ({ dagId, runId, run, row, isOpen, toggle, mayChoose, isChosen, choose }: LineProps) => {
  const t = useTexts(messages);
  const clock = useClock(run.now);
  const task = run.tasks[row.tasks[0] ?? -1];
  if (!task) return null;
  if (row.kind === "rest") return <tr><td /><td colSpan={6} className="dim inner">{t("gantt.rest", { count: row.count })}</td></tr>;
  const span = spanOf(run);
  const bars = row.instance ? barsOf(row.instance, readyAt(run, task, span), span, run.now) : [];
  const spent = (kind: "run" | "wait"): number => bars.filter((bar) => (bar.kind === "run") === (kind === "run")).reduce((sum, bar) => sum + bar.to - bar.from, 0);
  const start = row.instance ? row.instance.start : task.start;
  // What a run that was cleared did not run again took what it took before.
  const before = row.instance?.start != null && row.instance.end !== null ? row.instance.end - row.instance.start : 0;
  const ran = bars.length ? spent("run") : before;
  const tries = row.instance ? triesSince(row.instance, span.from).length || row.instance.tries.length : 0;
  return (
    <tr className={isChosen ? "sel" : ""}>
      {mayChoose && <td className="choose"><input type="checkbox" checked={isChosen} aria-label={t("tasks.choose", { task: `${task.task_id} ${row.kind === "instance" ? row.label : ""}` })} onChange={() => { choose(row, task); }} /></td>}
      <th scope="row" className={row.kind === "instance" ? "inner" : ""}>
        {row.count > 0 && <button type="button" className="btn quiet icon turn" aria-expanded={isOpen} aria-label={task.task_id} onClick={() => { toggle(row.key); }}><Icon name={isOpen ? "down" : "right"} small /></button>}
        <Link to={taskAddress(dagId, runId, task.task_id, row.instance?.map_index ?? -1)} className="id">{row.label}</Link>
        {row.count > 0 && <span className="dim id"> [{row.count}]</span>}
      </th>
      <td>{row.count > 0 ? <span className="row">{Object.entries(task.states).map(([state, count]) => <span key={state} className="state" title={t(`state.${stateOf(state)}`)}><i className="st" data-s={stateOf(state)} role="img" aria-label={t(`state.${stateOf(state)}`)} />{count}</span>)}</span> : <StateName state={row.state} />}</td>
      <td className="num hide-narrow mute">{spent("wait") > 0 ? duration(spent("wait")) : "–"}</td>
      <td className="num">{ran > 0 ? duration(ran) : row.count > 0 && task.start !== null ? duration((task.end ?? run.now) - task.start) : "–"}</td>
      <td className="num hide-narrow mute" title={start === null ? undefined : wholeTime(start, clock)}>{start === null ? "–" : shortTime(start, clock)}</td>
      <td className="num hide-narrow mute">{tries || "–"}</td>
    </tr>
  );
};
