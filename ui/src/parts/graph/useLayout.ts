import { useEffect, useMemo, useState } from "react";
import { layOut } from "./layout";
import type { Job } from "./layout.worker";
import type { Direction, Graph, Picture } from "./types";

/** Smaller graphs are laid out sooner than a worker has started. */
const AT_ONCE = 600;
const MOST_KEPT = 40;
const kept = new Map<string, Picture>();

const keep = (key: string, picture: Picture): Picture => {
  kept.set(key, picture);
  const oldest = kept.keys().next().value;
  if (kept.size > MOST_KEPT && oldest !== undefined) kept.delete(oldest);
  return picture;
};

let worker: Worker | null = null;
let jobs = 0;
const waiting = new Map<number, (picture: Picture) => void>();

const inWorker = (job: Omit<Job, "number">): Promise<Picture> => {
  worker ??= start();
  const number = ++jobs;
  worker.postMessage({ ...job, number } satisfies Job);
  return new Promise((resolve) => { waiting.set(number, resolve); });
};

const start = (): Worker => {
  const made = new Worker(new URL("./layout.worker.ts", import.meta.url), { type: "module" });
  made.onmessage = (event: MessageEvent<{ number: number; picture: Picture }>) => {
    waiting.get(event.data.number)?.(event.data.picture);
    waiting.delete(event.data.number);
  };
  return made;
};

/** The picture of a graph; null until it is there. Kept by the graph's key, so that coming back costs nothing. */
export const useLayout = (graph: Graph, closed: ReadonlySet<string>, direction: Direction | undefined): Picture | null => {
  const names = useMemo(() => [...closed].sort(), [closed]);
  const key = `${graph.key}|${direction ?? ""}|${names.join(" ")}`;
  const [made, setMade] = useState<{ key: string; picture: Picture } | null>(null);
  const now = useMemo(
    () => kept.get(key) ?? (graph.nodes.length <= AT_ONCE ? keep(key, layOut(graph, { closed, direction })) : null),
    [key, graph, closed, direction],
  );
  useEffect(() => {
    if (now) return undefined;
    let isWanted = true;
    void inWorker({ graph, closed: names, direction }).then((picture) => {
      keep(key, picture);
      if (isWanted) setMade({ key, picture });
    });
    return () => { isWanted = false; };
  }, [now, key, graph, names, direction]);
  // Until the new one is there, the one before stays in sight.
  return now ?? made?.picture ?? null;
};
