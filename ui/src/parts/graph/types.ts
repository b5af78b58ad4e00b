/** What a graph is made of, and what a layout of it says. */
import type { State } from "../../lib/states";

export interface GraphNode {
  id: string;
  /** What is written on it: an id inside a group without the group's part. */
  label: string;
  group: string | null;
  /** The second line, at the left: an operator, an asset's address. */
  kind: string;
  isMapped?: boolean;
}

export interface GraphEdge {
  from: string;
  to: string;
  label?: string;
}

export interface GraphGroup {
  id: string;
  label: string;
  parent: string | null;
}

export interface Graph {
  /** Equal keys are equal graphs, so that a layout is kept: the version of a Dag. */
  key: string;
  nodes: readonly GraphNode[];
  edges: readonly GraphEdge[];
  groups: readonly GraphGroup[];
}

/** How a node fares in what the graph is shown for. */
export interface NodeState {
  state: State;
  /** Instead of the node's kind, at the left of its second line. */
  note?: string;
  /** At the right of its second line: how long it took. */
  side?: string;
  /** Of a mapped node: how many instances are in which state. */
  counts?: Readonly<Partial<Record<State, number>>>;
}

export type States = ReadonlyMap<string, NodeState>;

/** Against another version of the same graph. */
export type Change = "added" | "removed" | "rewired";

export type Direction = "down" | "right";

export interface Box {
  id: string;
  x: number;
  y: number;
  width: number;
  height: number;
  /** Groups around it. */
  depth: number;
}

/** The way of an edge: lines and curves by turns, beginning with a line; every curve leaves and arrives along the direction. */
export interface Route {
  from: string;
  to: string;
  label: string;
  points: readonly number[];
}

export interface Picture {
  direction: Direction;
  width: number;
  height: number;
  nodes: readonly Box[];
  /** Open groups, outer before inner. */
  groups: readonly Box[];
  /** Groups that are closed, each drawn like a node. */
  closed: readonly Box[];
  routes: readonly Route[];
}
