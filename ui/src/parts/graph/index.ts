/** Graphs of anything: tasks, assets. Give nodes, edges and groups; states and changes are drawn onto them. */
export { GraphView } from "./GraphView";
export { around, edgeLook, nodesByGroup, partOf } from "./looks";
export type { Change, Direction, Graph, GraphEdge, GraphGroup, GraphNode, NodeState, States } from "./types";
