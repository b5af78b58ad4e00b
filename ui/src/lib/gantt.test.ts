import { expect, it } from "vitest";
import { atOnce, barsOf, coverOf, criticalSteps, ganttRows, type Instance, readyAt, spanOf, type Task, ticksOf, type Timeline, timeAt, type Try, xOf } from "./gantt";

const SPAN = { from: 0, to: 1000 };
const attempt = (number: number, state: string, assigned: number | null, start: number | null, end: number | null): Try => ({ number, state, assigned, start, end });
const instance = (state: string, tries: Try[], more: Partial<Instance> = {}): Instance => ({
  map_index: -1, label: "", state, scheduled: null, start: tries.at(-1)?.start ?? null, end: tries.at(-1)?.end ?? null, tries, ...more,
});
const task = (task_id: string, instances: Instance[], upstream: number[] = []): Task => {
  const [starts, ends] = [instances.flatMap((each) => each.start ?? []), instances.flatMap((each) => each.end ?? [])];
  const states: Record<string, number> = {};
  for (const each of instances) states[each.state] = (states[each.state] ?? 0) + 1;
  return { task_id, states, start: starts.length ? Math.min(...starts) : null, end: ends.length ? Math.max(...ends) : null, instances, upstream };
};
const run = (tasks: Task[], more: Partial<Timeline> = {}): Timeline => ({
  state: "running", start: 0, end: null, now: 1000, tasks,
  rows: tasks.map((each, place) => ({ id: each.task_id, label: each.task_id, depth: 0, is_group: false, tasks: [place] })), ...more,
});
const kinds = (each: Instance, ready: number | null = 0): unknown[] => barsOf(each, ready, SPAN, 1000).map(({ kind, from, to, state, open }) => [kind, from, to, state, open]);

it("a task waits from the moment it could begin, then runs", () => {
  expect(kinds(instance("success", [attempt(1, "success", 20, 30, 90)]), 10)).toEqual([["queue", 10, 30, "queued", false], ["run", 30, 90, "success", false]]);
});

it("between tries it waits for its next try, then for a place; a failed try is one whatever became of the task", () => {
  const tries = [attempt(1, "failed", 0, 0, 100), attempt(2, "lost", 400, 410, 500), attempt(3, "success", 700, 700, 800)];
  expect(kinds(instance("success", tries))).toEqual([
    ["run", 0, 100, "failed", false], ["retry", 100, 400, "up_for_retry", false], ["queue", 400, 410, "queued", false],
    ["run", 410, 500, "failed", false], ["retry", 500, 700, "up_for_retry", false], ["run", 700, 800, "success", false],
  ]);
});

it("what goes on is open to the present: running, waiting for its next try, for a place, for a trigger", () => {
  expect(kinds(instance("running", [attempt(1, "running", 5, 10, null)]))).toEqual([["queue", 0, 10, "queued", false], ["run", 10, 1000, "running", true]]);
  expect(kinds(instance("up_for_retry", [attempt(1, "failed", 0, 0, 10)])).at(-1)).toEqual(["retry", 10, 1000, "up_for_retry", true]);
  expect(kinds(instance("queued", [attempt(1, "assigned", 5, null, null)]))).toEqual([["queue", 0, 1000, "queued", true]]);
  expect(kinds(instance("scheduled", []), 300)).toEqual([["queue", 300, 1000, "queued", true]]);
  expect(kinds(instance("deferred", [attempt(1, "deferred", 0, 0, 10)])).at(-1)).toEqual(["run", 10, 1000, "deferred", true]);
  expect(kinds(instance("none", []), null)).toEqual([]);
});

it("what passed before the run was cleared is not drawn", () => {
  const tries = [attempt(1, "failed", -900, -900, -500), attempt(2, "success", 10, 20, 30)];
  expect(kinds(instance("success", tries))).toEqual([["queue", 0, 20, "queued", false], ["run", 20, 30, "success", false]]);
  expect(kinds(instance("success", [attempt(1, "success", -900, -900, -500)]))).toEqual([]);
});

it("a task is ready when the last of what it waited for was over, and not while that is not", () => {
  const above = [task("a", [instance("success", [attempt(1, "success", 0, 0, 50)])]), task("b", [instance("success", [attempt(1, "success", 0, 0, 80)])])];
  const after = task("c", [instance("success", [attempt(1, "success", 90, 90, 95)])], [0, 1]);
  expect(readyAt(run([...above, after]), after, SPAN)).toBe(80);
  const early = task("c", [instance("success", [attempt(1, "success", 60, 60, 95)])], [0, 1]);
  expect(readyAt(run([...above, early]), early, SPAN)).toBe(50);
  const open = [task("a", [instance("running", [attempt(1, "running", 0, 0, null)])]), task("c", [instance("none", [])], [0])];
  expect(readyAt(run(open), open[1] as Task, SPAN)).toBe(null);
});

