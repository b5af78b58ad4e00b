import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { answered, type Schemas, send, server } from "../../api/client";
import { useMay } from "../../app/session";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { newKey } from "../../lib/keys";
import { shortTime, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { DagLink, RunLink, TaskLink } from "../../parts/Places";
import { Refusal } from "../../parts/Refusal";
import { type Asset, microsOf, type Queued } from "./AssetsPage";
import { messages } from "./text";

const FEW = 30;

/** One asset: where it comes from and goes to, its updates, and what can be done. */
export const AssetPanel = ({ asset, queued, close }: { asset: Asset; queued: readonly Queued[]; close: () => void }) => {
  const t = useTexts(messages);
  return (
    <aside className="sheet panel" aria-label={asset.name}>
      <header><h2 className="id">{asset.name}</h2><button type="button" className="btn quiet icon push" aria-label={t("asset.close")} onClick={close}><Icon name="x" /></button></header>
      <div className="pad part">
        {asset.uri !== asset.name && <p className="id dim">{asset.uri}</p>}
        <Acts asset={asset} />
      </div>
      <Lineage asset={asset} />
      <Waiting asset={asset} queued={queued} />
      <Events asset={asset} />
    </aside>
  );
};

/** Producers, the asset, consumers: from left to right. */
const Lineage = ({ asset }: { asset: Asset }) => {
  const t = useTexts(messages);
  const none = <span className="dim">{t("asset.nobody")}</span>;
  const names = (places: readonly { dag_id: string; task_id: string }[]): ReactNode =>
    places.length ? places.map(({ dag_id: dagId, task_id: taskId }) => <li key={`${dagId} ${taskId}`}><DagLink dagId={dagId} className="id">{`${dagId}.${taskId}`}</DagLink></li>) : none;
  return (
    <section className="pad part" aria-label={t("asset.lineage")}>
      <h3>{t("asset.lineage")}</h3>
      <div className="lineage">
        <div><h4>{t("asset.upstream")}</h4><ul>{names(asset.producing_tasks)}</ul></div>
        <Icon name="right" />
        <div className="self id med">{asset.name}</div>
        <Icon name="right" />
        <div><h4>{t("asset.downstream")}</h4><ul>{asset.scheduled_dags.length ? asset.scheduled_dags.map(({ dag_id: dagId }) => <li key={dagId}><DagLink dagId={dagId} className="id" /></li>) : none}</ul></div>
      </div>
      <dl className="dl">
        {asset.consuming_tasks.length > 0 && <div className="pair"><dt>{t("asset.reads")}</dt><dd>{asset.consuming_tasks.map(({ dag_id: dagId, task_id: taskId }) => `${dagId}.${taskId}`).join(", ")}</dd></div>}
        {asset.watchers.length > 0 && <div className="pair"><dt>{t("asset.watched")}</dt><dd>{asset.watchers.map(({ name }) => name).join(", ")}</dd></div>}
        {asset.aliases.length > 0 && <div className="pair"><dt>{t("asset.aliases")}</dt><dd>{asset.aliases.map(({ name }) => name).join(", ")}</dd></div>}
      </dl>
    </section>
  );
};

const useAgain = () => {
  const queries = useQueryClient();
  return () => queries.invalidateQueries({ queryKey: ["assets"] });
};

const Waiting = ({ asset, queued }: { asset: Asset; queued: readonly Queued[] }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent());
  const may = useMay();
  const again = useAgain();
  const [asks, setAsks] = useState("");
  const forget = useMutation({
    mutationFn: (dagId: string) => send("DELETE", `/api/v2/dags/${encodeURIComponent(dagId)}/assets/${String(asset.id)}/queuedEvents`),
    onSettled: again,
  });
  if (!asset.scheduled_dags.length) return null;
  return (
    <section className="pad part" aria-label={t("asset.queued")}>
      <h3>{t("asset.queued")}</h3>
      {queued.length === 0 && <p className="small dim">{t("asset.noQueue")}</p>}
      <ul className="small">
        {queued.map(({ dag_id: dagId, created_at: at }) => (
          <li key={dagId} className="queued">
            {asks === dagId ? (
              <>
                <span>{t("asset.forgetAsk", { dag: dagId })}</span>
                <button type="button" className="btn danger" disabled={forget.isPending} onClick={() => { forget.mutate(dagId); setAsks(""); }}>{t("asset.forget")}</button>
                <button type="button" className="btn quiet" onClick={() => { setAsks(""); }}>{t("asset.cancel")}</button>
              </>
            ) : (
              <>
                <span title={wholeTime(microsOf(at), clock)}>{t("asset.queuedSince", { dag: dagId, time: shortTime(microsOf(at), clock) })}</span>
                {may("delete", "asset") && <button type="button" className="btn quiet push" onClick={() => { setAsks(dagId); }}>{t("asset.forget")}</button>}
              </>
            )}
          </li>
        ))}
      </ul>
      <Refusal error={forget.error} />
    </section>
  );
};

