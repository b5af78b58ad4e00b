import { expect, it } from "vitest";
import type { Schemas } from "../../api/client";
import { changesBetween, union } from "./versions";

const graphOf = (tasks: Record<string, string[]>, version: string): Schemas["DagGraph"] => ({
  dag_id: "x", version, number: 1, groups: [], labels: [],
  tasks: Object.entries(tasks).map(([id, upstream]) => ({ id, label: id, operator: "O", group: null, is_mapped: false, trigger_rule: "all_success", pool: "p", upstream })),
});
const [old, now] = [graphOf({ a: [], b: ["a"], c: ["b"], d: [] }, "1"), graphOf({ a: [], c: ["a"], d: [], e: ["c"] }, "2")];

it("tasks are new, gone or otherwise connected", () => {
  expect([...changesBetween(old, now)]).toEqual([["c", "rewired"], ["e", "added"], ["b", "removed"]]);
  expect(changesBetween(old, old).size).toBe(0);
});

it("a comparison shows the tasks of both", () => {
  const both = union(now, old);
  expect(both.tasks.map((task) => task.id)).toEqual(["a", "c", "d", "e", "b"]);
  expect(both.version).not.toBe(now.version);
});
