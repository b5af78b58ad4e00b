import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { said } from "../../app/root";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { toggled } from "../../lib/search";
import { isFinished, stateOf } from "../../lib/states";
import { type Clock, duration, shortTime, wholeTime } from "../../lib/time";
import { fromLocal, microsOf, toIso } from "../../lib/zone";
import { Icon } from "../../parts/Icon";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import type { RunsSearch } from "./routes";
import { messages } from "./text";

type Run = Schemas["DAGRunResponse"];
const PAGE = 50;
const STATES = ["queued", "running", "success", "failed"] as const;
const TYPES = ["scheduled", "manual", "backfill", "asset_triggered", "asset_materialization"] as const;
const SORTS = ["-run_after", "run_after", "-start_date", "-duration", "-end_date"] as const;

/** All runs of a Dag, by filters that are part of the address. */
export const RunsPage = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId/runs" });
  const search = useSearch({ from: "/shell/dags/$dagId/runs" });
  const navigate = useNavigate({ from: "/dags/$dagId/runs" });
  const clock = useClock();
  const { data, error, refetch } = useRuns(dagId, search, clock);
  const set = (change: Partial<Record<keyof RunsSearch, unknown>>): void => {
    void navigate({ search: (old) => said({ ...old, page: undefined, ...change }) as RunsSearch, replace: true });
  };
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  return (
    <>
      <Filters search={search} set={set} />
      {data && <Rows dagId={dagId} data={data} search={search} set={set} />}
    </>
  );
};

const useRuns = (dagId: string, search: RunsSearch, clock: Clock) => {
  const day = (text: string, later: number): string | undefined => {
    const at = fromLocal(`${text}T00:00`, clock);
    return at === null ? undefined : toIso(later ? (fromLocal(`${nextDay(text)}T00:00`, clock) ?? at) : at);
  };
  const [from, to] = [search.from && day(search.from, 0), search.to && day(search.to, 1)];
  return useQuery({
    queryKey: ["dag", dagId, "runs", search, clock.zone],
    queryFn: () =>
      answered(
        server.GET("/api/v2/dags/{dag_id}/dagRuns", {
          params: {
            path: { dag_id: dagId },
            query: {
              limit: PAGE, offset: (search.page ?? 0) * PAGE, order_by: [SORTS.find((sort) => sort === search.sort) ?? SORTS[0]],
              ...(search.state ? { state: STATES.filter((state) => search.state?.includes(state)) } : {}),
              ...(search.type ? { run_type: TYPES.filter((type) => search.type?.includes(type)) } : {}),
              ...(search.q ? { run_id_pattern: search.q } : {}),
              ...(from ? { run_after_gte: from } : {}),
              ...(to ? { run_after_lt: to } : {}),
            },
          },
        }),
      ),
    placeholderData: keepPreviousData,
  });
};

/** The day after; days of 23 and of 25 hours are days. */
const nextDay = (day: string): string => toIso((Date.parse(day) + 86_400_000) * 1000).slice(0, 10);

type Set = (change: Partial<Record<keyof RunsSearch, unknown>>) => void;

const Filters = ({ search, set }: { search: RunsSearch; set: Set }) => {
  const t = useTexts(messages);
  return (
    <div className="bar">
      <label className="input search">
        <Icon name="search" small />
        <input defaultValue={search.q ?? ""} key={search.q ?? ""} placeholder={t("runs.search")} aria-label={t("runs.search")} onKeyDown={(event) => { if (event.key === "Enter" && !event.nativeEvent.isComposing) set({ q: event.currentTarget.value.trim() }); }} onBlur={(event) => { if (event.target.value.trim() !== (search.q ?? "")) set({ q: event.target.value.trim() }); }} />
      </label>
      {STATES.map((state) => (
        <button key={state} type="button" className="chip" aria-pressed={Boolean(search.state?.includes(state))} onClick={() => { set({ state: toggled(search.state, state) }); }}>
          <i className="st" data-s={state} aria-hidden="true" />{t(`state.${state}`)}
        </button>
      ))}
      <label className="chip pick">
        {t("runs.type")}
        <select value={search.type?.[0] ?? ""} onChange={(event) => { set({ type: event.target.value ? [event.target.value] : undefined }); }}>
          <option value="">{t("runs.any")}</option>
          {TYPES.map((type) => <option key={type} value={type}>{t(`runs.type.${type}`)}</option>)}
        </select>
      </label>
      <label className="chip pick">{t("runs.from")}<input type="date" value={search.from ?? ""} max={search.to} onChange={(event) => { set({ from: event.target.value }); }} /></label>
      <label className="chip pick">{t("runs.to")}<input type="date" value={search.to ?? ""} min={search.from} onChange={(event) => { set({ to: event.target.value }); }} /></label>
      {isFiltered(search) && <button type="button" className="btn quiet" onClick={() => { set({ state: undefined, type: undefined, from: undefined, to: undefined, q: undefined }); }}>{t("runs.clear")}</button>}
      <span className="push" />
      <label className="sort small mute hide-narrow">
        {t("runs.sort")}
        <select value={SORTS.find((sort) => sort === search.sort) ?? SORTS[0]} onChange={(event) => { set({ sort: event.target.value === SORTS[0] ? undefined : event.target.value }); }}>
          {SORTS.map((sort) => <option key={sort} value={sort}>{t(`runs.sort.${sort}`)}</option>)}
        </select>
      </label>
    </div>
  );
};

