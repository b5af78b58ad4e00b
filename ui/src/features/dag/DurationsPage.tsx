import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { quantile, regressions } from "../../lib/lengths";
import { isFinished, stateOf } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { LengthChart } from "./LengthChart";
import type { DurationsSearch } from "./routes";
import { messages } from "./text";

const COUNTS = [50, 200, 1000] as const;

/** How long runs took and how long each task does: what is usual, and what took more than twice that. */
export const DurationsPage = () => {
  const t = useTexts(messages);
  const { dagId } = useParams({ from: "/shell/dags/$dagId/durations" });
  const search = useSearch({ from: "/shell/dags/$dagId/durations" });
  const navigate = useNavigate({ from: "/dags/$dagId/durations" });
  const runs = search.runs ?? 200;
  const { data, error, refetch } = useQuery({
    queryKey: ["dag", dagId, "history", runs],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/history", { params: { path: { dag_id: dagId }, query: { runs, tasks: true } } })),
    placeholderData: keepPreviousData,
  });
  const set = (change: Partial<Record<keyof DurationsSearch, unknown>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as DurationsSearch, replace: true });
  };
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <div className="bar">
        <div className="seg" role="group" aria-label={t("dag.runs")}>
          {COUNTS.map((count) => <button key={count} type="button" aria-pressed={runs === count} onClick={() => { set({ runs: count === 200 ? undefined : count }); }}>{count}</button>)}
        </div>
        <span className="small dim hide-mid">{t("durations.marks")}</span>
        <span className="push" />
        <button type="button" className="btn quiet" onClick={() => { set({ table: !search.table }); }}>{search.table ? t("durations.asChart") : t("dag.asTable")}</button>
      </div>
      <div className="sheetscroll">
        {data.runs.length === 0 ? <p className="trouble mute">{t("durations.noneYet")}</p>
          : search.table ? <RunTable data={data} />
          : <div className="pad"><LengthChart runs={data.runs} now={data.now} height={220} choose={(run) => { void navigate({ to: "/dags/$dagId", params: { dagId }, search: { run: run.run_id } }); }} /></div>}
        <TaskTable data={data} />
      </div>
    </>
  );
};

const RunTable = ({ data }: { data: Schemas["DagHistory"] }) => {
  const t = useTexts(messages);
  const clock = useClock(data.now);
  const lengths = data.runs.map((run) => (run.start === null || run.end === null || !isFinished(stateOf(run.state)) ? null : run.end - run.start));
  const slow = regressions(lengths);
  return (
    <table className="dense">
      <thead><tr><th scope="col">{t("runs.when")}</th><th scope="col">{t("graph.state")}</th><th scope="col" className="num">{t("runs.took")}</th><th scope="col" /></tr></thead>
      <tbody>
        {data.runs.map((run, n) => ({ run, n })).reverse().map(({ run, n }) => (
          <tr key={run.run_id}>
            <th scope="row">{wholeTime(run.logical_date ?? run.run_after, clock)}</th><td><StateName state={stateOf(run.state)} /></td>
            <td className="num">{lengths[n] === null || lengths[n] === undefined ? "–" : duration(lengths[n])}</td><td className="warn">{slow[n] ? t("durations.slow") : ""}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

const TaskTable = ({ data }: { data: Schemas["DagHistory"] }) => {
  const t = useTexts(messages);
  const rows = useMemo(
    () =>
      Object.entries(data.lengths).map(([task, lengths]) => {
        const known = lengths.filter((length): length is number => length !== null);
        return { task, lengths, last: known.at(-1) ?? null, p50: quantile(known, 0.5), p95: quantile(known, 0.95), slow: regressions(lengths).filter(Boolean).length, total: known.reduce((sum, each) => sum + each, 0) };
      }).sort((a, b) => (b.p50 ?? 0) - (a.p50 ?? 0)),
    [data.lengths],
  );
  if (!rows.length) return null;
  return (
    <table className="dense tasklengths">
      <thead>
        <tr>
          <th scope="col">{t("graph.task")}</th><th scope="col">{t("durations.trend")}</th><th scope="col" className="num">p50</th><th scope="col" className="num">p95</th>
          <th scope="col" className="num hide-narrow">{t("durations.last")}</th><th scope="col" className="num hide-narrow">{t("durations.slowCount")}</th>
        </tr>
      </thead>
      <tbody>
        {rows.map((row) => (
          <tr key={row.task}>
            <th scope="row" className="id">{row.task}</th><td><Spark values={row.lengths} /></td>
            <td className="num">{row.p50 === null ? "–" : duration(row.p50)}</td><td className="num">{row.p95 === null ? "–" : duration(row.p95)}</td>
            <td className="num hide-narrow">{row.last === null ? "–" : duration(row.last)}</td><td className={`num hide-narrow${row.slow ? " warn" : " dim"}`}>{row.slow || "–"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
};

const [WIDE, HIGH] = [140, 18];

/** A line through the values; gaps where a run has none. */
const Spark = ({ values }: { values: readonly (number | null)[] }) => {
  const top = Math.max(1, ...values.filter((value): value is number => value !== null));
  const step = WIDE / Math.max(1, values.length - 1);
  const path = values.map((value, n) => (value === null ? "" : `${n === 0 || values[n - 1] === null ? "M" : "L"}${(n * step).toFixed(1)} ${(HIGH - 1 - (value / top) * (HIGH - 3)).toFixed(1)}`)).join("");
  return <svg width={WIDE} height={HIGH} aria-hidden="true" className="sparkline"><path d={path} /></svg>;
};
