import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import { answered, type Schemas, server } from "../../api/client";
import { useTask, useTaskName } from "./useTask";

/** The task instance as the public API has it, with everything that is known of it. */
export const useInstance = (): UseQueryResult<Schemas["TaskInstanceResponse"]> => {
  const { dagId, runId, taskId } = useTaskName();
  const { data: page } = useTask();
  const index = page?.map_index ?? -1;
  return useQuery({
    queryKey: ["task", dagId, runId, taskId, index, "instance", page?.state, page?.try_number],
    enabled: page !== undefined,
    queryFn: () => {
      const path = { dag_id: dagId, dag_run_id: runId, task_id: taskId };
      return index < 0
        ? answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}", { params: { path } }))
        : answered(server.GET("/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/{map_index}", { params: { path: { ...path, map_index: index } } }));
    },
  });
};
