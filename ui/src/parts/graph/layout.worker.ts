/** Lays graphs out beside the page, so that it stays smooth meanwhile. */
import { layOut } from "./layout";
import type { Direction, Graph } from "./types";

export interface Job {
  number: number;
  graph: Graph;
  closed: string[];
  direction: Direction | undefined;
}

self.onmessage = (event: MessageEvent<Job>): void => {
  const { number, graph, closed, direction } = event.data;
  self.postMessage({ number, picture: layOut(graph, { closed: new Set(closed), direction }) });
};
