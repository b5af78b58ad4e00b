import { expect, it } from "vitest";
import { blocksOf, type Grant, grantsOf, problemOf, rowToggled, toggled } from "./grants";

const some = { ids: ["a"], tags: ["team-x"], folders: [] };

it("grants become one table for each choice of Dags, and the same grants again", () => {
  const grants: Grant[] = [
    { actions: ["edit", "read"], resources: ["pool", "variable"] },
    { actions: ["read"], resources: ["dag"], dags: some },
    { actions: ["create", "read"], resources: ["run"], dags: some },
  ];
  const blocks = blocksOf(grants);
  expect(blocks.map((block) => [block.scope, block.cells.size])).toEqual([[null, 4], [some, 3]]);
  expect(grantsOf(blocks)).toEqual(grants);
});

it("grants on the same Dags, named in another order, are one table", () => {
  const blocks = blocksOf([
    { actions: ["read"], resources: ["dag"], dags: { ids: ["a", "b"], tags: [], folders: [] } },
    { actions: ["edit"], resources: ["dag"], dags: { ids: ["b", "a"], tags: [], folders: [] } },
  ]);
  expect(blocks.slice(1).map((block) => [...block.cells])).toEqual([["read dag", "edit dag"]]);
});

it("a role without grants has an empty table for all Dags, which grants nothing", () => {
  expect(blocksOf([]).map((block) => [block.scope, block.cells.size])).toEqual([[null, 0]]);
  expect(grantsOf(blocksOf([]))).toEqual([]);
});

it("cells and rows are turned over", () => {
  const [block] = blocksOf([]);
  if (!block) throw new Error("no block");
  const one = toggled(block, "read dag");
  expect([...one.cells]).toEqual(["read dag"]);
  expect([...toggled(one, "read dag").cells]).toEqual([]);
  const row = rowToggled(one, "dag", ["read", "edit"]);
  expect([...row.cells]).toEqual(["read dag", "edit dag"]);
  expect(rowToggled(row, "dag", ["read", "edit"]).cells.size).toBe(0);
});

it("a choice of Dags names some, and stands there once", () => {
  const all = { scope: null, cells: new Set(["read dag"] as const) };
  expect(problemOf([all, { scope: { ids: [], tags: [], folders: [] }, cells: new Set() }])).toBe("emptyScope");
  expect(problemOf([all, { scope: some, cells: new Set() }, { scope: { ...some }, cells: new Set() }])).toBe("twice");
  expect(problemOf([all, { scope: some, cells: new Set() }])).toBe(null);
});
