/**
 * The chain of tasks that decided when a run ended: from the one that ended last, each time to the task that it waited for
 * longest. Had any of these taken a little less time, the run would have ended that much earlier.
 */
import type { Micros } from "./time";

export interface TimedNode {
  /** Of what it waits for, by place in the list. */
  upstream: readonly number[];
  /** When it began in this run; null for what never did. */
  start: Micros | null;
  /** When it was over; null while it is not. */
  end: Micros | null;
}

export interface Step {
  node: number;
  /** When nothing of what it waits for held it up any more. */
  ready: Micros;
  start: Micros;
  /** The present, for what still runs. */
  end: Micros;
}

/** Steps in the order of time; they cover what passed from the begin of the run to the end of the last task. */
export const criticalPath = (nodes: readonly TimedNode[], began: Micros, now: Micros): Step[] => {
  const endOf = (node: TimedNode): Micros | null => (node.start === null ? node.end : (node.end ?? now));
  let at = lastOf(nodes.map((_, place) => place), nodes, endOf, Infinity);
  const steps: Step[] = [];
  const seen = new Set<number>();
  while (at !== null && !seen.has(at)) {
    seen.add(at);
    const node: TimedNode | undefined = nodes[at];
    const end: Micros | null = node ? endOf(node) : null;
    if (!node || end === null || end < began) break;
    const start = Math.max(node.start ?? end, began);
    // A rule like one_success lets a task begin before all that is upstream is over; it did not wait for those.
    const before: number | null = lastOf(node.upstream, nodes, endOf, start);
    const held = before === null ? null : endOf(nodes[before] as TimedNode);
    steps.push({ node: at, ready: Math.min(start, Math.max(held ?? began, began)), start, end });
    at = before;
  }
  return steps.reverse();
};

/** Whichever of some nodes ended last, but not after a moment; of several at the same moment the one that began last. */
const lastOf = (some: readonly number[], nodes: readonly TimedNode[], endOf: (node: TimedNode) => Micros | null, until: Micros): number | null => {
  let found: number | null = null;
  let best: readonly [Micros, Micros] = [-Infinity, -Infinity];
  for (const place of some) {
    const node = nodes[place];
    const end = node ? endOf(node) : null;
    if (!node || end === null || end > until) continue;
    const key = [end, node.start ?? end] as const;
    if (key[0] > best[0] || (key[0] === best[0] && key[1] > best[1])) [found, best] = [place, key];
  }
  return found;
};
