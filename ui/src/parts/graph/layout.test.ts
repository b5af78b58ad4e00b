import { describe, expect, it } from "vitest";
import { layOut, NODE } from "./layout";
import type { Box, Graph, Picture } from "./types";

const graphOf = (edges: string, groups: Record<string, string[]> = {}, alone: string[] = []): Graph => {
  const pairs = edges.split(" ").filter(Boolean).map((pair) => pair.split(">") as [string, string]);
  const ids = [...new Set([...pairs.flat(), ...alone])];
  const groupOf = (id: string): string | null => Object.keys(groups).find((group) => groups[group]?.includes(id)) ?? null;
  return {
    key: edges,
    nodes: ids.map((id) => ({ id, label: id, kind: "", group: groupOf(id) })),
    edges: pairs.map(([from, to]) => ({ from, to })),
    groups: Object.keys(groups).map((id) => ({ id, label: id, parent: groupOf(id) })),
  };
};
const open = { closed: new Set<string>() };
const boxOf = (picture: Picture, id: string): Box => {
  const found = [...picture.nodes, ...picture.groups, ...picture.closed].find((box) => box.id === id);
  if (!found) throw new Error(`no box of ${id}`);
  return found;
};
const overlap = (a: Box, b: Box): boolean => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

/** A graph without a pattern, the same each time. */
const random = (count: number, width: number, seed = 7): Graph => {
  let at = seed;
  const draw = (most: number): number => (at = (at * 48_271) % 2_147_483_647) % most;
  const pairs: string[] = [];
  for (let n = width; n < count; n++) for (let k = 0; k < 2; k++) pairs.push(`${n - width + draw(width) - (n % width)}>${n}`);
  return graphOf(pairs.filter((pair) => !pair.startsWith("-")).join(" "));
};

