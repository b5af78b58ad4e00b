import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useSome } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { stateOf, STATES } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { type Column, DataTable, Empty, TableFoot } from "../../parts/DataTable";
import { type FilterField, Filters } from "../../parts/Filters";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { type Search, TASK_KEYS, tasksQuery } from "./search";
import { Tabs } from "./Tabs";
import { messages } from "./text";

type Task = Schemas["TaskInstanceResponse"];
type Key = (typeof TASK_KEYS)[number];
const LIMIT = 50;
const ALL = { path: { dag_id: "~", dag_run_id: "~" } };
const URL = "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances";

/** Task instances of every Dag and run, the newest start first unless the address says else. */
export const TasksPage = () => {
  const t = useTexts(messages);
  const clock = useClock();
  const [search, set] = useAddress<Search<Key>>();
  const meta = useSome("task");
  const query = tasksQuery(search);
  const { data, error, refetch } = useQuery({
    queryKey: ["tasks", query, search.sort, search.cursor],
    queryFn: () => answered(server.GET(URL, { params: { ...ALL, query: { ...query, limit: LIMIT, order_by: [search.sort ?? "-start_date"], cursor: search.cursor ?? "" } } })),
    placeholderData: keepPreviousData,
    meta,
  });
  const total = useQuery({
    queryKey: ["tasks", "count", query],
    queryFn: async () => (await answered(server.GET(URL, { params: { ...ALL, query: { ...query, limit: 1 } } }))).total_entries ?? null,
    placeholderData: keepPreviousData,
    meta,
    staleTime: 30_000,
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const when = (at: string | null): string => (at ? wholeTime(microsOf(at), clock) : "");
  const columns: Column<Task>[] = [
    { id: "state", head: t("browse.state"), sort: "state", text: (row) => row.state ?? "", cell: (row) => <StateName state={stateOf(row.state)} /> },
    { id: "dag", head: t("browse.dag"), sort: "dag_id", text: (row) => row.dag_id, cell: (row) => <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link> },
    {
      id: "task", head: t("browse.task"), sort: "task_id", text: (row) => row.task_id,
      cell: (row) => (
        <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }} search={{ run: row.dag_run_id, task: row.task_id, ...(row.map_index >= 0 ? { index: row.map_index } : {}) }}>
          {row.task_id}{row.map_index >= 0 && <span className="dim"> [{row.map_index}]</span>}
        </Link>
      ),
    },
    { id: "index", head: t("browse.index"), minor: true, sort: "map_index", num: true, text: (row) => String(row.map_index), cell: (row) => (row.map_index < 0 ? <span className="dim">–</span> : row.map_index) },
    { id: "run", head: t("browse.run"), sort: "run_id", grow: true, minor: true, text: (row) => row.dag_run_id, cell: (row) => <span className="id">{row.dag_run_id}</span> },
    { id: "try", head: t("browse.try"), sort: "try_number", num: true, minor: true, text: (row) => String(row.try_number), cell: (row) => row.try_number },
    { id: "operator", head: t("browse.operator"), minor: true, text: (row) => row.operator_name ?? row.operator ?? "", cell: (row) => row.operator_name ?? row.operator },
    { id: "pool", head: t("browse.pool"), minor: true, text: (row) => row.pool, cell: (row) => <span className="id">{row.pool}</span> },
    { id: "queue", head: t("browse.queue"), minor: true, text: (row) => row.queue ?? "", cell: (row) => <span className="id">{row.queue}</span> },
    { id: "start", head: t("browse.start"), sort: "start_date", text: (row) => when(row.start_date), cell: (row) => <Moment at={row.start_date} /> },
    { id: "end", head: t("browse.end"), sort: "end_date", minor: true, text: (row) => when(row.end_date), cell: (row) => <Moment at={row.end_date} /> },
    { id: "duration", head: t("browse.duration"), sort: "duration", num: true, text: (row) => (row.duration === null ? "" : String(row.duration)), cell: (row) => (row.duration === null ? <span className="dim">–</span> : duration(row.duration * 1e6)) },
  ];
  const text = (key: Key): FilterField<Key> => ({ key, label: t(`browse.${key as "dag"}`), kind: "text" });
  const number = (key: Key): FilterField<Key> => ({ key, label: t(`browse.${key as "dag"}`), kind: "number" });
  const fields: FilterField<Key>[] = [
    { key: "state", label: t("browse.state"), kind: "several", options: STATES.map((value) => ({ value, label: t(`state.${value}`) })) },
    ...(["dag", "run", "pool", "queue", "operator", "executor"] as const).map(text),
    ...(["try", "index"] as const).map(number),
    { key: "after", label: t("browse.startAfter"), kind: "time" },
    { key: "before", label: t("browse.startBefore"), kind: "time" },
    ...(["longer", "shorter"] as const).map(number),
  ];
  const rows = data?.task_instances ?? [];
  const go = (cursor: string | null | undefined) => (cursor ? () => { set({ cursor }); } : undefined);
  const clear = (): void => { set(Object.fromEntries([...TASK_KEYS, "cursor"].map((key) => [key, undefined]))); };
  return (
    <Page title={t("browse.tasks")}>
      <Tabs />
      <div className="bar wraps">
        <SearchBox value={search.task ?? ""} label={t("browse.searchTasks")} onChange={(task) => { set({ task, cursor: undefined }); }} />
        <Filters fields={fields} values={search} set={(change) => { set({ ...change, cursor: undefined }); }} />
      </div>
      {data && (
        <>
          <DataTable
            label={t("browse.tasks")} columns={columns} rows={rows} keyOf={(row) => row.id} sort={search.sort} onSort={(sort) => { set({ sort, cursor: undefined }); }}
            empty={<Empty filtered={Object.keys(query).length > 0} clear={clear}><p>{t("browse.noTasks")}</p></Empty>}
          />
          <TableFoot name="task-instances" columns={columns} rows={rows} total={total.data ?? null} before={go(data.previous_cursor)} after={go(data.next_cursor)} />
        </>
      )}
    </Page>
  );
};