it("the critical path says what its time went into: waiting, failed tries, waits between tries, work", () => {
  const tries = [attempt(1, "failed", 120, 130, 200), attempt(2, "success", 500, 510, 700)];
  const steps = criticalSteps(run([
    task("a", [instance("success", [attempt(1, "success", 0, 0, 100)], { map_index: 0 }), instance("success", [attempt(1, "success", 0, 0, 40)], { map_index: 1 })]),
    task("b", [instance("success", tries)], [0]),
    task("side", [instance("success", [attempt(1, "success", 0, 0, 300)])]),
  ], { end: 700 }), { from: 0, to: 700 });
  expect(steps.map((step) => [step.taskId, step.mapIndex, step.queue, step.failed, step.retry, step.work])).toEqual([
    ["a", 0, 0, 0, 0, 100], ["b", -1, 40, 70, 300, 190],
  ]);
});

it("rows open and close: groups are open at first, mapped tasks are not; what is not shown is counted", () => {
  const mapped = task("m", [instance("success", [attempt(1, "success", 0, 0, 5)], { map_index: 3, label: "north" })]);
  const timeline = run([task("a", [instance("failed", [])]), { ...mapped, states: { success: 60 } }], {
    rows: [
      { id: "g", label: "g", depth: 0, is_group: true, tasks: [0] }, { id: "a", label: "a", depth: 1, is_group: false, tasks: [0] },
      { id: "m", label: "m", depth: 0, is_group: false, tasks: [1] },
    ],
  });
  const labels = (...turned: string[]): unknown[] => ganttRows(timeline, new Set(turned), "group").map((row) => [row.kind, row.label, row.state]);
  expect(labels()).toEqual([["group", "g", "failed"], ["task", "a", "failed"], ["task", "m", "success"]]);
  expect(labels("group g")).toEqual([["group", "g", "failed"], ["task", "m", "success"]]);
  const open = ganttRows(timeline, new Set(["task m"]), "group");
  expect(open.slice(2).map((row) => [row.kind, row.label, row.count])).toEqual([["task", "m", 60], ["instance", "north", 0], ["rest", "", 59]]);
});

it("by start the first to begin is the first row, and what never began comes last", () => {
  const timeline = run([task("late", [instance("success", [attempt(1, "success", 9, 9, 10)])]), task("never", [instance("none", [])]), task("soon", [instance("success", [attempt(1, "success", 1, 1, 2)])])]);
  expect(ganttRows(timeline, new Set(), "start").map((row) => row.label)).toEqual(["soon", "late", "never"]);
});

it("a group covers its tasks, and is open while one of them is", () => {
  const timeline = run([task("a", [instance("success", [attempt(1, "success", 10, 10, 20)])]), task("b", [instance("running", [attempt(1, "running", 15, 15, null)])]), task("c", [instance("none", [])])]);
  expect(coverOf(timeline, [0], SPAN)).toEqual({ from: 10, to: 20, open: false });
  expect(coverOf(timeline, [0, 1, 2], SPAN)).toEqual({ from: 10, to: 1000, open: true });
  expect(coverOf(timeline, [2], SPAN)).toBe(null);
});

it("what runs at once is counted wherever it changes", () => {
  const timeline = run([task("a", [instance("success", [attempt(1, "success", 0, 10, 30)])]), task("b", [instance("success", [attempt(1, "success", 0, 20, 30)])]), task("c", [instance("running", [attempt(1, "running", 0, 30, null)])])]);
  expect(atOnce(timeline, SPAN)).toEqual([[10, 1], [20, 2], [30, 1], [1000, 0]]);
});

it("a run spans from its begin to its end, or to the present", () => {
  expect(spanOf(run([], { start: 5, end: 9000 }))).toEqual({ from: 5, to: 9000 });
  expect(spanOf(run([], { start: 5, now: 7000 }))).toEqual({ from: 5, to: 7000 });
  expect(spanOf(run([], { start: null, now: 7000 }))).toEqual({ from: 7000, to: 8000 });
});

it("ticks are round in the reader's zone and not too close; places and times are each other's inverse", () => {
  const hour = 3_600e6;
  const { step, at } = ticksOf({ from: 0, to: 10 * hour }, 964, 5.5 * hour);
  expect(step).toBe(hour);
  expect(at.slice(0, 2)).toEqual([0.5 * hour, 1.5 * hour]);
  for (let width = 200; width < 3000; width += 177) {
    const ticks = ticksOf({ from: 123_456, to: 987_654_321 }, width, 0).at;
    const apart = ticks.slice(1).map((each, n) => xOf(each, { from: 123_456, to: 987_654_321 }, width) - xOf(ticks[n] ?? 0, { from: 123_456, to: 987_654_321 }, width));
    expect(Math.min(...apart, 90)).toBeGreaterThan(89.9);
  }
  expect(timeAt(xOf(250, SPAN, 564), SPAN, 564)).toBeCloseTo(250);
});
