import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { answered, ApiError, send, server } from "../../api/client";
import { useAddress } from "../../app/address";
import { useChange } from "../../app/change";
import { useLive, useSome } from "../../app/live";
import { useMay } from "../../app/session";
import { useTexts } from "../../app/settings";
import { patternOf, placeOf } from "../../lib/address";
import { type Column, DataTable, Empty, steps, TableFoot } from "../../parts/DataTable";
import { ConfirmDialog, FormDialog } from "../../parts/Dialog";
import { CheckField, TextField } from "../../parts/Field";
import { Icon } from "../../parts/Icon";
import { Page } from "../../parts/Page";
import { SearchBox } from "../../parts/SearchBox";
import { Trouble } from "../../parts/Trouble";
import { type Pool, sharesOf, slotsOf, wanted } from "./slots";
import { messages } from "./text";
import "./pools.css";

const LIMIT = 50;
const DEFAULT = "default_pool";
const TOPICS = ["pool"];

interface Search {
  q?: string;
  sort?: string;
  from?: string;
}

/** Pools: what holds their slots, and how many there are. */
export const PoolsPage = () => {
  const t = useTexts(messages);
  const may = useMay();
  const [search, set] = useAddress<Search>();
  const [edited, setEdited] = useState<Pool | "new" | null>(null);
  const [doomed, setDoomed] = useState<Pool | null>(null);
  const offset = placeOf(search.from);
  useLive(TOPICS);
  const { data, error, refetch } = useQuery({
    queryKey: ["pools", search],
    queryFn: () =>
      answered(server.GET("/api/v2/pools", {
        params: { query: { limit: LIMIT, offset, ...(search.q ? { pool_name_pattern: patternOf(search.q) } : {}), order_by: [search.sort ?? "name"] } },
      })),
    placeholderData: keepPreviousData,
    meta: useSome("task"),
  });
  const remove = useChange((name: string) => send("DELETE", `/api/v2/pools/${encodeURIComponent(name)}`), [["pools"]], () => { setDoomed(null); });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const columns: Column<Pool>[] = [
    { id: "name", head: t("pools.name"), sort: "name", text: (pool) => pool.name, cell: (pool) => <Link className="id" to="/tasks" search={{ pool: pool.name, state: "running,queued,scheduled,deferred" }} title={t("pools.holders", { pool: pool.name })}>{pool.name}</Link> },
    { id: "use", head: t("pools.use"), cell: (pool) => <Use pool={pool} /> },
    { id: "slots", head: t("pools.slots"), sort: "slots", num: true, text: (pool) => String(pool.slots), cell: (pool) => (pool.slots < 0 ? <span className="mute">{t("pools.unlimited")}</span> : pool.slots) },
    { id: "open", head: t("pools.open"), num: true, text: (pool) => String(pool.open_slots), cell: (pool) => (pool.slots < 0 ? "–" : <span className={pool.open_slots <= 0 ? "warn med" : ""}>{pool.open_slots}</span>) },
    { id: "running", head: t("pools.running"), num: true, minor: true, text: (pool) => String(pool.running_slots), cell: (pool) => pool.running_slots },
    { id: "queued", head: t("pools.queued"), num: true, minor: true, text: (pool) => String(pool.queued_slots), cell: (pool) => pool.queued_slots },
    { id: "waiting", head: t("pools.waiting"), num: true, minor: true, text: (pool) => String(pool.scheduled_slots), cell: (pool) => pool.scheduled_slots },
    { id: "deferred", head: t("pools.deferred"), num: true, minor: true, text: (pool) => String(pool.deferred_slots), cell: (pool) => pool.deferred_slots },
    { id: "description", head: t("pools.description"), grow: true, minor: true, text: (pool) => pool.description ?? "", cell: (pool) => <span className="mute">{pool.description}</span> },
    {
      id: "acts", head: "", num: true,
      cell: (pool) => (
        <span className="rowacts">
          {may("edit", "pool") && <button type="button" className="btn quiet" aria-label={`${t("pools.edit")}: ${pool.name}`} onClick={() => { setEdited(pool); }}>{t("pools.edit")}</button>}
          {may("delete", "pool") && pool.name !== DEFAULT && <button type="button" className="btn quiet icon" aria-label={t("pools.delete", { pool: pool.name })} onClick={() => { remove.reset(); setDoomed(pool); }}><Icon name="x" small /></button>}
        </span>
      ),
    },
  ];
  const rows = data?.pools ?? [];
  return (
    <Page title={t("pools.title")}>
      <div className="bar">
        <SearchBox value={search.q ?? ""} label={t("pools.search")} onChange={(q) => { set({ q, from: undefined }); }} />
        <span className="legend hide-narrow" aria-label={t("pools.legend")}>
          {(["running", "queued", "deferred"] as const).map((state) => <span key={state} className="state"><i className="st" data-s={state} aria-hidden="true" />{t(`pools.${state}`)}</span>)}
        </span>
        {may("create", "pool") && <button type="button" className="btn primary push" onClick={() => { setEdited("new"); }}>{t("pools.new")}</button>}
      </div>
      {data && (
        <>
          <DataTable
            label={t("pools.title")} columns={columns} rows={rows} keyOf={(pool) => pool.name} sort={search.sort} onSort={(sort) => { set({ sort, from: undefined }); }}
            open={may("edit", "pool") ? setEdited : undefined}
            empty={<Empty filtered={Boolean(search.q)} clear={() => { set({ q: undefined }); }}><p>{t("pools.none")}</p></Empty>}
          />
          <TableFoot name="pools" columns={columns} rows={rows} total={data.total_entries} offset={offset} {...steps(offset, LIMIT, rows.length, data.total_entries, (from) => { set({ from: from ? String(from) : undefined }); })} />
        </>
      )}
      {edited && <PoolForm pool={edited === "new" ? null : edited} close={() => { setEdited(null); }} />}
      {doomed && (
        <ConfirmDialog
          title={t("pools.deleteTitle", { pool: doomed.name })} note={t("pools.deleteNote", { count: wanted(doomed) })} act={t("pools.delete", { pool: doomed.name })}
          busy={remove.isPending} error={remove.error} submit={() => { remove.mutate(doomed.name); }} close={() => { setDoomed(null); }}
        />
      )}
    </Page>
  );
};

