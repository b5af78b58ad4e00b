/** What a feed has around it in a page or a worker: the network, the clock, chance. */
import { now } from "../lib/clock";
import type { World } from "../lib/stream";

/** `root`: where the application lives. */
export const surroundings = (root: string): Omit<World, "tell"> => ({
  open: (topics, after, signal) => {
    const query = new URLSearchParams([...topics.map((topic) => ["topics", topic]), ...(after === null ? [] : [["after", after]])]);
    return fetch(`${root}/ui/stream?${query.toString()}`, { headers: { accept: "text/event-stream" }, cache: "no-store", signal });
  },
  now,
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => { clearTimeout(timer); };
  },
  random: Math.random,
});
