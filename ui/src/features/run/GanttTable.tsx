import { Link } from "@tanstack/react-router";
import type { Schemas } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { barsOf, coverOf, type CriticalStep, type GanttRow, readyAt, type Span } from "../../lib/gantt";
import { clockTime, duration, wholeTime } from "../../lib/time";
import { StateName } from "../../parts/StateGlyph";
import { taskAddress } from "./addresses";
import { messages } from "./text";

interface Props {
  dagId: string;
  runId: string;
  run: Schemas["RunTimeline"];
  span: Span;
  rows: readonly GanttRow[];
  steps: readonly CriticalStep[];
}

/** The same facts as the timeline, as a table. */
export const GanttTable = ({ dagId, runId, run, span, rows, steps }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(run.now);
  const critical = new Set(steps.map((step) => step.node));
  const time = (at: number | null | undefined) => (at === null || at === undefined ? "–" : <span title={wholeTime(at, clock)}>{clockTime(at, clock)}</span>);
  return (
    <div className="gridtable">
      <table className="dense">
        <thead>
          <tr>
            <th scope="col">{t("col.task")}</th><th scope="col">{t("col.state")}</th><th scope="col" className="num">{t("col.waited")}</th><th scope="col" className="num">{t("col.ran")}</th>
            <th scope="col" className="num">{t("col.start")}</th><th scope="col" className="num">{t("col.end")}</th><th scope="col">{t("col.critical")}</th><th scope="col">{t("col.upstream")}</th>
          </tr>
        </thead>
        <tbody>
          {rows.filter((row) => row.kind !== "rest").map((row) => {
            const task = run.tasks[row.tasks[0] ?? -1];
            const cover = coverOf(run, row.tasks, span);
            const bars = row.instance && task ? barsOf(row.instance, readyAt(run, task, span), span, run.now) : [];
            const waited = bars.filter((bar) => bar.kind !== "run").reduce((sum, bar) => sum + bar.to - bar.from, 0);
            const ran = row.instance ? bars.filter((bar) => bar.kind === "run").reduce((sum, bar) => sum + bar.to - bar.from, 0) : cover ? cover.to - cover.from : 0;
            const [from, to] = row.instance ? [row.instance.start, row.instance.end] : [cover?.from, cover?.open ? null : cover?.to];
            return (
              <tr key={row.key}>
                <th scope="row" style={{ paddingLeft: 12 + row.depth * 16 }}>
                  {row.kind === "group" || !task ? row.label : <Link to={taskAddress(dagId, runId, task.task_id, row.instance?.map_index ?? -1)} className="id">{row.label}</Link>}
                  {row.kind === "task" && row.count > 0 && <span className="dim"> [{row.count}]</span>}
                </th>
                <td><StateName state={row.state} /></td>
                <td className="num">{waited > 0 ? duration(waited) : "–"}</td>
                <td className="num">{ran > 0 ? duration(ran) : "–"}</td>
                <td className="num">{time(from)}</td>
                <td className="num">{time(to)}</td>
                <td>{row.kind === "task" && critical.has(row.tasks[0] ?? -1) ? t("gantt.isCritical") : ""}</td>
                <td className="id">{row.kind === "task" ? task?.upstream.map((place) => run.tasks[place]?.task_id).join(", ") : ""}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
};
