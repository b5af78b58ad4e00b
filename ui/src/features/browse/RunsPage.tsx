import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useLive } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { type Column, DataTable, Empty, TableFoot } from "../../parts/DataTable";
import { type FilterField, Filters } from "../../parts/Filters";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { RUN_KEYS, runsQuery, type Search } from "./search";
import { Tabs } from "./Tabs";
import { messages } from "./text";

type Run = Schemas["DAGRunResponse"];
type Key = (typeof RUN_KEYS)[number];
const LIMIT = 50;
const TOPICS = ["run"];
const STATES = ["queued", "running", "success", "failed"] as const;
const TYPES = ["scheduled", "manual", "backfill", "operator_triggered", "asset_triggered", "asset_materialization"] as const;
const ALL = { path: { dag_id: "~" } };

/** Runs of every Dag, newest first unless the address says else. */
export const RunsPage = () => {
  const t = useTexts(messages);
  const clock = useClock();
  const [search, set] = useAddress<Search<Key>>();
  useLive(TOPICS);
  const query = runsQuery(search);
  const { data, error, refetch } = useQuery({
    queryKey: ["runs", query, search.sort, search.cursor],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns", { params: { ...ALL, query: { ...query, limit: LIMIT, order_by: [search.sort ?? "-run_after"], cursor: search.cursor ?? "" } } })),
    placeholderData: keepPreviousData,
  });
  const total = useQuery({
    queryKey: ["runs", "count", query],
    queryFn: async () => (await answered(server.GET("/api/v2/dags/{dag_id}/dagRuns", { params: { ...ALL, query: { ...query, limit: 1 } } }))).total_entries ?? null,
    placeholderData: keepPreviousData,
    staleTime: 30_000,
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const when = (at: string | null): string => (at ? wholeTime(microsOf(at), clock) : "");
  const columns: Column<Run>[] = [
    { id: "state", head: t("browse.state"), sort: "state", text: (row) => row.state, cell: (row) => <StateName state={stateOf(row.state)} /> },
    { id: "dag", head: t("browse.dag"), sort: "dag_id", text: (row) => row.dag_id, cell: (row) => <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link> },
    { id: "run", head: t("browse.run"), sort: "run_id", grow: true, text: (row) => row.dag_run_id, cell: (row) => <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }} search={{ run: row.dag_run_id }}>{row.dag_run_id}</Link> },
    { id: "type", head: t("browse.type"), minor: true, text: (row) => row.run_type, cell: (row) => t(`browse.type.${row.run_type}`) },
    { id: "runAfter", head: t("browse.runAfter"), sort: "run_after", text: (row) => when(row.run_after), cell: (row) => <Moment at={row.run_after} /> },
    { id: "logical", head: t("browse.logicalDate"), sort: "logical_date", minor: true, text: (row) => when(row.logical_date), cell: (row) => <Moment at={row.logical_date} /> },
    { id: "start", head: t("browse.start"), sort: "start_date", minor: true, text: (row) => when(row.start_date), cell: (row) => <Moment at={row.start_date} /> },
    { id: "end", head: t("browse.end"), sort: "end_date", minor: true, text: (row) => when(row.end_date), cell: (row) => <Moment at={row.end_date} /> },
    { id: "duration", head: t("browse.duration"), sort: "duration", num: true, text: (row) => (row.duration === null ? "" : String(row.duration)), cell: (row) => (row.duration === null ? <span className="dim">–</span> : duration(row.duration * 1e6)) },
    { id: "by", head: t("browse.by"), minor: true, text: (row) => row.triggering_user_name ?? "", cell: (row) => row.triggering_user_name },
    { id: "note", head: t("browse.note"), minor: true, text: (row) => row.note ?? "", cell: (row) => <span className="mute" title={row.note ?? ""}>{(row.note ?? "").slice(0, 40)}</span> },
  ];
  const fields: FilterField<Key>[] = [
    { key: "state", label: t("browse.state"), kind: "several", options: STATES.map((value) => ({ value, label: t(`state.${value}`) })) },
    { key: "type", label: t("browse.type"), kind: "several", options: TYPES.map((value) => ({ value, label: t(`browse.type.${value}`) })) },
    { key: "run", label: t("browse.run"), kind: "text" },
    { key: "by", label: t("browse.by"), kind: "text" },
    { key: "conf", label: t("browse.conf"), kind: "text" },
    ...(["after", "before", "logicalAfter", "logicalBefore"] as const).map((key) => ({ key, label: t(`browse.${key}`), kind: "time" as const })),
    ...(["longer", "shorter"] as const).map((key) => ({ key, label: t(`browse.${key}`), kind: "number" as const })),
  ];
  const rows = data?.dag_runs ?? [];
  const go = (cursor: string | null | undefined) => (cursor ? () => { set({ cursor }); } : undefined);
  const clear = (): void => { set(Object.fromEntries([...RUN_KEYS, "cursor"].map((key) => [key, undefined]))); };
  return (
    <Page title={t("browse.runs")}>
      <Tabs />
      <div className="bar wraps">
        <SearchBox value={search.dag ?? ""} label={t("browse.searchDags")} onChange={(dag) => { set({ dag, cursor: undefined }); }} />
        <Filters fields={fields} values={search} set={(change) => { set({ ...change, cursor: undefined }); }} />
      </div>
      {data && (
        <>
          <DataTable
            label={t("browse.runs")} columns={columns} rows={rows} keyOf={(row) => `${row.dag_id} ${row.dag_run_id}`} sort={search.sort} onSort={(sort) => { set({ sort, cursor: undefined }); }}
            empty={<Empty filtered={Object.keys(query).length > 0} clear={clear}><p>{t("browse.noRuns")}</p></Empty>}
          />
          <TableFoot name="runs" columns={columns} rows={rows} total={total.data ?? null} before={go(data.previous_cursor)} after={go(data.next_cursor)} />
        </>
      )}
    </Page>
  );
};
