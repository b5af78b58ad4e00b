import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useSome } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { placeOf } from "../../lib/address";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { CopyButton } from "../../parts/CopyButton";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { Dialog } from "../../parts/Dialog";
import { type FilterField, Filters } from "../../parts/Filters";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { type Search, XCOM_KEYS, xcomsQuery } from "./search";
import { Tabs } from "./Tabs";
import { messages } from "./text";

type XCom = Schemas["XComResponse"];
type Key = (typeof XCOM_KEYS)[number];
const LIMIT = 50;
const ALL = { path: { dag_id: "~", dag_run_id: "~", task_id: "~" } };

/** What tasks have left for each other, in every Dag and run, newest first unless the address says else. */
export const XComsPage = () => {
  const t = useTexts(messages);
  const clock = useClock();
  const [search, set] = useAddress<Search<Key>>();
  const [opened, setOpened] = useState<XCom | null>(null);
  const query = xcomsQuery(search);
  const offset = placeOf(search.from);
  const { data, error, refetch } = useQuery({
    queryKey: ["xcoms", query, search.sort, offset],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries", { params: { ...ALL, query: { ...query, limit: LIMIT, offset, order_by: [search.sort ?? "-timestamp"] } } })),
    placeholderData: keepPreviousData,
    meta: useSome("task"),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<XCom>[] = [
    { id: "key", head: t("browse.key"), sort: "key", text: (row) => row.key, cell: (row) => <span className="id">{row.key}</span> },
    { id: "dag", head: t("browse.dag"), sort: "dag_id", text: (row) => row.dag_id, cell: (row) => <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link> },
    { id: "task", head: t("browse.task"), sort: "task_id", text: (row) => row.task_id, cell: (row) => <span className="id">{row.task_id}{row.map_index >= 0 && <span className="dim"> [{row.map_index}]</span>}</span> },
    { id: "run", head: t("browse.run"), sort: "run_id", grow: true, minor: true, text: (row) => row.run_id, cell: (row) => <span className="id">{row.run_id}</span> },
    { id: "written", head: t("browse.written"), sort: "timestamp", minor: true, text: (row) => wholeTime(microsOf(row.timestamp), clock), cell: (row) => <Moment at={row.timestamp} /> },
    { id: "acts", head: "", num: true, cell: (row) => <button type="button" className="btn" aria-label={`${t("browse.show")}: ${row.key}`} onClick={() => { setOpened(row); }}>{t("browse.show")}</button> },
  ];
  const fields: FilterField<Key>[] = [
    ...(["dag", "run", "task"] as const).map((key) => ({ key, label: t(`browse.${key}`), kind: "text" as const })),
    { key: "index", label: t("browse.index"), kind: "number" },
    ...(["after", "before"] as const).map((key) => ({ key, label: t(`browse.${key}`), kind: "time" as const })),
  ];
  const rows = data?.xcom_entries ?? [];
  const clear = (): void => { set(Object.fromEntries([...XCOM_KEYS, "from"].map((key) => [key, undefined]))); };
  return (
    <Page title={t("browse.xcoms")}>
      <Tabs />
      <div className="bar wraps">
        <SearchBox value={search.key ?? ""} label={t("browse.searchKeys")} onChange={(key) => { set({ key, from: undefined }); }} />
        <Filters fields={fields} values={search} set={(change) => { set({ ...change, from: undefined }); }} />
      </div>
      {data && (
        <>
          <DataTable
            label={t("browse.xcoms")} columns={columns} rows={rows} keyOf={(row) => `${row.dag_id} ${row.run_id} ${row.task_id} ${row.map_index} ${row.key}`} sort={search.sort}
            onSort={(sort) => { set({ sort, from: undefined }); }} open={setOpened} empty={<Empty filtered={Object.keys(query).length > 0} clear={clear}><p>{t("browse.noXComs")}</p></Empty>}
          />
          <TableFoot name="xcoms" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
        </>
      )}
      {opened && <Value xcom={opened} close={() => { setOpened(null); }} />}
    </Page>
  );
};

/** The value, read when somebody wants to see it: lists leave values where they are. */
const Value = ({ xcom, close }: { xcom: XCom; close: () => void }) => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({
    queryKey: ["xcom", xcom.dag_id, xcom.run_id, xcom.task_id, xcom.map_index, xcom.key],
    queryFn: () =>
      answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries/{xcom_key}", {
        params: { path: { dag_id: xcom.dag_id, dag_run_id: xcom.run_id, task_id: xcom.task_id, xcom_key: xcom.key }, query: { map_index: xcom.map_index } },
      })),
  });
  const value: unknown = data && "value" in data ? data.value : undefined;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return (
    <Dialog wide title={t("browse.valueTitle", { key: xcom.key })} note={<span className="id">{xcom.dag_id} · {xcom.run_id} · {xcom.task_id}</span>} close={close}>
      {error && <Trouble error={error} retry={() => void refetch()} />}
      {data && (
        <>
          <pre className="logtail wraps" tabIndex={0}>{text}</pre>
          <div className="row"><CopyButton text={text} label={t("browse.copy")} /></div>
        </>
      )}
    </Dialog>
  );
};
