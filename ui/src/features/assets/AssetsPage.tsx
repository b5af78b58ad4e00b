import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useLive, useSome } from "../../app/live";
import { usePresent } from "../../app/present";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import { assetNode, lineageOf, nodeOf } from "../../lib/lineage";
import { wholeTime } from "../../lib/time";
import { ago } from "../../lib/words";
import { Icon } from "../../parts/Icon";
import { GraphView } from "../../parts/graph";
import { DagLink } from "../../parts/Places";
import { Trouble } from "../../parts/Trouble";
import { AssetPanel } from "./AssetPanel";
import type { AssetsSearch } from "./routes";
import { messages } from "./text";
import "./assets.css";

export type Asset = Schemas["AssetResponse"];
export type Queued = Schemas["QueuedEventResponse"];
const TOPICS = ["asset", "watcher", "partition"];
const MOST = 500;
export const microsOf = (text: string): number => Date.parse(text) * 1000;

/** What Dags update and wait for. */
export const AssetsPage = () => {
  const t = useTexts(messages);
  const search = useSearch({ from: "/shell/assets" });
  useLive(TOPICS);
  const meta = useSome("dags");
  const navigate = useNavigate({ from: "/assets" });
  const { data, error, refetch } = useQuery({
    queryKey: ["assets", "list"],
    queryFn: () => answered(server.GET("/api/v2/assets", { params: { query: { limit: MOST, order_by: ["name"] } } })),
    placeholderData: keepPreviousData,
    meta,
  });
  const queued = useQuery({
    queryKey: ["assets", "queued"],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/assets/queuedEvents", { params: { path: { dag_id: "~" } } })),
    meta,
  }).data?.queued_events;
  const chosen = data?.assets.find(({ id }) => id === search.asset);
  useTitle(chosen ? `${chosen.name} · ${t("assets.title")}` : t("assets.title"));
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  const set = (change: Partial<Record<keyof AssetsSearch, string | number | boolean | undefined>>): void => {
    void navigate({ search: (old) => said({ ...old, ...change }) as AssetsSearch, replace: true });
  };
  const text = (search.q ?? "").toLowerCase();
  const shown = data?.assets.filter(({ name, uri, group }) => [name, uri, group].some((each) => each.toLowerCase().includes(text))) ?? [];
  return (
    <>
      <div className="workhead">
        <h1>{t("assets.title")}</h1>
        <div className="seg" role="group" aria-label={t("assets.title")}>
          <button type="button" aria-pressed={!search.graph} onClick={() => { set({ graph: undefined }); }}>{t("assets.list")}</button>
          <button type="button" aria-pressed={Boolean(search.graph)} onClick={() => { set({ graph: true }); }}>{t("assets.graph")}</button>
        </div>
        <label className="input search"><Icon name="search" small /><input defaultValue={search.q ?? ""} placeholder={t("assets.search")} aria-label={t("assets.search")} onChange={(event) => { set({ q: event.target.value.trim() }); }} /></label>
      </div>
      {data && shown.length === 0 && <p className="mute">{t(data.assets.length ? "assets.noMatch" : "assets.none")}</p>}
      <div className={chosen ? "with-panel" : undefined}>
        {shown.length > 0 && search.graph && <Lineage assets={shown} chosen={search.asset} choose={(asset) => { set({ asset }); }} />}
        {shown.length > 0 && !search.graph && <AssetTable assets={shown} queued={queued ?? []} chosen={search.asset} choose={(asset) => { set({ asset }); }} />}
        {chosen && <AssetPanel key={chosen.id} asset={chosen} queued={queued?.filter((each) => each.asset_id === chosen.id) ?? []} close={() => { set({ asset: undefined }); }} />}
      </div>
      {data && data.total_entries > data.assets.length && <p className="small dim">{t("assets.more", { count: data.total_entries - data.assets.length })}</p>}
    </>
  );
};

interface LineageProps {
  assets: readonly Asset[];
  chosen: number | undefined;
  choose: (asset: number | undefined) => void;
}

const NONE: ReadonlySet<string> = new Set();

/** From the Dags that update assets to those that wait for them. */
const Lineage = ({ assets, chosen, choose }: LineageProps) => {
  const t = useTexts(messages);
  const navigate = useNavigate();
  const graph = useMemo(() => lineageOf(assets, t("assets.dag")), [assets, t]);
  const onChoose = (id: string | null): void => {
    const found = id === null ? null : nodeOf(id);
    if (found && "dagId" in found) void navigate({ to: "/dags/$dagId", params: { dagId: found.dagId } });
    else choose(found?.asset);
  };
  return (
    <div className="sheet lineage-view">
      <GraphView graph={graph} closed={NONE} toggle={() => undefined} direction="right" chosen={chosen === undefined ? null : assetNode(chosen)} onChoose={onChoose} />
    </div>
  );
};

interface TableProps {
  assets: readonly Asset[];
  queued: readonly Queued[];
  chosen: number | undefined;
  choose: (asset: number) => void;
}

const AssetTable = ({ assets, queued, chosen, choose }: TableProps) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(undefined, true, 10));
  return (
    <div className="sheet scrolls">
      <table>
        <thead><tr><th>{t("assets.name")}</th><th className="c-group">{t("assets.group")}</th><th className="c-from">{t("assets.producers")}</th><th>{t("assets.consumers")}</th><th className="num">{t("assets.last")}</th></tr></thead>
        <tbody>
          {assets.map((asset) => {
            const waits = queued.filter((each) => each.asset_id === asset.id).length;
            const at = asset.last_asset_event?.timestamp ? microsOf(asset.last_asset_event.timestamp) : null;
            return (
              <tr key={asset.id} aria-selected={asset.id === chosen} className={asset.id === chosen ? "sel" : undefined}>
                <td>
                  <button type="button" className="asset" onClick={() => { choose(asset.id); }}><span className="id med">{asset.name}</span>{asset.uri !== asset.name && <span className="dim small cut">{asset.uri}</span>}</button>
                </td>
                <td className="mute c-group">{asset.group}</td>
                <td className="names c-from">{asset.producing_tasks.map(({ dag_id: dagId, task_id: taskId }, n) => <span key={`${dagId} ${taskId}`}>{n > 0 && <span className="dim">, </span>}<DagLink dagId={dagId} className="id">{`${dagId}.${taskId}`}</DagLink></span>)}</td>
                <td className="names">{asset.scheduled_dags.map(({ dag_id: dagId }, n) => <span key={dagId}>{n > 0 && <span className="dim">, </span>}<DagLink dagId={dagId} className="id" /></span>)}{waits > 0 && <span className="warn small"> · {t("assets.waits", { count: waits })}</span>}</td>
                <td className="num nowrap" title={at === null ? undefined : wholeTime(at, clock)}>{at === null ? <span className="dim">{t("assets.never")}</span> : ago(at, clock, t)}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
};
