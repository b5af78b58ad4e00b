import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useEffect, useMemo, useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import type { GridSearch } from "../../app/router";
import { useClock, useSettings, useText } from "../../app/settings";
import { now } from "../../lib/clock";
import { type GridRow, shownRows, type Spot, States } from "../../lib/grid";
import { scheduleText } from "../../lib/schedule";
import { STATES } from "../../lib/states";
import { shortTime, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { StateName } from "../../parts/StateGlyph";
import { Switch } from "../../parts/Switch";
import { Trouble } from "../../parts/Trouble";
import { GridTable } from "./GridTable";
import { GridView } from "./GridView";
import { TaskPanel } from "./TaskPanel";
import "./dag.css";

const USUAL_RUNS = 50;
const COUNTS = [25, USUAL_RUNS, 100, 365] as const;

/** A Dag: its runs by its tasks, and whatever a reader chooses among them. */
export const DagPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId" });
  const search = useSearch({ from: "/shell/dags/$dagId" });
  const runs = search.runs ?? USUAL_RUNS;
  const { data, error, refetch } = useQuery({
    queryKey: ["grid", dagId, runs],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/grid", { params: { path: { dag_id: dagId }, query: { runs } } })),
    placeholderData: keepPreviousData,
    refetchInterval: 2_000,
  });
  const last = data?.runs.at(-1)?.state;
  const t = useText();
  useEffect(() => {
    document.title = `${dagId}${last ? `, ${t(`state.${last as "none"}`)}` : ""} · Tradewind`;
  }, [dagId, last, t]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <Head head={data.dag} runs={data.runs} at={data.now} />
      <Work grid={data} search={search} />
    </>
  );
};

const Head = ({ head, runs, at }: { head: Schemas["DagHead"]; runs: Schemas["GridRun"][]; at: number }) => {
  const t = useText();
  const clock = useClock(at);
  const { language } = useSettings();
  const queries = useQueryClient();
  const again = { onSettled: () => queries.invalidateQueries({ queryKey: ["grid", head.dag_id] }) };
  const path = `/api/v2/dags/${encodeURIComponent(head.dag_id)}`;
  const pause = useMutation({ mutationFn: (paused: boolean) => send("PATCH", path, { is_paused: paused }), ...again });
  const run = useMutation({
    mutationFn: () => send("POST", `${path}/dagRuns`, { logical_date: null, run_after: new Date(now() / 1000).toISOString() }),
    ...again,
  });
  const failed = failedInARow(runs);
  const dayName = (weekday: number): string =>
    new Intl.DateTimeFormat(language, { weekday: "long", timeZone: "UTC" }).format(Date.UTC(2023, 0, 1 + weekday));
  return (
    <div className="pagehead">
      <Switch on={!head.is_paused} label={t("dags.switch", { dag: head.dag_id })} disabled={!head.may_edit} onChange={(on) => { pause.mutate(!on); }} />
      <h1>{head.display_name}</h1>
      {failed > 0 && <span className="badge" data-s="failed"><i className="st" data-s="failed" aria-hidden="true" />{t("dag.failedInARow", { count: failed })}</span>}
      <span className="small mute hide-narrow">
        {scheduleText(head.schedule, t, dayName)}
        {head.next_run_after !== null && !head.is_paused && <span title={wholeTime(head.next_run_after, clock)}> · {t("dag.next", { time: shortTime(head.next_run_after, clock) })}</span>}
        {head.owners.length > 0 && ` · ${head.owners.join(", ")}`}
      </span>
      <span className="push" />
      {head.may_run && <button type="button" className="btn primary" disabled={run.isPending} onClick={() => { run.mutate(); }}><Icon name="play" small />{t("dag.runNow")}</button>}
      {(run.error ?? pause.error) && <p className="bad small" role="alert">{(run.error ?? pause.error)?.message}</p>}
    </div>
  );
};

const failedInARow = (runs: Schemas["GridRun"][]): number => {
  const over = runs.filter((run) => run.end !== null);
  const good = over.findLastIndex((run) => run.state !== "failed");
  return over.length - 1 - good;
};

const Work = ({ grid, search }: { grid: Schemas["Grid"]; search: GridSearch }) => {
  const t = useText();
  const navigate = useNavigate({ from: "/dags/$dagId" });
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const states = useMemo(() => new States(grid.states, grid.tasks.length), [grid.states, grid.tasks.length]);
  const rows = useMemo(() => shownRows(grid.rows, closed, states, Boolean(search.failed)), [grid.rows, closed, states, search.failed]);
  const set = (change: Partial<Record<keyof GridSearch, unknown>>): void => {
    void navigate({ search: (old) => Object.fromEntries(Object.entries({ ...old, ...change }).filter(([, value]) => value !== undefined && value !== false)) as GridSearch, replace: true });
  };
  const run = grid.runs.find((each) => each.run_id === search.run);
  const chosen = spotOf(grid, rows, search);
  const choose = (spot: Spot): void => {
    const row = rows[spot.row];
    const task = row?.is_group ? undefined : row?.id;
    set({ run: grid.runs[spot.run]?.run_id, task, index: undefined });
  };
  const toggle = (group: string): void => {
    setClosed((old) => {
      const next = new Set(old);
      if (!next.delete(group)) next.add(group);
      return next;
    });
  };
  return (
    <>
      <div className="bar">
        <div className="seg" role="group" aria-label={t("dag.runs")}>
          {COUNTS.map((count) => <button key={count} type="button" aria-pressed={(search.runs ?? USUAL_RUNS) === count} onClick={() => { set({ runs: count === USUAL_RUNS ? undefined : count }); }}>{count}</button>)}
        </div>
        <button type="button" className="chip" aria-pressed={Boolean(search.failed)} onClick={() => { set({ failed: !search.failed }); }}><i className="st" data-s="failed" aria-hidden="true" />{t("dag.onlyFailed")}</button>
        <span className="push" />
        <span className="small dim hide-mid">{t("dag.arrows")}</span>
        <button type="button" className="btn quiet" onClick={() => { set({ table: !search.table }); }}>{search.table ? t("dag.asGrid") : t("dag.asTable")}</button>
      </div>
      <div className="work">
        <div className="gridwrap">
          {grid.runs.length === 0 ? <p className="trouble mute">{grid.dag.schedule ? t("dag.noRuns") : t("dag.noRunsByHand")}</p>
            : search.table ? <GridTable grid={grid} states={states} rows={rows} choose={choose} />
            : <GridView grid={grid} states={states} rows={rows} closed={closed} toggle={toggle} chosen={chosen} choose={choose} />}
          <div className="legendbar legend hide-narrow">{STATES.map((state) => <StateName key={state} state={state} />)}<span className="dim">▼ {t("dag.newVersion")}</span></div>
        </div>
        {run && search.task && <TaskPanel key={`${run.run_id} ${search.task}`} dagId={grid.dag.dag_id} run={run} taskId={search.task} index={search.index} close={() => { set({ run: undefined, task: undefined, index: undefined }); }} />}
      </div>
    </>
  );
};

const spotOf = (grid: Schemas["Grid"], rows: readonly GridRow[], search: GridSearch): Spot | null => {
  const run = grid.runs.findIndex((each) => each.run_id === search.run);
  return run < 0 ? null : { run, row: rows.findIndex((row) => row.id === search.task) };
};
