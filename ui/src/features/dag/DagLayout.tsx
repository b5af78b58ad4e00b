import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Link, Outlet, useParams } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useState } from "react";
import { type Schemas, send } from "../../api/client";
import { useLive } from "../../app/live";
import { useMay } from "../../app/session";
import { useClock, useSettings, useTexts } from "../../app/settings";
import { isDated, scheduleText } from "../../lib/schedule";
import { stateOf } from "../../lib/states";
import { shortTime, weekdayName, wholeTime } from "../../lib/time";
import { Icon } from "../../parts/Icon";
import { Refusal } from "../../parts/Refusal";
import { Switch } from "../../parts/Switch";
import { TabBar } from "../../parts/TabBar";
import { Trouble } from "../../parts/Trouble";
import { useRunNow } from "../act";
import { useHead } from "./head";
import { messages } from "./text";
import "./dag.css";

const TABS = [
  { to: "/dags/$dagId/overview", text: "dag.overview" },
  { to: "/dags/$dagId", text: "dag.grid" },
  { to: "/dags/$dagId/graph", text: "dag.graph" },
  { to: "/dags/$dagId/runs", text: "dag.runList" },
  { to: "/dags/$dagId/calendar", text: "dag.calendar" },
  { to: "/dags/$dagId/durations", text: "dag.durations" },
  { to: "/dags/$dagId/code", text: "dag.code" },
  { to: "/dags/$dagId/versions", text: "dag.versions" },
  { to: "/dags/$dagId/backfills", text: "dag.backfills" },
  { to: "/dags/$dagId/details", text: "dag.details" },
] as const;

/** A Dag: what it is and how it fares, and the views of it. */
export const DagLayout = () => {
  const { dagId } = useParams({ from: "/shell/dags/$dagId" });
  const { data, error, refetch } = useHead(dagId);
  useLive([`dag:${dagId}`]);
  const t = useTexts(messages);
  const last = data?.last_state;
  useEffect(() => {
    document.title = `${dagId}${last ? `, ${t(`state.${stateOf(last)}`)}` : ""} · Tradewind`;
  }, [dagId, last, t]);
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <>
      <Head head={data} />
      <TabBar label={t("dag.tabs")}>
        {TABS.map(({ to, text }) => (
          <Link key={to} to={to} params={{ dagId }} activeOptions={{ exact: true, includeSearch: false }} activeProps={{ "aria-current": "page" }}>{t(text)}</Link>
        ))}
      </TabBar>
      <Outlet />
    </>
  );
};

const BackfillDialog = lazy(async () => ({ default: (await import("./BackfillDialog")).BackfillDialog }));

const Head = ({ head }: { head: Schemas["DagHead"] }) => {
  const t = useTexts(messages);
  const clock = useClock(head.now);
  const { language } = useSettings();
  const queries = useQueryClient();
  const again = {
    onSettled: async () => {
      await queries.invalidateQueries({ queryKey: ["dag", head.dag_id] });
      await queries.invalidateQueries({ queryKey: ["grid", head.dag_id] });
    },
  };
  const path = `/api/v2/dags/${encodeURIComponent(head.dag_id)}`;
  const pause = useMutation({ mutationFn: (paused: boolean) => send("PATCH", path, { is_paused: paused }), ...again });
  const runNow = useRunNow();
  const [filling, setFilling] = useState(false);
  // Where a schedule names dates: one that waits for assets or for people has none that are past.
  const mayFill = useMay()("create", "backfill") && isDated(head.schedule);
  const failed = head.failed_in_a_row;
  const dayName = (weekday: number): string => weekdayName(weekday, language);
  return (
    <div className="pagehead">
      <Switch on={!head.is_paused} label={t("dag.switch", { dag: head.dag_id })} disabled={!head.may_edit} onChange={(on) => { pause.mutate(!on); }} />
      <h1>{head.display_name}</h1>
      {failed > 0 && <span className="badge" data-s="failed"><i className="st" data-s="failed" aria-hidden="true" />{t("dag.failedInARow", { count: failed })}</span>}
      <span className="small mute hide-narrow">
        {scheduleText(head.schedule, t, dayName)}
        {head.next_run_after !== null && !head.is_paused && <span title={wholeTime(head.next_run_after, clock)}> · {t("dag.next", { time: shortTime(head.next_run_after, clock) })}</span>}
        {head.owners.length > 0 && ` · ${head.owners.join(", ")}`}
      </span>
      <span className="push" />
      {mayFill && <button type="button" className="btn hide-narrow" onClick={() => { setFilling(true); }}>{t("backfills.ask")}</button>}
      {head.may_run && <button type="button" className="btn primary" disabled={runNow.isPending} title={t("dag.runShift")} onClick={(event) => { runNow.run(head.dag_id, event.shiftKey); }}><Icon name="play" small />{t("dag.runNow")}</button>}
      {filling && <Suspense fallback={null}><BackfillDialog dagId={head.dag_id} close={() => { setFilling(false); }} /></Suspense>}
      <Refusal error={runNow.error ?? pause.error} />
    </div>
  );
};
