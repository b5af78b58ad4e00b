import { useQuery } from "@tanstack/react-query";
import { answered, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { eventText } from "../../lib/events";
import { momentIn, wholeTime } from "../../lib/time";
import { Trouble } from "../../parts/Trouble";
import { messages } from "./text";
import { useTask, useTaskName } from "./useTask";

/** What was recorded of the task in this run: by people, and by itself. */
export const EventsPage = () => {
  const t = useTexts(messages);
  const { dagId, runId, taskId, index } = useTaskName();
  const { data: page } = useTask();
  const clock = useClock(page?.now);
  const { data, error, refetch } = useQuery({
    queryKey: ["task", dagId, runId, taskId, index ?? null, "events", page?.state],
    queryFn: () =>
      answered(server.GET("/api/v2/eventLogs", {
        params: { query: { dag_id: dagId, run_id: runId, task_id: taskId, ...(index === undefined ? {} : { map_index: index }), order_by: ["-when"], limit: 200 } },
      })),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  return (
    <div className="taskpage">
      {data.event_logs.length === 0 ? <p className="mute">{t("events.none")}</p> : (
        <table>
          <thead><tr><th scope="col">{t("events.when")}</th><th scope="col">{t("events.event")}</th><th scope="col" className="num">{t("details.tryNumber")}</th><th scope="col">{t("events.who")}</th><th scope="col">{t("events.extra")}</th></tr></thead>
          <tbody>
            {data.event_logs.map((each) => (
              <tr key={each.event_log_id}>
                <td className="nowrap">{wholeTime(momentIn(each.when), clock)}</td><td className="id nowrap">{each.event}</td><td className="num">{each.try_number ?? ""}</td><td className="nowrap">{each.owner ?? <span className="dim">{t("events.engine")}</span>}</td>
                <td className="eventwhat">{eventText(each.extra, (state) => t(`state.${state}`))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </div>
  );
};
