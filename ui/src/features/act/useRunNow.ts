import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { answered, send, server } from "../../api/client";
import { newKey } from "../../lib/keys";
import { useLookAgain } from "./useSending";

export interface RunNow {
  /** Run the Dag at once where it has no params; where it has some, or when `withForm` asks for it, open the form. */
  run: (dagId: string, withForm?: boolean) => void;
  isPending: boolean;
  error: Error | null;
}

/** "Run now": one click where nothing is to be said. Held shift asks for the form, to name a date or an id. */
export const useRunNow = (): RunNow => {
  const navigate = useNavigate();
  const queries = useQueryClient();
  const lookAgain = useLookAgain();
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
  return {
    run: (dagId, withForm = false) => { if (!start.isPending) start.mutate({ dagId, withForm, key: newKey() }); },
    isPending: start.isPending,
    error: start.error,
  };
};
