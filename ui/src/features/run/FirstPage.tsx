import { useParams, useSearch } from "@tanstack/react-router";
import { firstView } from "./firstView";
import { GanttOf } from "./GanttPage";
import { TasksOf } from "./TasksPage";

/** A run without a chosen view: its timeline, or where there is no room for one its tasks. */
export const FirstPage = () => {
  const params = useParams({ from: "/shell/dags/$dagId/runs/$runId/" });
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/" });
  return firstView() === "tasks" ? <TasksOf {...params} search={{}} /> : <GanttOf {...params} search={search} />;
};