const Events = ({ asset }: { asset: Asset }) => {
  const t = useTexts(messages);
  const { data } = useQuery({
    queryKey: ["assets", "events", asset.id],
    queryFn: () => answered(server.GET("/api/v2/assets/events", { params: { query: { asset_id: asset.id, limit: FEW, order_by: ["-timestamp"] } } })),
  });
  return (
    <section className="pad part" aria-label={t("asset.events")}>
      <h3>{t("asset.events")}{data && <span className="dim"> {data.total_entries}</span>}</h3>
      {data?.asset_events.length === 0 && <p className="small dim">{t("asset.noEvents")}</p>}
      <ul className="events small">{data?.asset_events.map((event) => <EventRow key={event.id} event={event} />)}</ul>
    </section>
  );
};

const EventRow = ({ event }: { event: Schemas["AssetEventResponse"] }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent());
  const at = microsOf(event.timestamp);
  const extra = event.extra ?? {};
  const { source_dag_id: dagId, source_run_id: runId, source_task_id: taskId } = event;
  return (
    <li>
      <span className="row">
        <time title={wholeTime(at, clock)}>{shortTime(at, clock)}</time>
        {dagId && runId && taskId
          ? <TaskLink dagId={dagId} runId={runId} taskId={taskId} mapIndex={event.source_map_index}>{`${dagId}.${taskId}`}</TaskLink>
          : <span className="mute">{t(extra.from_rest_api === true ? "asset.person" : "asset.hidden")}</span>}
        {event.partition_key && <span className="tag">{event.partition_key}</span>}
      </span>
      {Object.keys(extra).length > 0 && <code className="extra">{JSON.stringify(extra)}</code>}
      {event.created_dagruns.length > 0 && (
        <span className="dim">{t("asset.started")}: {event.created_dagruns.slice(0, 5).map(({ dag_id: dag, run_id: run }, n) => <span key={`${dag} ${run}`}>{n > 0 && ", "}<RunLink dagId={dag} runId={run}>{dag}</RunLink></span>)}</span>
      )}
    </li>
  );
};

const Acts = ({ asset }: { asset: Asset }) => {
  const t = useTexts(messages);
  const may = useMay();
  const again = useAgain();
  const [isOpen, setOpen] = useState(false);
  const [key] = useState(newKey);
  const producers = new Set(asset.producing_tasks.map(({ dag_id: dagId }) => dagId)).size;
  const materialize = useMutation({
    mutationFn: () => send("POST", `/api/v2/assets/${String(asset.id)}/materialize`, {}, { key }) as Promise<{ dag_run_id: string }>,
    onSettled: again,
  });
  if (!may("create", "asset")) return null;
  return (
    <>
      <div className="row acts">
        <button type="button" className="btn" aria-expanded={isOpen} onClick={() => { setOpen(!isOpen); }}><Icon name="plus" small />{t("asset.addEvent")}</button>
        {producers === 1 && <button type="button" className="btn" title={t("asset.materializeNote", { count: 1 })} disabled={materialize.isPending || materialize.isSuccess} onClick={() => { materialize.mutate(); }}><Icon name="play" small />{t("asset.materialize")}</button>}
      </div>
      {producers > 1 && <p className="small dim">{t("asset.materializeNote", { count: producers })}</p>}
      <Refusal error={materialize.error} />
      {materialize.data && <p className="small" role="status">{t("asset.made", { run: materialize.data.dag_run_id })}</p>}
      {isOpen && <AddEvent asset={asset} close={() => { setOpen(false); }} />}
    </>
  );
};

/** What was typed as an object, or null. */
const objectIn = (text: string): object | null => {
  if (!text.trim()) return {};
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? found : null;
  } catch {
    return null;
  }
};

const AddEvent = ({ asset, close }: { asset: Asset; close: () => void }) => {
  const t = useTexts(messages);
  const again = useAgain();
  const [extra, setExtra] = useState("");
  const [partition, setPartition] = useState("");
  const [key] = useState(newKey);
  const value = objectIn(extra);
  const add = useMutation({
    mutationFn: () => send("POST", "/api/v2/assets/events", { asset_id: asset.id, extra: value, ...(partition.trim() ? { partition_key: partition.trim() } : {}) }, { key }) as Promise<{ id: number }>,
    onSettled: again,
  });
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (value) add.mutate();
  };
  if (add.data) return <p className="small" role="status">{t("asset.added", { id: String(add.data.id) })}</p>;
  return (
    <form className="add" onSubmit={submit}>
      <label className="field"><span className="med">{t("asset.extraJson")}</span><textarea className={value ? "input mono" : "input mono wrong"} rows={3} value={extra} placeholder="{}" aria-invalid={!value} onChange={(event) => { setExtra(event.target.value); }} />{!value && <span className="hint bad">{t("asset.notObject")}</span>}</label>
      <label className="field"><span className="med">{t("asset.partition")}</span><input className="input mono" value={partition} maxLength={250} onChange={(event) => { setPartition(event.target.value); }} /></label>
      <p className="small dim">{t("asset.addNote")}</p>
      <div className="row"><button type="submit" className="btn primary" disabled={!value || add.isPending}>{t("asset.add")}</button><button type="button" className="btn quiet" onClick={close}>{t("asset.cancel")}</button></div>
      <Refusal error={add.error} />
    </form>
  );
};
