import { expect, it } from "vitest";
import { lineageOf, nodeOf } from "./lineage";

const asset = (id: number, name: string, producers: string[], consumers: string[], readers: string[] = []) => ({
  id, name, uri: `file:///${name}`, producing_tasks: producers.map((dag_id) => ({ dag_id })),
  scheduled_dags: consumers.map((dag_id) => ({ dag_id })), consuming_tasks: readers.map((dag_id) => ({ dag_id })),
});

it("each Dag and each connection is there once", () => {
  const graph = lineageOf([asset(1, "orders", ["load", "load"], ["mart"], ["mart"]), asset(2, "mart", ["mart"], [])], "Dag");
  expect(graph.nodes.map(({ id }) => id)).toEqual(["asset 1", "dag load", "dag mart", "asset 2"]);
  expect(graph.edges.map(({ from, to }) => `${from} > ${to}`)).toEqual(["dag load > asset 1", "asset 1 > dag mart", "dag mart > asset 2"]);
});

it("a node says what it stands for", () => {
  expect(nodeOf("asset 12")).toEqual({ asset: 12 });
  expect(nodeOf("dag asset 12")).toEqual({ dagId: "asset 12" });
});
