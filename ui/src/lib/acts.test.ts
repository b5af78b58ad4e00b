import { expect, it } from "vitest";
import { clearCall, clearRunsCall, isSamePlan, markCalls, NO_REACH, type Planned, planTable, taskPath, united, workOf } from "./acts";

const aim = { dagId: "etl", runId: "manual__2026-11-22T14:00:00+09:00", tasks: [{ taskId: "a" }, { taskId: "b", index: 2 }] } as const;
const reach = { ...NO_REACH, downstream: true };
const some = (task_id: string, more: Partial<Planned> = {}): Planned => ({ dag_id: "etl", dag_run_id: "one", task_id, map_index: -1, state: "failed", ...more });

it("a clear names whole tasks and single instances, and only says what it would do where it is asked to", () => {
  const wish = { reach, newest: null, note: "again" };
  expect(clearCall(aim, [], wish, true)).toEqual({
    method: "POST", path: "/api/v2/dags/etl/clearTaskInstances",
    body: {
      dry_run: true, dag_run_id: aim.runId, task_ids: ["a", ["b", 2]], only_failed: false, include_downstream: true, include_upstream: false,
      include_past: false, include_future: false,
    },
  });
  expect(clearCall(aim, [], { ...wish, newest: false }, false).body).toMatchObject({ dry_run: false, note: "again", run_on_latest_version: false });
});

it("what failed is named at the moment of asking, all of a run is named by nothing", () => {
  const wish = { reach: NO_REACH, newest: null, note: "" };
  expect(clearCall({ ...aim, tasks: "failed" }, [{ taskId: "x", index: -1 }], wish, true).body).toMatchObject({ task_ids: ["x"] });
  expect(clearCall({ ...aim, tasks: "all" }, [], wish, true).body).not.toHaveProperty("task_ids");
  expect(clearRunsCall([{ dagId: "etl", runId: "one" }], true, null, "", true).body).toEqual({ dry_run: true, dag_runs: [{ dag_id: "etl", dag_run_id: "one" }], only_failed: true });
});

it("marking asks for each task by its own address, whose ids are escaped", () => {
  const paths = markCalls(aim, aim.tasks, "skipped", NO_REACH, "", true).map((call) => call.path);
  const run = "/api/v2/dags/etl/dagRuns/manual__2026-11-22T14%3A00%3A00%2B09%3A00/taskInstances";
  expect(paths).toEqual([`${run}/a/dry_run`, `${run}/b/2/dry_run`]);
  expect(taskPath("a/b", "r", { taskId: "t?", index: -1 })).toBe("/api/v2/dags/a%2Fb/dagRuns/r/taskInstances/t%3F");
});

it("plans of several tasks are one plan without repeats, and differ when a single instance does", () => {
  const plan = united([[some("a"), some("b")], [some("b"), some("c", { map_index: 1 })]]);
  expect(plan.map((each) => each.task_id)).toEqual(["a", "b", "c"]);
  expect(isSamePlan(plan, [...plan].reverse())).toBe(true);
  expect(isSamePlan(plan, [...plan.slice(0, 2), some("c", { map_index: 2 })])).toBe(false);
  expect(isSamePlan(plan, plan.slice(1))).toBe(false);
});

it("a plan is a line for each task and a column for each run; instances are counted and the state that tells most is shown", () => {
  const table = planTable([
    some("a", { map_index: 0, state: "success" }), some("a", { map_index: 1, state: "failed" }), some("b", { dag_run_id: "two", state: null }),
  ]);
  expect(table.runs.map((run) => run.runId)).toEqual(["one", "two"]);
  expect(table.rows.map((row) => [row.taskId, row.cells])).toEqual([
    ["a", [{ state: "failed", count: 2 }, null]], ["b", [null, { state: "none", count: 1 }]],
  ]);
  expect(workOf([some("a", { duration: 1.5 }), some("b", { duration: null })])).toBe(1_500_000);
});
