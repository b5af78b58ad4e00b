/** Airflow 2 names a run by the date that it is for. */
import { answered, server } from "../../api/client";
import { dateIn } from "./dates";

/** The id of a Dag's run of a logical date, as an old address writes it; empty where there is none. */
export const runAt = async (dagId: string, written: string): Promise<string> => {
  const date = dateIn(written);
  if (!date) return "";
  try {
    const found = await answered(server.GET("/api/v2/dags/{dag_id}/dagRuns", { params: { path: { dag_id: dagId }, query: { logical_date_gte: date, logical_date_lte: date, limit: 1 } } }));
    return found.dag_runs[0]?.dag_run_id ?? "";
  } catch {
    return "";
  }
};
