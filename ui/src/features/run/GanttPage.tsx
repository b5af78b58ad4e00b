import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { useMemo, useState } from "react";
import { said } from "../../app/root";
import { useTexts } from "../../app/settings";
import { criticalSteps, ganttRows, spanOf } from "../../lib/gantt";
import { Icon } from "../../parts/Icon";
import { Trouble } from "../../parts/Trouble";
import { taskAddress } from "./addresses";
import { GanttTable } from "./GanttTable";
import { GanttView } from "./GanttView";
import { PathPanel } from "./PathPanel";
import { type GanttSearch, ZOOMS } from "./routes";
import { messages } from "./text";
import { useMoving, useTimeline } from "./useRun";

export const GanttPage = () => {
  const params = useParams({ from: "/shell/dags/$dagId/runs/$runId/gantt" });
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/gantt" });
  return <GanttOf {...params} search={search} />;
};

/** A run in time: what waited, what ran, and what decided when it ended. */
export const GanttOf = ({ dagId, runId, search }: { dagId: string; runId: string; search: GanttSearch }) => {
  const t = useTexts(messages);
  const navigate = useNavigate();
  const { data, error, refetch } = useTimeline(dagId, runId);
  const run = useMoving(data);
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const order = search.by ?? "group";
  const span = useMemo(() => run && spanOf(run), [run]);
  const rows = useMemo(() => (run ? ganttRows(run, turned, order) : []), [run, turned, order]);
  const steps = useMemo(() => (run && span ? criticalSteps(run, span) : []), [run, span]);
  if (error && !run) return <Trouble error={error} retry={() => void refetch()} />;
  if (!run || !span) return null;
  const set = (change: Partial<Record<keyof GanttSearch, unknown>>): void => {
    void navigate({ to: "/dags/$dagId/runs/$runId/gantt", params: { dagId, runId }, search: said({ ...search, ...change }) as GanttSearch, replace: true });
  };
  const toggle = (key: string): void => {
    setTurned((old) => { const next = new Set(old); if (!next.delete(key)) next.add(key); return next; });
  };
  const open = (taskId: string, index: number): void => { void navigate({ to: taskAddress(dagId, runId, taskId, index) }); };
  const zoom = search.zoom ?? 1;
  const zoomBy = (step: number): void => {
    const next = ZOOMS[Math.max(0, Math.min(ZOOMS.length - 1, ZOOMS.indexOf(zoom as 1) + step))] ?? 1;
    set({ zoom: next === 1 ? undefined : next });
  };
  const shown = search.plain ? [] : steps;
  return (
    <>
      <div className="bar">
        <div className="seg" role="group" aria-label={t("gantt.order")}>
          {(["group", "start"] as const).map((each) => <button key={each} type="button" aria-pressed={order === each} onClick={() => { set({ by: each === "group" ? undefined : each }); }}>{t(`gantt.${each}`)}</button>)}
        </div>
        <button type="button" className="chip" aria-pressed={!search.plain} onClick={() => { set({ plain: !search.plain }); }}>{t("gantt.critical")}</button>
        <span className="push" />
        <span className="legend hide-mid" aria-hidden="true">
          <span className="state"><i className="key ran" />{t("gantt.ran")}</span>
          <span className="state"><i className="key waited" />{t("gantt.waited")}</span>
          <span className="state"><i className="key retry" />{t("gantt.retry")}</span>
          {!search.plain && <span className="state"><i className="key critical" />{t("gantt.isCritical")}</span>}
        </span>
        <button type="button" className="btn quiet icon" aria-label={t("gantt.zoomOut")} disabled={zoom === 1} onClick={() => { zoomBy(-1); }}><Icon name="minus" small /></button>
        <button type="button" className="btn quiet icon" aria-label={t("gantt.zoomIn")} onClick={() => { zoomBy(1); }}><Icon name="plus" small /></button>
        <button type="button" className="btn quiet icon" aria-label={t("gantt.fit")} disabled={zoom === 1} onClick={() => { set({ zoom: undefined }); }}><Icon name="fit" small /></button>
        <button type="button" className="btn quiet" onClick={() => { set({ table: !search.table }); }}>{search.table ? t("gantt.asChart") : t("gantt.asTable")}</button>
      </div>
      <div className="work">
        {run.start === null && run.tasks.every((task) => task.start === null) ? <p className="trouble mute">{t("gantt.none")}</p>
          : search.table ? <GanttTable dagId={dagId} runId={runId} run={run} span={span} rows={rows} steps={shown} />
          : <GanttView run={run} span={span} rows={rows} steps={shown} turned={turned} toggle={toggle} zoom={zoom} zoomBy={zoomBy} open={open} />}
        {!search.plain && <PathPanel dagId={dagId} runId={runId} run={run} span={span} steps={steps} />}
      </div>
    </>
  );
};
