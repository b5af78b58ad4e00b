import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, server } from "../../api/client";
import { REFRESH } from "../../lib/clock";
import { isFinished, stateOf } from "../../lib/states";

/** A run. One that is over moves no more, and is not asked for again. */
export const useRun = (dagId: string, runId: string) =>
  useQuery({
    queryKey: ["run", dagId, runId],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    placeholderData: (old) => (old?.run_id === runId ? old : undefined),
    refetchInterval: (query) => (query.state.data && isFinished(stateOf(query.state.data.state)) ? false : REFRESH),
  });

export const useTimeline = (dagId: string, runId: string, isOver: boolean) =>
  useQuery({
    queryKey: ["run", dagId, runId, "timeline"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run/timeline", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    placeholderData: keepPreviousData,
    refetchInterval: isOver ? false : REFRESH,
  });

export const useWhy = (dagId: string, runId: string, waits: boolean) =>
  useQuery({
    queryKey: ["run", dagId, runId, "why"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run/why", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    enabled: waits,
    refetchInterval: waits ? REFRESH : false,
  });
