import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { useParams, useSearch } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { BY_TASKS, NOTHING, OLD_BY_TASKS, useLive } from "../../app/live";
import { stateOf, waits } from "../../lib/states";

export type TaskPage = Schemas["TaskPage"];

const FROM = "/shell/dags/$dagId/runs/$runId/tasks/$taskId";

/** The task instance that the address names. */
export const useTaskName = (): { dagId: string; runId: string; taskId: string; index: number | undefined; tried: number | undefined } => {
  const params = useParams({ from: FROM });
  const search = useSearch({ from: FROM });
  return { ...params, index: search.index, tried: search.try };
};

/** What is known of it. */
export const useTask = (): UseQueryResult<TaskPage> => {
  const { dagId, runId, taskId, index } = useTaskName();
  const found = useQuery({
    queryKey: ["task", dagId, runId, taskId, index ?? null, "page"],
    queryFn: () =>
      answered(server.GET("/ui/dags/{dag_id}/task/page", {
        params: { path: { dag_id: dagId }, query: { run_id: runId, task_id: taskId, ...(index === undefined ? {} : { map_index: index }) } },
      })),
    meta: OLD_BY_TASKS,
  });
  useLive(found.data && waits(stateOf(found.data.state)) ? BY_TASKS : NOTHING);
  return found;
};
