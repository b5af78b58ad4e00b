import { expect, it } from "vitest";
import { around, edgeLook, partOf, withGroups } from "./looks";
import type { Graph } from "./types";
import { anchored, fitted, hit, stepped, zoomed } from "./view";

const graph: Graph = {
  key: "k",
  nodes: ["a", "b", "c", "d"].map((id) => ({ id, label: id, kind: "", group: id === "b" ? "in" : id === "c" ? "out" : null })),
  edges: [{ from: "a", to: "b" }, { from: "b", to: "c" }, { from: "d", to: "c" }],
  groups: [{ id: "out", label: "out", parent: null }, { id: "in", label: "in", parent: "out" }],
};
const boxes = [
  { id: "a", x: 0, y: 0, width: 100, height: 40, depth: 0 },
  { id: "b", x: 200, y: 10, width: 100, height: 40, depth: 0 },
  { id: "c", x: 0, y: 100, width: 100, height: 40, depth: 0 },
];
const picture = { direction: "down" as const, width: 300, height: 140, nodes: boxes, groups: [], closed: [], routes: [] };

it("a group shows the state that tells most of what is inside, at any depth", () => {
  const states = withGroups(graph, new Map([["b", { state: "failed" as const }], ["c", { state: "success" as const }]]));
  expect(states?.get("out")).toEqual({ state: "failed", counts: { failed: 1, success: 1 } });
  expect(states?.get("in")?.state).toBe("failed");
  expect(withGroups(graph, undefined)).toBeUndefined();
});

it("an edge says whether it is satisfied, holds things up or was not taken", () => {
  expect(edgeLook(undefined, undefined)).toBe("plain");
  expect(edgeLook("success", "none")).toBe("done");
  expect(edgeLook("failed", "success")).toBe("done"); // it ran whatever happened before
  expect(edgeLook("up_for_retry", "none")).toBe("block");
  expect(edgeLook("failed", "upstream_failed")).toBe("block");
  expect(edgeLook("success", "skipped")).toBe("off");
  expect(edgeLook("running", "none")).toBe("wait");
});

it("what is around a node is before or after it, not beside it", () => {
  expect([...around(graph, ["b"])].sort()).toEqual(["a", "b", "c"]);
  expect(partOf(graph, around(graph, ["b"])).edges).toHaveLength(2);
});

it("a picture is fitted whole, and zooming keeps the point under the pointer", () => {
  const view = fitted({ width: 2000, height: 100 }, { width: 1000, height: 600 });
  expect(view.x).toBeCloseTo(24);
  const nearer = zoomed(view, 1.5, { x: 300, y: 200 }, view.scale);
  const under = (v: typeof view): number => (300 - v.x) / v.scale;
  expect(under(nearer)).toBeCloseTo(under(view));
});

it("arrow keys lead to the nearest box in their direction, and a pointer to the box below it", () => {
  expect(stepped(boxes, boxes[0], "ArrowRight")?.id).toBe("b");
  expect(stepped(boxes, boxes[0], "ArrowDown")?.id).toBe("c");
  expect(stepped(boxes, boxes[0], "ArrowUp")).toBeUndefined();
  expect(hit(picture, { x: 10, y: 10, scale: 0.5 }, 120, 20)?.box.id).toBe("b");
  expect(hit(picture, { x: 10, y: 10, scale: 0.5 }, 90, 20)).toBeNull();
});

it("what a reader closes stays where it is", () => {
  const view = anchored(picture, { id: "b", x: 500, y: 300, scale: 0.5 });
  expect(view).toEqual({ scale: 0.5, x: 400, y: 295 });
  expect(hit(picture, view ?? { x: 0, y: 0, scale: 1 }, 501, 301)?.box.id).toBe("b");
  expect(anchored(picture, { id: "gone", x: 0, y: 0, scale: 1 })).toBeNull();
});
