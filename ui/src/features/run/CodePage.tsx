import { Navigate, useParams } from "@tanstack/react-router";
import { Trouble } from "../../parts/Trouble";
import { useRun } from "./useRun";

/** The code that a run went by: the Dag's, in that version. */
export const CodePage = () => {
  const { dagId, runId } = useParams({ from: "/shell/dags/$dagId/runs/$runId/code" });
  const { data: head, error, refetch } = useRun(dagId, runId);
  if (error && !head) return <Trouble error={error} retry={() => void refetch()} />;
  return head ? <Navigate to="/dags/$dagId/code" params={{ dagId }} search={head.version === null ? {} : { version: head.version }} replace /> : null;
};
