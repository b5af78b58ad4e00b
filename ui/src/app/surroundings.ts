/** What a feed has around it in a page or a worker: the network, the clock, chance. */
import { now } from "../lib/clock";
import type { World } from "../lib/stream";

/** `root`: where the application lives. */
const MOST_TOPICS = 200;
const ALL_OF_DAGS = ["run", "task", "dag", "progress", "question", "backfill", "partition"];

/** A stream has so many topics at most; who has more tabs than that hears of everything instead. Logs are asked for then. */
const bounded = (topics: string[]): string[] =>
  topics.length <= MOST_TOPICS ? topics : [...new Set([...topics.filter((topic) => !/^(dag|run|log):/.test(topic)), ...ALL_OF_DAGS])];

export const surroundings = (root: string): Omit<World, "tell"> => ({
  open: (topics, after, signal) => {
    const query = new URLSearchParams([...bounded(topics).map((topic) => ["topics", topic]), ...(after === null ? [] : [["after", after]])]);
    return fetch(`${root}/ui/stream?${query.toString()}`, { headers: { accept: "text/event-stream" }, cache: "no-store", signal });
  },
  now,
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => { clearTimeout(timer); };
  },
  random: Math.random,
});
