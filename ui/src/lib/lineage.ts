/** Assets and the Dags that update and wait for them, as a graph. */
import type { Graph, GraphEdge, GraphNode } from "../parts/graph";

interface Named {
  id: number;
  name: string;
  uri: string;
  producing_tasks: readonly { dag_id: string }[];
  scheduled_dags: readonly { dag_id: string }[];
  consuming_tasks: readonly { dag_id: string }[];
}

export const assetNode = (id: number): string => `asset ${String(id)}`;
export const dagNode = (dagId: string): string => `dag ${dagId}`;

/** What a node stands for. */
export const nodeOf = (node: string): { asset: number } | { dagId: string } =>
  node.startsWith("asset ") ? { asset: Number(node.slice(6)) } : { dagId: node.slice(4) };

/** Each Dag and asset once; who reads an asset without waiting for it is connected too. `dag` is what Dags are called. */
export const lineageOf = (assets: readonly Named[], dag: string): Graph => {
  const nodes = new Map<string, GraphNode>();
  const edges = new Map<string, GraphEdge>();
  const node = (id: string, label: string, kind: string): string => {
    if (!nodes.has(id)) nodes.set(id, { id, label, group: null, kind });
    return id;
  };
  const edge = (from: string, to: string): void => { edges.set(`${from}\n${to}`, { from, to }); };
  for (const asset of assets) {
    const own = node(assetNode(asset.id), asset.name, asset.uri === asset.name ? "" : asset.uri);
    for (const { dag_id: id } of asset.producing_tasks) edge(node(dagNode(id), id, dag), own);
    for (const { dag_id: id } of [...asset.scheduled_dags, ...asset.consuming_tasks]) edge(own, node(dagNode(id), id, dag));
  }
  return { key: [...nodes.keys(), ...edges.keys()].join("\n"), nodes: [...nodes.values()], edges: [...edges.values()], groups: [] };
};
