/** What a graph says beyond its shape: how groups fare, what edges stand for, what is before and after a node. */
import { mostTelling } from "../../lib/grid";
import { isFinished, type State } from "../../lib/states";
import type { Graph, NodeState, States } from "./types";

/** `plain` where no run is shown. */
export type EdgeLook = "plain" | "done" | "wait" | "block" | "off";
export const EDGE_LOOKS: readonly EdgeLook[] = ["off", "plain", "wait", "done", "block"];

/** Whether an edge is satisfied, not yet, not taken, or holds things up. */
export const edgeLook = (from: State | undefined, to: State | undefined): EdgeLook => {
  if (from === undefined && to === undefined) return "plain";
  if (to === "skipped" || to === "removed") return "off";
  if (to !== undefined && (isFinished(to) || to === "running") && to !== "upstream_failed") return "done";
  if (from === "success") return "done";
  if (from === "failed" || from === "upstream_failed" || from === "up_for_retry") return "block";
  return "wait";
};

/** States of nodes, and of each group the one that tells most with how many nodes are in which. */
export const withGroups = (graph: Graph, states: States | undefined): States | undefined => {
  if (!states) return undefined;
  const inside = nodesByGroup(graph);
  const all = new Map<string, NodeState>(states);
  for (const [group, ids] of inside) {
    const found = ids.flatMap((id) => states.get(id)?.state ?? []);
    if (!found.length) continue;
    const counts: Partial<Record<State, number>> = {};
    for (const state of found) counts[state] = (counts[state] ?? 0) + 1;
    all.set(group, { state: mostTelling(found), counts });
  }
  return all;
};

/** Of each group the nodes inside at any depth. */
export const nodesByGroup = (graph: Graph): Map<string, string[]> => {
  const parents = new Map(graph.groups.map((group) => [group.id, group.parent]));
  const inside = new Map<string, string[]>();
  for (const node of graph.nodes) {
    const seen = new Set<string>();
    for (let group = node.group; group && parents.has(group) && !seen.has(group); group = parents.get(group) ?? null) {
      seen.add(group);
      const list = inside.get(group) ?? [];
      list.push(node.id);
      inside.set(group, list);
    }
  }
  return inside;
};

/** A node with everything before and after it, at any distance. Of a group: of what is inside. */
export const around = (graph: Graph, ids: readonly string[]): Set<string> => {
  const found = new Set(ids);
  for (const [from, to] of [["from", "to"], ["to", "from"]] as const) {
    const next = new Map<string, string[]>();
    for (const edge of graph.edges) {
      const known = next.get(edge[from]);
      if (known) known.push(edge[to]);
      else next.set(edge[from], [edge[to]]);
    }
    const seen = new Set(ids);
    const queue = [...ids];
    for (let id = queue.pop(); id !== undefined; id = queue.pop()) {
      for (const other of next.get(id) ?? []) {
        if (seen.has(other)) continue;
        seen.add(other);
        found.add(other);
        queue.push(other);
      }
    }
  }
  return found;
};

/** The part of a graph that is made of these nodes, with the groups that they are in. */
export const partOf = (graph: Graph, ids: ReadonlySet<string>): Graph => ({
  key: `${graph.key}|${[...ids].sort().join(" ")}`,
  nodes: graph.nodes.filter((node) => ids.has(node.id)),
  edges: graph.edges.filter((edge) => ids.has(edge.from) && ids.has(edge.to)),
  groups: graph.groups,
});
