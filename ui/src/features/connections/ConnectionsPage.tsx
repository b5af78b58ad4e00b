import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answered, send, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useChange } from "../../app/change";
import { useMay } from "../../app/session";
import { useLive } from "../../app/live";
import { useTexts } from "../../app/settings";
import { patternOf, placeOf } from "../../lib/address";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { ConfirmDialog } from "../../parts/Dialog";
import { Icon } from "../../parts/Icon";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { ConnectionForm } from "./ConnectionForm";
import type { Connection } from "./mapping";
import { messages } from "./text";
import { typeOf } from "./types";

const TOPICS = ["connection"];
const LIMIT = 50;

interface Search {
  q?: string;
  sort?: string;
  from?: string;
}

/** Connections: where tasks reach out to. Secrets can be written here, and never read. */
export const ConnectionsPage = () => {
  const t = useTexts(messages);
  useLive(TOPICS);
  const may = useMay();
  const [search, set] = useAddress<Search>();
  const [edited, setEdited] = useState<Connection | "new" | null>(null);
  const [doomed, setDoomed] = useState<Connection | null>(null);
  const offset = placeOf(search.from);
  const { data, error, refetch } = useQuery({
    queryKey: ["connections", search],
    queryFn: () =>
      answered(server.GET("/api/v2/connections", {
        params: { query: { limit: LIMIT, offset, ...(search.q ? { connection_id_pattern: patternOf(search.q) } : {}), order_by: [search.sort ?? "connection_id"] } },
      })),
    placeholderData: keepPreviousData,
  });
  const remove = useChange((id: string) => send("DELETE", `/api/v2/connections/${encodeURIComponent(id)}`), [["connections"]], () => { setDoomed(null); });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Connection>[] = [
    { id: "id", head: t("connections.id"), sort: "connection_id", text: (row) => row.connection_id, cell: (row) => <span className="id">{row.connection_id}</span> },
    { id: "type", head: t("connections.type"), sort: "conn_type", text: (row) => row.conn_type, cell: (row) => <span title={row.conn_type}>{typeOf(row.conn_type).label}</span> },
    { id: "host", head: t("connections.where"), sort: "host", minor: true, text: (row) => row.host ?? "", cell: (row) => <span className="id">{row.host}</span> },
    { id: "port", head: t("connections.port"), sort: "port", num: true, minor: true, text: (row) => String(row.port ?? ""), cell: (row) => row.port },
    { id: "login", head: t("connections.login"), minor: true, text: (row) => row.login ?? "", cell: (row) => <span className="id">{row.login}</span> },
    { id: "password", head: t("connections.password"), minor: true, cell: (row) => (row.password ? <span className="mute">{t("connections.has")}</span> : <span className="dim">–</span>) },
    { id: "description", head: t("connections.description"), sort: "description", grow: true, minor: true, text: (row) => row.description ?? "", cell: (row) => <span className="mute">{row.description}</span> },
    {
      id: "acts", head: "", num: true,
      cell: (row) => (
        <span className="rowacts">
          {may("edit", "connection") && <button type="button" className="btn quiet" aria-label={`${t("connections.edit")}: ${row.connection_id}`} onClick={() => { setEdited(row); }}>{t("connections.edit")}</button>}
          {may("delete", "connection") && <button type="button" className="btn quiet icon" aria-label={t("connections.delete", { id: row.connection_id })} onClick={() => { remove.reset(); setDoomed(row); }}><Icon name="x" small /></button>}
        </span>
      ),
    },
  ];
  const rows = data?.connections ?? [];
  return (
    <Page title={t("connections.title")}>
      <div className="bar">
        <SearchBox value={search.q ?? ""} label={t("connections.search")} onChange={(q) => { set({ q, from: undefined }); }} />
        {may("create", "connection") && <button type="button" className="btn primary push" onClick={() => { setEdited("new"); }}>{t("connections.new")}</button>}
      </div>
      {data && (
        <>
          <DataTable
            label={t("connections.title")} columns={columns} rows={rows} keyOf={(row) => row.connection_id} sort={search.sort} onSort={(sort) => { set({ sort, from: undefined }); }}
            open={may("edit", "connection") ? setEdited : undefined}
            empty={<Empty filtered={Boolean(search.q)} clear={() => { set({ q: undefined }); }}><p>{t("connections.none")}</p></Empty>}
          />
          <TableFoot name="connections" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
        </>
      )}
      {edited && <ConnectionForm connection={edited === "new" ? null : edited} close={() => { setEdited(null); }} />}
      {doomed && (
        <ConfirmDialog
          title={t("connections.deleteTitle", { id: doomed.connection_id })} note={t("connections.deleteNote")} act={t("connections.delete", { id: doomed.connection_id })}
          busy={remove.isPending} error={remove.error} submit={() => { remove.mutate(doomed.connection_id); }} close={() => { setDoomed(null); }}
        />
      )}
    </Page>
  );
};
