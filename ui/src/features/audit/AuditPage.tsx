import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useLive } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { eventText } from "../../lib/events";
import { placeOf } from "../../lib/address";
import { wholeTime } from "../../lib/time";
import { microsOf } from "../../lib/zone";
import { CopyButton } from "../../parts/CopyButton";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { type FilterField, Filters } from "../../parts/Filters";
import { Icon } from "../../parts/Icon";
import { Moment } from "../../parts/Moment";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { AUDIT_KEYS, type AuditKey, auditQuery, type AuditSearch, prettyExtra } from "./search";
import { messages } from "./text";
import "../../parts/beside.css";

const TOPICS = ["command"];
type Line = Schemas["EventLogResponse"];
const LIMIT = 50;

/** Who did what, and when: every command, and what the engine noted besides. Newest first, unless the address says else. */
export const AuditPage = () => {
  const t = useTexts(messages);
  useLive(TOPICS);
  const [search, set] = useAddress<AuditSearch>();
  const offset = placeOf(search.from);
  const query = auditQuery(search);
  const { data, error, refetch } = useQuery({
    queryKey: ["audit", query, search.sort, offset],
    queryFn: () => answered(server.GET("/api/v2/eventLogs", { params: { query: { limit: LIMIT, offset, order_by: [search.sort ?? "-when"], ...query } } })),
    placeholderData: keepPreviousData,
  });
  const clock = useClock();
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Line>[] = [
    { id: "when", head: t("audit.when"), sort: "when", text: (row) => wholeTime(microsOf(row.when), clock), cell: (row) => <Moment at={row.when} /> },
    { id: "who", head: t("audit.who"), sort: "owner", text: (row) => row.owner ?? "", cell: (row) => (row.owner ? <span className="med">{row.owner}</span> : <span className="dim">{t("audit.engine")}</span>) },
    { id: "what", head: t("audit.what"), sort: "event", text: (row) => row.event, cell: (row) => <span className="id">{row.event}</span> },
    { id: "dag", head: t("audit.dag"), sort: "dag_id", text: (row) => row.dag_id ?? "", cell: (row) => row.dag_id && <Link className="id" to="/dags/$dagId" params={{ dagId: row.dag_id }}>{row.dag_id}</Link> },
    { id: "run", head: t("audit.run"), sort: "run_id", minor: true, text: (row) => row.run_id ?? "", cell: (row) => row.run_id && <span className="id">{row.run_id}</span> },
    { id: "task", head: t("audit.task"), sort: "task_id", minor: true, text: (row) => taskOf(row), cell: (row) => <span className="id">{taskOf(row)}</span> },
    { id: "details", head: t("audit.details"), grow: true, minor: true, text: (row) => row.extra ?? "", cell: (row) => <span className="mute">{eventText(row.extra, (state) => t(`state.${state}`)).slice(0, 300)}</span> },
  ];
  const fields: FilterField<AuditKey>[] = [
    ...(["who", "dag", "run", "task"] as const).map((key) => ({ key, label: t(`audit.${key}`), kind: "text" as const })),
    ...(["index", "try"] as const).map((key) => ({ key, label: t(`audit.${key}`), kind: "number" as const })),
    ...(["after", "before"] as const).map((key) => ({ key, label: t(`audit.${key}`), kind: "time" as const })),
  ];
  const rows = data?.event_logs ?? [];
  const opened = rows.find((row) => String(row.event_log_id) === search.open);
  const clear = (): void => { set(Object.fromEntries([...AUDIT_KEYS, "from"].map((key) => [key, undefined]))); };
  return (
    <Page title={t("audit.title")}>
      <div className="bar wraps">
        <SearchBox value={search.what ?? ""} label={t("audit.search")} onChange={(what) => { set({ what, from: undefined }); }} />
        <button type="button" className="chip" aria-pressed={Boolean(search.people)} onClick={() => { set({ people: search.people ? undefined : "true", from: undefined }); }}>{t("audit.people")}</button>
        <Filters fields={fields} values={search} set={(change) => { set({ ...change, from: undefined }); }} />
      </div>
      {data && (
        <div className={opened ? "beside" : undefined}>
          <div className="grow">
            <DataTable
              label={t("audit.title")} columns={columns} rows={rows} keyOf={(row) => String(row.event_log_id)} sort={search.sort} onSort={(sort) => { set({ sort, from: undefined }); }}
              chosen={search.open} open={(row) => { set({ open: search.open === String(row.event_log_id) ? undefined : String(row.event_log_id) }); }}
              empty={<Empty filtered={Object.keys(query).length > 0} clear={clear}><p>{t("audit.none")}</p></Empty>}
            />
            <TableFoot name="audit-log" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
          </div>
          {opened && <Detail line={opened} close={() => { set({ open: undefined }); }} />}
        </div>
      )}
    </Page>
  );
};

const taskOf = (line: Line): string => (line.task_id ? `${line.task_id}${line.map_index !== null && line.map_index >= 0 ? ` [${line.map_index}]` : ""}` : "");

const Detail = ({ line, close }: { line: Line; close: () => void }) => {
  const t = useTexts(messages);
  const clock = useClock();
  const facts: [string, ReactNode][] = [
    [t("audit.when"), wholeTime(microsOf(line.when), clock)],
    [t("audit.who"), line.owner ?? t("audit.engine")],
    [t("audit.dag"), line.dag_id],
    [t("audit.run"), line.run_id],
    [t("audit.task"), taskOf(line)],
    [t("audit.try"), line.try_number],
    [t("audit.logicalDate"), line.logical_date && wholeTime(microsOf(line.logical_date), clock)],
  ];
  const pretty = prettyExtra(line.extra);
  return (
    <aside className="side broad" aria-label={t("audit.line", { number: String(line.event_log_id) })}>
      <section>
        <div className="row">
          <h2 className="id">{line.event}</h2>
          <button type="button" className="btn quiet icon push" aria-label={t("audit.close")} onClick={close}><Icon name="x" /></button>
        </div>
        <dl className="dl">{facts.filter(([, value]) => value).map(([name, value]) => <div key={name} style={{ display: "contents" }}><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      </section>
      <section>
        <div className="row"><h3>{pretty ? t("audit.details") : t("audit.noDetails")}</h3>{pretty && <span className="push"><CopyButton text={pretty} label={t("audit.copy")} /></span>}</div>
        {pretty && <pre className="logtail" tabIndex={0}>{pretty}</pre>}
      </section>
    </aside>
  );
};