/** What holds the slots, as a bar and in words. */
const Use = ({ pool }: { pool: Pool }) => {
  const t = useTexts(messages);
  const label = t("pools.bar", { running: pool.running_slots, queued: pool.queued_slots, deferred: pool.include_deferred ? pool.deferred_slots : 0, open: pool.slots < 0 ? "∞" : pool.open_slots });
  return (
    <span className="poolbar" role="img" aria-label={label} title={label}>
      {sharesOf(pool).map((share) => <i key={share.state} data-s={share.state} style={{ width: `${share.part * 100}%` }} />)}
    </span>
  );
};

const PoolForm = ({ pool, close }: { pool: Pool | null; close: () => void }) => {
  const t = useTexts(messages);
  const [name, setName] = useState(pool?.name ?? "");
  const [slots, setSlots] = useState(String(pool?.slots ?? 16));
  const [description, setDescription] = useState(pool?.description ?? "");
  const [include, setInclude] = useState(pool?.include_deferred ?? false);
  const count = slotsOf(slots);
  const isDefault = pool?.name === DEFAULT;
  const save = useChange(
    () => {
      const body = { slots: count, include_deferred: include, ...(isDefault ? {} : { description: description || null }) };
      return pool ? send("PATCH", `/api/v2/pools/${encodeURIComponent(pool.name)}`, body) : send("POST", "/api/v2/pools", { name: name.trim(), ...body });
    },
    [["pools"]],
    close,
  );
  const wrong = save.error instanceof ApiError ? save.error.fields : {};
  return (
    <FormDialog
      title={pool ? t("pools.editTitle", { pool: pool.name }) : t("pools.new")} act={pool ? t("pools.save") : t("pools.create")} busy={save.isPending} error={save.error}
      shown={["name", "slots", "description"]} blocked={count === null || !name.trim()} submit={() => { save.mutate(undefined); }} close={close}
    >
      {!pool && <TextField label={t("pools.name")} value={name} onChange={setName} mono required max={256} error={wrong.name} />}
      <TextField label={t("pools.slots")} value={slots} onChange={setSlots} mono hint={t("pools.slotsHint")} error={count === null ? t("pools.slotsWrong") : wrong.slots} />
      {!isDefault && <TextField label={t("pools.description")} value={description} onChange={setDescription} optional error={wrong.description} />}
      <CheckField label={t("pools.include")} hint={t("pools.includeHint")} value={include} onChange={setInclude} />
    </FormDialog>
  );
};