const isFiltered = (search: RunsSearch): boolean => Boolean(search.state ?? search.type ?? search.from ?? search.to ?? search.q);

const Rows = ({ dagId, data, search, set }: { dagId: string; data: Schemas["DAGRunCollectionResponse"]; search: RunsSearch; set: Set }) => {
  const t = useTexts(messages);
  const clock = useClock();
  const total = data.total_entries ?? data.dag_runs.length;
  const first = (search.page ?? 0) * PAGE;
  if (!data.dag_runs.length) return <p className="trouble mute">{total ? t("runs.noPage") : isFiltered(search) ? t("runs.none") : t("runs.noneYet")}</p>;
  const longest = Math.max(...data.dag_runs.map((run) => run.duration ?? 0), 1e-9);
  return (
    <div className="sheetscroll">
      <table className="dense runstable">
        <thead>
          <tr>
            <th scope="col">{t("runs.when")}</th><th scope="col">{t("graph.state")}</th><th scope="col">{t("runs.type")}</th>
            <th scope="col" className="hide-narrow">{t("runs.started")}</th><th scope="col">{t("runs.took")}</th>
            <th scope="col" className="hide-narrow">{t("runs.by")}</th><th scope="col" className="hide-narrow">{t("runs.version")}</th><th scope="col" className="hide-narrow">{t("runs.id")}</th>
          </tr>
        </thead>
        <tbody>{data.dag_runs.map((run) => <Row key={run.dag_run_id} dagId={dagId} run={run} clock={clock} longest={longest} />)}</tbody>
      </table>
      <div className="pager small">
        <span className="dim">{t("runs.range", { first: first + 1, last: first + data.dag_runs.length, count: total })}</span>
        <span className="push" />
        <button type="button" className="btn" disabled={first === 0} onClick={() => { set({ page: (search.page ?? 0) - 1 || undefined }); }}>{t("runs.newer")}</button>
        <button type="button" className="btn" disabled={first + PAGE >= total} onClick={() => { set({ page: (search.page ?? 0) + 1 }); }}>{t("runs.older")}</button>
      </div>
    </div>
  );
};

const Row = ({ dagId, run, clock, longest }: { dagId: string; run: Run; clock: Clock; longest: number }) => {
  const t = useTexts(messages);
  const at = microsOf(run.logical_date ?? run.run_after);
  const state = stateOf(run.state);
  const present = usePresent(undefined, run.duration === null && run.start_date !== null && !isFinished(state));
  const length = run.duration !== null ? run.duration * 1e6 : run.start_date !== null && !isFinished(state) ? present - microsOf(run.start_date) : null;
  return (
    <tr>
      <th scope="row" title={wholeTime(at, clock)}><Link to="/dags/$dagId" params={{ dagId }} search={{ run: run.dag_run_id }} className="link">{shortTime(at, clock)}</Link></th>
      <td><StateName state={state} /></td>
      <td className="mute">{t(`runs.type.${run.run_type}`)}</td>
      <td className="mute hide-narrow" title={run.start_date === null ? undefined : wholeTime(microsOf(run.start_date), clock)}>{run.start_date === null ? "–" : shortTime(microsOf(run.start_date), clock)}</td>
      <td className="lengthcell">{length === null ? <span className="dim">–</span> : <><span className="meter" data-s={state}><i style={{ width: `${String(Math.min(100, (length / 1e4) / longest))}%` }} /></span><span>{duration(length)}</span></>}</td>
      <td className="mute hide-narrow cut">{run.triggering_user_name ?? t(`runs.by.${run.triggered_by ?? "timetable"}`)}</td>
      <td className="mute hide-narrow">{run.dag_versions.map((version) => `v${String(version.version_number)}`).join(" → ")}</td>
      <td className="id hide-narrow cut" title={run.note ?? undefined}>{run.dag_run_id}{run.note ? <span className="dim"> · {run.note}</span> : null}</td>
    </tr>
  );
};
