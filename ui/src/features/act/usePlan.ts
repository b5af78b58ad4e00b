import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { answered, send, server } from "../../api/client";
import { type Aim, type Call, clearCall, clearRunsCall, isSamePlan, markCalls, type MarkState, type Named, type Planned, type Reach, type RunName, united } from "../../lib/acts";

/** A wish whose reach the server can say before anything is done. */
export type Plannable =
  | { kind: "clear"; aim: Aim; reach: Reach; newest: boolean | null; note: string }
  | { kind: "mark"; aim: Aim & { tasks: readonly Named[] }; state: MarkState; reach: Reach; note: string }
  | { kind: "clearRuns"; runs: readonly RunName[]; onlyFailed: boolean; newest: boolean | null; note: string };

/** The task instances that would be acted on, and the calls that do it. */
export interface Plan {
  instances: Planned[];
  calls: Call[];
}

/** Several at once, but not so many that others wait. */
const AT_ONCE = 6;

const all = async <T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> => {
  const found: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) found.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(work))));
  return found;
};

const planned = async (call: Call): Promise<Planned[]> => {
  const answer = (await send(call.method, call.path, call.body)) as { task_instances: Planned[] };
  return answer.task_instances;
};

const failedOf = async ({ dagId, runId }: RunName): Promise<Named[]> => {
  const head = await answered(server.GET("/ui/dags/{dag_id}/run", { params: { path: { dag_id: dagId }, query: { run_id: runId } } }));
  return head.failed.map(({ task_id, map_index }) => ({ taskId: task_id, index: map_index }));
};

/** What the server would do, said by the function that does it. */
export const planOf = async (wish: Plannable): Promise<Plan> => {
  switch (wish.kind) {
    case "clear": {
      const failed = wish.aim.tasks === "failed" ? await failedOf(wish.aim) : [];
      if (wish.aim.tasks === "failed" && !failed.length) return { instances: [], calls: [] };
      const call = (dryRun: boolean): Call => clearCall(wish.aim, failed, wish, dryRun);
      return { instances: await planned(call(true)), calls: [call(false)] };
    }
    case "mark": {
      const calls = (dryRun: boolean): Call[] => markCalls(wish.aim, wish.aim.tasks, wish.state, wish.reach, wish.note, dryRun);
      return { instances: united(await all(calls(true), planned)), calls: calls(false) };
    }
    case "clearRuns": {
      const call = (dryRun: boolean): Call => clearRunsCall(wish.runs, wish.onlyFailed, wish.newest, wish.note, dryRun);
      return { instances: await planned(call(true)), calls: [call(false)] };
    }
  }
};

/** The plan of a wish, asked for anew whenever the wish changes; `null` asks for none. */
export const usePlan = (wish: Plannable | null) =>
  useQuery({
    queryKey: ["plan", wish && { ...wish, note: "" }],
    queryFn: () => planOf(wish as Plannable),
    enabled: wish !== null,
    placeholderData: keepPreviousData,
    staleTime: 0,
    gcTime: 0,
    retry: false,
  });

/** Whether the plan would still be this one. */
export const isStill = async (wish: Plannable, shown: readonly Planned[]): Promise<{ same: boolean; count: number }> => {
  const { instances } = await planOf(wish);
  return { same: isSamePlan(shown, instances), count: instances.length };
};
