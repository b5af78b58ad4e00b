/** What people do to runs and their tasks: the wish, the calls that it makes of the public API, and the plan that comes back. */
import { type State, stateOf } from "./states";

/** A task of a run; without an index every instance of it. */
export interface Named {
  taskId: string;
  index?: number | undefined;
}

/** Which task instances of a run: those named; all of them; or those that failed. */
export interface Aim {
  dagId: string;
  runId: string;
  tasks: readonly Named[] | "all" | "failed";
}

/** What else comes with what was aimed at. */
export interface Reach {
  onlyFailed: boolean;
  downstream: boolean;
  upstream: boolean;
  past: boolean;
  future: boolean;
}

export const NO_REACH: Reach = { onlyFailed: false, downstream: false, upstream: false, past: false, future: false };

export type MarkState = "success" | "failed" | "skipped";
export type RunMark = "success" | "failed" | "queued";

export interface Call {
  method: "POST" | "PATCH" | "DELETE";
  path: string;
  body: unknown;
}

const dagPath = (dagId: string): string => `/api/v2/dags/${encodeURIComponent(dagId)}`;
export const runPath = (dagId: string, runId: string): string => `${dagPath(dagId)}/dagRuns/${encodeURIComponent(runId)}`;
export const taskPath = (dagId: string, runId: string, task: Named): string =>
  `${runPath(dagId, runId)}/taskInstances/${encodeURIComponent(task.taskId)}${task.index === undefined || task.index < 0 ? "" : `/${String(task.index)}`}`;

export interface Clearing {
  reach: Reach;
  /** Which version of the Dag the runs go by; without one each as it went before. */
  newest: boolean | null;
  note: string;
}

/** The call that clears, or with `dryRun` says what it would clear. */
export const clearCall = (aim: Aim, failed: readonly Named[], { reach, newest, note }: Clearing, dryRun: boolean): Call => {
  const named = aim.tasks === "all" ? null : aim.tasks === "failed" ? failed : aim.tasks;
  return {
    method: "POST",
    path: `${dagPath(aim.dagId)}/clearTaskInstances`,
    body: {
      dry_run: dryRun,
      dag_run_id: aim.runId,
      ...(named === null ? {} : { task_ids: named.map(({ taskId, index }) => (index === undefined || index < 0 ? taskId : [taskId, index])) }),
      only_failed: reach.onlyFailed,
      include_downstream: reach.downstream,
      include_upstream: reach.upstream,
      include_past: reach.past,
      include_future: reach.future,
      ...(newest === null ? {} : { run_on_latest_version: newest }),
      ...(note && !dryRun ? { note } : {}),
    },
  };
};

/** The calls that mark, one for each task named: what one reaches is the server's to say. */
export const markCalls = (aim: Aim, named: readonly Named[], state: MarkState, reach: Reach, note: string, dryRun: boolean): Call[] =>
  named.map((task) => ({
    method: "PATCH",
    path: `${taskPath(aim.dagId, aim.runId, task)}${dryRun ? "/dry_run" : ""}`,
    body: {
      new_state: state,
      include_downstream: reach.downstream,
      include_upstream: reach.upstream,
      include_past: reach.past,
      include_future: reach.future,
      ...(note && !dryRun ? { note } : {}),
    },
  }));

export interface RunName {
  dagId: string;
  runId: string;
}

/** The call that runs whole runs once more, or what failed in them. */
export const clearRunsCall = (runs: readonly RunName[], onlyFailed: boolean, newest: boolean | null, note: string, dryRun: boolean): Call => ({
  method: "POST",
  path: "/api/v2/dags/~/clearDagRuns",
  body: {
    dry_run: dryRun,
    dag_runs: runs.map(({ dagId, runId }) => ({ dag_id: dagId, dag_run_id: runId })),
    only_failed: onlyFailed,
    ...(newest === null ? {} : { run_on_latest_version: newest }),
    ...(note && !dryRun ? { note } : {}),
  },
});

/** A task instance of a plan, as the public API names it. */
export interface Planned {
  dag_id: string;
  dag_run_id: string;
  task_id: string;
  map_index: number;
  state?: string | null;
  duration?: number | null;
}

const keyOf = (each: Planned): string => JSON.stringify([each.dag_id, each.dag_run_id, each.task_id, each.map_index]);

/** Several plans as one: whatever is in any of them, once, in the order in which it came. */
export const united = (plans: readonly (readonly Planned[])[]): Planned[] => [
  ...new Map(plans.flat().map((each) => [keyOf(each), each])).values(),
];

/** Whether two plans act on the same task instances: then what was shown is what is done. */
export const isSamePlan = (one: readonly Planned[], other: readonly Planned[]): boolean => {
  const keys = new Set(one.map(keyOf));
  return one.length === other.length && other.every((each) => keys.has(keyOf(each)));
};

/** A line of a plan: a task, and in each run the state that it has now and how many instances of it. */
export interface PlanRow {
  dagId: string;
  taskId: string;
  cells: ({ state: State; count: number } | null)[];
}

export interface PlanTable {
  runs: RunName[];
  rows: PlanRow[];
}

const TELLING: readonly State[] = ["failed", "upstream_failed", "up_for_retry", "running", "queued", "scheduled", "deferred", "none", "skipped", "success"];
const rank = (state: State): number => (TELLING.indexOf(state) + TELLING.length) % TELLING.length;

/** A plan as lines of tasks and columns of runs. */
export const planTable = (plan: readonly Planned[]): PlanTable => {
  const runs = new Map<string, { run: RunName; place: number }>();
  for (const { dag_id: dagId, dag_run_id: runId } of plan) {
    const key = JSON.stringify([dagId, runId]);
    if (!runs.has(key)) runs.set(key, { run: { dagId, runId }, place: runs.size });
  }
  const rows = new Map<string, PlanRow>();
  for (const each of plan) {
    const key = JSON.stringify([each.dag_id, each.task_id]);
    const row = rows.get(key) ?? { dagId: each.dag_id, taskId: each.task_id, cells: Array<PlanRow["cells"][number]>(runs.size).fill(null) };
    rows.set(key, row);
    const place = runs.get(JSON.stringify([each.dag_id, each.dag_run_id]))?.place ?? 0;
    const [old, state] = [row.cells[place] ?? null, stateOf(each.state)];
    row.cells[place] = { state: old && rank(old.state) <= rank(state) ? old.state : state, count: (old?.count ?? 0) + 1 };
  }
  return { runs: [...runs.values()].map(({ run }) => run), rows: [...rows.values()] };
};

/** Microseconds of work that a plan's tasks took the last time that they ran. */
export const workOf = (plan: readonly Planned[]): number => plan.reduce((sum, each) => sum + (each.duration ?? 0) * 1e6, 0);
