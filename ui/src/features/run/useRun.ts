import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { BY_TASKS, NOTHING, OLD_BY_TASKS, useLive } from "../../app/live";
import { usePresent } from "../../app/present";

/** A run. */
export const useRun = (dagId: string, runId: string) =>
  useQuery({
    queryKey: ["run", dagId, runId],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    placeholderData: (old) => (old?.run_id === runId ? old : undefined),
  });

export const useTimeline = (dagId: string, runId: string) =>
  useQuery({
    queryKey: ["run", dagId, runId, "timeline"],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run/timeline", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    placeholderData: keepPreviousData,
  });

const MANY = 500;

/** The same run as time goes on: what runs becomes longer, without a question to the server. */
export const useMoving = (run: Schemas["RunTimeline"] | undefined): Schemas["RunTimeline"] | undefined => {
  const moves = run !== undefined && run.start !== null && run.end === null;
  const now = usePresent(run?.now, moves, (run?.tasks.length ?? 0) > MANY ? 5 : 1);
  return useMemo(() => (run && moves ? { ...run, now } : run), [run, moves, now]);
};

export const useWhy = (dagId: string, runId: string, waits: boolean) => {
  useLive(waits ? BY_TASKS : NOTHING);
  return useQuery({
    queryKey: ["why", dagId, runId],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run/why", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
    enabled: waits,
    meta: OLD_BY_TASKS,
  });
};