describe("a layout", () => {
  it("puts every node below those before it, and none on another", () => {
    for (const direction of ["down", "right"] as const) {
      const graph = random(120, 8);
      const picture = layOut(graph, { ...open, direction });
      const along = (id: string): number => (direction === "down" ? boxOf(picture, id).y : boxOf(picture, id).x);
      for (const { from, to } of graph.edges) expect(along(to)).toBeGreaterThan(along(from));
      for (const a of picture.nodes) for (const b of picture.nodes) if (a.id < b.id) expect(overlap(a, b)).toBe(false);
      for (const box of picture.nodes) {
        expect(box.x).toBeGreaterThanOrEqual(0);
        expect(box.x + box.width).toBeLessThanOrEqual(picture.width);
        expect(box.y + box.height).toBeLessThanOrEqual(picture.height);
      }
    }
  });

  it("draws a chain as one straight line", () => {
    const picture = layOut(graphOf("a>b b>c c>d"), { ...open, direction: "down" });
    expect(new Set(picture.nodes.map((box) => Math.round(box.x))).size).toBe(1);
  });

  it("needs no crossing where none is needed", () => {
    const picture = layOut(graphOf("r>a r>b r>c a>x b>y c>z"), { ...open, direction: "down" });
    const order = (ids: string): string => [...ids].sort((p, q) => boxOf(picture, p).x - boxOf(picture, q).x).map((id) => "abcxyz".indexOf(id) % 3).join("");
    expect(order("abc")).toBe(order("xyz"));
  });

  it("keeps what is in a group in its box, and everything else out of it", () => {
    const groups = { load: ["x", "y", "deep"], deep: ["z"] };
    const picture = layOut(graphOf("a>x x>y y>z z>b a>b", groups), { ...open, direction: "down" });
    const holds = (outer: string, inner: string): boolean => {
      const [o, i] = [boxOf(picture, outer), boxOf(picture, inner)];
      return i.x > o.x && i.y > o.y && i.x + i.width < o.x + o.width && i.y + i.height < o.y + o.height;
    };
    for (const id of ["x", "y", "deep", "z"]) expect(holds("load", id)).toBe(true);
    expect(holds("deep", "z")).toBe(true);
    for (const id of ["a", "b"]) expect(overlap(boxOf(picture, "load"), boxOf(picture, id))).toBe(false);
    expect(picture.groups.map((group) => group.id)).toEqual(["load", "deep"]);
    for (const [from, to] of [["a", "x"], ["x", "y"], ["y", "z"], ["y", "deep"], ["z", "b"]] as const) expect(boxOf(picture, to).y).toBeGreaterThan(boxOf(picture, from).y);
  });

  it("leads an edge out of a group and into another, past what else is in them", () => {
    const groups = { left: ["a", "b", "c"], right: ["x", "y", "z"] };
    const picture = layOut(graphOf("a>b b>c x>y y>z a>z", groups), { ...open, direction: "down" });
    const points = picture.routes.find((route) => route.from === "a" && route.to === "z")?.points ?? [];
    for (const id of ["b", "c", "x", "y"]) {
      const box = boxOf(picture, id);
      for (let n = 0; n < points.length; n += 2) {
        const [x, y] = [points[n] ?? 0, points[n + 1] ?? 0];
        expect(x >= box.x && x <= box.x + box.width && y >= box.y && y <= box.y + box.height).toBe(false);
      }
    }
    expect(boxOf(picture, "right").y).toBeGreaterThan(boxOf(picture, "left").y);
  });

  it("shows a closed group as one node that has the edges of what is inside", () => {
    const graph = graphOf("a>x x>y y>b a>y", { load: ["x", "y"] });
    const picture = layOut(graph, { closed: new Set(["load"]) });
    expect(picture.nodes.map((box) => box.id)).toEqual(["a", "b"]);
    expect(boxOf(picture, "load")).toMatchObject(NODE);
    expect(picture.routes.map((route) => `${route.from}>${route.to}`)).toEqual(["a>load", "load>b"]);
  });

  it("stands circles between groups: they are no circles of tasks", () => {
    const picture = layOut(graphOf("x>b b>y", { load: ["x", "y"] }), open);
    expect(picture.routes).toHaveLength(2);
    for (const route of picture.routes) expect(route.points.every(Number.isFinite)).toBe(true);
  });

  it("leads an edge from the one node to the other, round what is between", () => {
    const picture = layOut(graphOf("a>b b>c a>c"), { ...open, direction: "down" });
    const long = picture.routes.find((route) => route.to === "c" && route.from === "a");
    const [a, b, c] = ["a", "b", "c"].map((id) => boxOf(picture, id)) as [Box, Box, Box];
    const points = long?.points ?? [];
    expect(points.slice(0, 2)).toEqual([a.x + a.width / 2, a.y + a.height]);
    expect(points.slice(-2)).toEqual([c.x + c.width / 2, c.y]);
    const passing = points.flatMap((x, n) => (n % 2 === 0 && (points[n + 1] ?? 0) >= b.y && (points[n + 1] ?? 0) <= b.y + b.height ? [x] : []));
    expect(passing.length).toBeGreaterThan(0);
    for (const x of passing) expect(x < b.x || x > b.x + b.width).toBe(true);
  });

  it("wraps many tasks without edges into rows", () => {
    const picture = layOut(graphOf("", {}, Array.from({ length: 100 }, (_, n) => `t${n}`)), open);
    expect(picture.width / picture.height).toBeLessThan(4);
    expect(picture.height / picture.width).toBeLessThan(4);
  });

  it("is the same each time, and there for a graph of nothing", () => {
    expect(layOut(random(200, 9), open)).toEqual(layOut(random(200, 9), open));
    expect(layOut(graphOf(""), open)).toMatchObject({ nodes: [], routes: [] });
  });

  it("goes without a group that is not there or is inside itself", () => {
    const graph = graphOf("a>b");
    const groups = [{ id: "g", label: "g", parent: "h" }, { id: "h", label: "h", parent: "g" }];
    const nodes = graph.nodes.map((node) => ({ ...node, group: node.id === "a" ? "g" : "gone" }));
    expect(layOut({ ...graph, nodes, groups }, open).nodes).toHaveLength(2);
  });

  it.each([
    ["500 nodes", random(500, 22), 300],
    ["5,000 nodes", random(5000, 60), 1500],
    ["a chain of 300", random(300, 1), 500],
  ])("takes far less than what a reader waits for: %s", (_, graph, limit) => {
    const began = performance.now();
    layOut(graph, { ...open, direction: "down" });
    // A machine that is busy with something else may take many times as long.
    expect(performance.now() - began).toBeLessThan(limit * 20);
  });
});
