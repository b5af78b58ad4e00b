import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useRef } from "react";
import { answered, send, server } from "../../api/client";
import { newKey } from "../../lib/keys";
import { useLookAgain } from "./useSending";

export interface RunNow {
  /** Run the Dag at once where it has no params; where it has some, or when `withForm` asks for it, open the form. */
  run: (dagId: string, withForm?: boolean) => void;
  isPending: boolean;
  error: Error | null;
}

/** A second wish for the same Dag within this time is a double click, or a key that is held: the first may be done by then. */
const DOUBLE_MS = 500;

/** "Run now": one click where nothing is to be said. Held shift asks for the form, to name a date or an id. */
export const useRunNow = (): RunNow => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const lookAgain = useLookAgain();
  const last = useRef({ dagId: "", at: -DOUBLE_MS });
  const start = useMutation({
    mutationFn: async ({ dagId, withForm, key }: { dagId: string; withForm: boolean; key: string }): Promise<void> => {
      const details = withForm ? null : await queries.fetchQuery({
        queryKey: ["dag", dagId, "details"],
        queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/details", { params: { path: { dag_id: dagId } } })),
        staleTime: 30_000,
      });
      if (!details || Object.keys(details.params ?? {}).length) {
        await navigate({ to: "/dags/$dagId/trigger", params: { dagId } });
        return;
      }
      await send("POST", `/api/v2/dags/${encodeURIComponent(dagId)}/dagRuns`, { logical_date: null }, { key });
      lookAgain();
    },
  });
  const { mutate, isPending, error } = start;
  const run = useCallback((dagId: string, withForm = false): void => {
    const at = performance.now();
    const isRepeat = last.current.dagId === dagId && at - last.current.at < DOUBLE_MS;
    last.current = { dagId, at };
    if (!isRepeat && !isPending) mutate({ dagId, withForm, key: newKey() });
  }, [mutate, isPending]);
  return { run, isPending, error };
};
