import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { Link, useParams, useSearch } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { eventText } from "../../lib/events";
import { clockTime, dayName, wholeTime } from "../../lib/time";
import { Trouble } from "../../parts/Trouble";
import { messages } from "./text";

const PAGE = 100;

/** What was done to a run and noted of it, newest first. */
export const EventsPage = () => {
  const { dagId, runId } = useParams({ from: "/shell/dags/$dagId/runs/$runId/events" });
  const { page = 1 } = useSearch({ from: "/shell/dags/$dagId/runs/$runId/events" });
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({
    queryKey: ["run", dagId, runId, "events", page],
    queryFn: () => answered(server.GET("/api/v2/eventLogs", { params: { query: { dag_id: dagId, run_id: runId, limit: PAGE, offset: (page - 1) * PAGE, order_by: ["-when"] } } })),
    placeholderData: keepPreviousData,
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  if (!data.event_logs.length) return <p className="trouble mute">{t("events.none")}</p>;
  const first = (page - 1) * PAGE;
  const turn = (to: number, label: string) => <Link to="/dags/$dagId/runs/$runId/events" params={{ dagId, runId }} search={to > 1 ? { page: to } : {}} className="btn">{label}</Link>;
  return (
    <div className="eventlist" tabIndex={0} role="region" aria-label={t("events.event")}>
      <table className="dense">
        <thead><tr><th scope="col">{t("events.when")}</th><th scope="col">{t("col.task")}</th><th scope="col">{t("events.event")}</th><th scope="col">{t("events.by")}</th><th scope="col">{t("events.what")}</th></tr></thead>
        <tbody>{data.event_logs.map((line) => <Line key={line.event_log_id} line={line} />)}</tbody>
      </table>
      <p className="foot-note row">
        {t("events.shown", { from: first + 1, to: first + data.event_logs.length, count: data.total_entries })}
        <span className="push" />
        {page > 1 && turn(page - 1, t("events.newer"))}
        {first + PAGE < data.total_entries && turn(page + 1, t("events.older"))}
      </p>
    </div>
  );
};

const Line = ({ line }: { line: Schemas["EventLogResponse"] }) => {
  const t = useTexts(messages);
  const clock = useClock();
  const at = Date.parse(line.when) * 1000;
  return (
    <tr>
      <td className="nowrap" title={wholeTime(at, clock)}>{dayName(at, clock)} {clockTime(at, clock)}</td>
      <td className="id">{line.task_id}{line.map_index !== null && line.map_index >= 0 ? ` [${String(line.map_index)}]` : ""}</td>
      <td className="id">{line.event}</td>
      <td>{line.owner ?? <span className="dim">{t("events.engine")}</span>}</td>
      <td className="what">{eventText(line.extra, (state) => t(`state.${state}`))}</td>
    </tr>
  );
};
