import { Link } from "@tanstack/react-router";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { duration, wholeTime } from "../../lib/time";
import { bytesText } from "../../lib/words";
import { StateName } from "../../parts/StateGlyph";
import { messages } from "./text";
import { TryBars } from "./TryBars";
import { useTask } from "./useTask";

/** The tries: how each ended and why, where it ran, what it took. */
export const TriesPage = () => {
  const t = useTexts(messages);
  const { data: page } = useTask();
  const clock = useClock(page?.now);
  if (!page) return null;
  if (page.tries.length === 0) return <div className="taskpage"><p className="mute">{t("task.noTries")}</p></div>;
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  return (
    <div className="taskpage">
      {page.tries.length > 1 && <TryBars tries={page.tries} />}
      <div className="scrollx">
        <table>
          <thead>
            <tr>
              <th className="num">#</th><th>{t("tries.state")}</th><th>{t("tries.reason")}</th><th>{t("tries.worker")}</th><th>{t("tries.start")}</th><th>{t("tries.end")}</th>
              <th className="num">{t("tries.duration")}</th><th className="num">{t("tries.cpu")}</th><th className="num">{t("tries.memory")}</th><th>{t("tries.log")}</th>
            </tr>
          </thead>
          <tbody>
            {page.tries.toReversed().map((each) => (
              <tr key={each.number}>
                <td className="num">{each.number}</td>
                <td><StateName state={stateOf(each.state)} /></td>
                <td className={stateOf(each.state) === "failed" ? "reason bad" : "reason"}>{each.reason}</td>
                <td className="id">{each.worker}</td>
                <td className="nowrap">{each.start === null ? "" : wholeTime(each.start, clock)}</td>
                <td className="nowrap">{each.end === null ? "" : wholeTime(each.end, clock)}</td>
                <td className="num">{each.start !== null && each.end !== null ? duration(each.end - each.start) : ""}</td>
                <td className="num">{each.cpu_seconds === null ? "" : duration(each.cpu_seconds * 1e6)}</td>
                <td className="num">{each.peak_bytes ? bytesText(each.peak_bytes) : ""}</td>
                <td><Link className="link" to="/dags/$dagId/runs/$runId/tasks/$taskId" params={params} search={{ ...(page.map_index >= 0 ? { index: page.map_index } : {}), try: each.number }}>{t("tries.showLog")}</Link></td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
};
