import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { said } from "../../app/root";
import { useTexts } from "../../app/settings";
import { type GridRow, shownRows, type Spot, States } from "../../lib/grid";
import { toggled } from "../../lib/search";
import { STATES } from "../../lib/states";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { GridTable } from "./GridTable";
import { GridView } from "./GridView";
import type { GridSearch } from "./routes";
import { TaskPanel } from "./TaskPanel";
import { messages } from "./text";

const USUAL_RUNS = 50;
const COUNTS = [25, USUAL_RUNS, 100, 365] as const;

/** A Dag's runs by its tasks, and whatever a reader chooses among them. */
export const GridPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/" });
  const search = useSearch({ from: "/shell/dags/$dagId/" });
  const runs = search.runs ?? USUAL_RUNS;
  const { before } = search;
  const { data, error, refetch } = useQuery({
    queryKey: ["grid", dagId, runs, before],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/grid", { params: { path: { dag_id: dagId }, query: { runs, before: before ?? null } } })),
    placeholderData: keepPreviousData,
    // Kept, it would have the newest runs asked for anew where a change of theirs can be put in.
    ...(before === undefined ? {} : { gcTime: 0 }),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return data ? <Work grid={data} search={search} /> : null;
};

const Work = ({ grid, search }: { grid: Schemas["Grid"]; search: GridSearch }) => {
  const t = useTexts(messages);
  const navigate = useNavigate({ from: "/dags/$dagId/" });
  const closed = useMemo(() => new Set(search.closed), [search.closed]);
  const states = useMemo(() => new States(grid.states, grid.tasks.length), [grid.states, grid.tasks.length]);
  const rows = useMemo(() => shownRows(grid.rows, closed, states, Boolean(search.failed)), [grid.rows, closed, states, search.failed]);
  const set = (change: Partial<Record<keyof GridSearch, unknown>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as GridSearch, replace: true });
  };
  const turn = (before: number | undefined): void => { set({ before, run: undefined, task: undefined, index: undefined }); };
  const most = search.runs ?? USUAL_RUNS;
  const run = grid.runs.find((each) => each.run_id === search.run);
  const chosen = spotOf(grid, rows, search);
  const choose = (spot: Spot): void => {
    const row = rows[spot.row];
    const under = grid.runs[spot.run];
    if (!row && under) void navigate({ to: "/dags/$dagId/runs/$runId", params: { dagId: grid.dag_id, runId: under.run_id } });
    if (!row) return;
    set({ run: under?.run_id, task: row.is_group ? undefined : row.id, index: undefined });
  };
  const toggle = (group: string): void => { set({ closed: toggled(search.closed, group) }); };
  const leave = (): void => { set({ run: undefined, task: undefined, index: undefined }); };
  return (
    <>
      <div className="bar">
        <div className="seg" role="group" aria-label={t("dag.runs")}>
          {COUNTS.map((count) => <button key={count} type="button" aria-pressed={most === count} onClick={() => { set({ runs: count === USUAL_RUNS ? undefined : count }); }}>{count}</button>)}
        </div>
        {grid.runs.length === most && <button type="button" className="btn quiet" onClick={() => { turn(grid.runs[0]?.number); }}>{t("dag.earlier")}</button>}
        {search.before !== undefined && <button type="button" className="btn quiet" onClick={() => { turn(undefined); }}>{t("dag.latest")}</button>}
        <button type="button" className="chip" aria-pressed={Boolean(search.failed)} onClick={() => { set({ failed: !search.failed }); }}><i className="st" data-s="failed" aria-hidden="true" />{t("dag.onlyFailed")}</button>
        <span className="push" />
        <span className="small dim hide-mid">{t("dag.arrows")}</span>
        <button type="button" className="btn quiet" onClick={() => { set({ table: !search.table }); }}>{search.table ? t("dag.asGrid") : t("dag.asTable")}</button>
      </div>
      <div className="work">
        <div className="gridwrap">
          {grid.runs.length === 0 ? <p className="trouble mute">{search.before !== undefined ? t("dag.noneEarlier") : grid.schedule ? t("dag.noRuns") : t("dag.noRunsByHand")}</p>
            : search.table ? <GridTable grid={grid} states={states} rows={rows} choose={choose} />
            : <GridView grid={grid} states={states} rows={rows} closed={closed} toggle={toggle} chosen={chosen} choose={choose} leave={leave} />}
          <div className="legendbar legend hide-narrow">{STATES.map((state) => <StateName key={state} state={state} />)}<span className="dim">▼ {t("dag.newVersion")}</span></div>
        </div>
        {run && search.task && <TaskPanel key={`${run.run_id} ${search.task}`} dagId={grid.dag_id} run={run} taskId={search.task} index={search.index} close={leave} />}
      </div>
    </>
  );
};

const spotOf = (grid: Schemas["Grid"], rows: readonly GridRow[], search: GridSearch): Spot | null => {
  const run = grid.runs.findIndex((each) => each.run_id === search.run);
  return run < 0 ? null : { run, row: rows.findIndex((row) => row.id === search.task) };
};
