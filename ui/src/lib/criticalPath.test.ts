import { expect, it } from "vitest";
import { criticalPath, type TimedNode } from "./criticalPath";
import { random } from "./random";

/** A run as a plan: how long each task took, and how long it waited for a place once it could begin. */
interface Plan {
  upstream: number[];
  takes: number;
  waits: number;
}

const played = (plan: readonly Plan[], began: number): TimedNode[] => {
  const nodes: TimedNode[] = [];
  for (const { upstream, takes, waits } of plan) {
    const ready = Math.max(began, ...upstream.map((place) => nodes[place]?.end ?? began));
    nodes.push({ upstream, start: ready + waits, end: ready + waits + takes });
  }
  return nodes;
};

const endOf = (nodes: readonly TimedNode[]): number => Math.max(...nodes.map((node) => node.end ?? 0));

const randomPlan = (seed: number): Plan[] => {
  const next = random(seed);
  const count = 1 + Math.floor(next() * 40);
  return Array.from({ length: count }, (_, place) => ({
    upstream: Array.from({ length: place }, (_, before) => before).filter(() => next() < Math.min(1, 2.5 / (place + 1))),
    takes: 1_000 + Math.floor(next() * 1e9),
    waits: next() < 0.5 ? 0 : Math.floor(next() * 1e8),
  }));
};

it("on 200 random runs it has exactly those tasks that would have ended the run earlier by taking less time", () => {
  for (let seed = 1; seed <= 200; seed++) {
    const plan = randomPlan(seed);
    const [began, nodes] = [5_000_000, played(plan, 5_000_000)];
    const whole = endOf(nodes);
    const decisive = plan.map((_, place) => place).filter((place) => {
      const shorter = plan.map((each, other) => (other === place ? { ...each, takes: each.takes - 1 } : each));
      return endOf(played(shorter, began)) < whole;
    });
    const steps = criticalPath(nodes, began, whole);
    expect([seed, steps.map((step) => step.node).sort((a, b) => a - b)]).toEqual([seed, decisive]);
  }
});

it("its waits and its tasks cover the run from begin to end without a gap", () => {
  for (let seed = 201; seed <= 300; seed++) {
    const nodes = played(randomPlan(seed), 7);
    const steps = criticalPath(nodes, 7, endOf(nodes));
    let at = 7;
    for (const step of steps) {
      expect(step.ready).toBe(at);
      expect(step.start).toBeGreaterThanOrEqual(step.ready);
      at = step.end;
    }
    expect(at).toBe(endOf(nodes));
  }
});

it("what runs still ends now, and what has not begun is no part of it", () => {
  const nodes: TimedNode[] = [
    { upstream: [], start: 0, end: 10 },
    { upstream: [0], start: 12, end: null },
    { upstream: [1], start: null, end: null },
  ];
  expect(criticalPath(nodes, 0, 50)).toEqual([
    { node: 0, ready: 0, start: 0, end: 10 },
    { node: 1, ready: 10, start: 12, end: 50 },
  ]);
});

it("a task that did not wait for all that is upstream came after the one that it waited for", () => {
  const nodes: TimedNode[] = [
    { upstream: [], start: 0, end: 100 },
    { upstream: [], start: 0, end: 30 },
    { upstream: [0, 1], start: 31, end: 200 },
  ];
  expect(criticalPath(nodes, 0, 200).map((step) => step.node)).toEqual([1, 2]);
});

it("it goes through what was skipped at once, stops at what passed before the run began anew, and nothing has none", () => {
  const nodes: TimedNode[] = [
    { upstream: [], start: 0, end: 10 },
    { upstream: [0], start: null, end: 110 },
    { upstream: [1], start: 120, end: 130 },
  ];
  expect(criticalPath(nodes, 100, 200)).toEqual([
    { node: 1, ready: 100, start: 110, end: 110 },
    { node: 2, ready: 110, start: 120, end: 130 },
  ]);
  expect(criticalPath([{ upstream: [], start: null, end: null }], 0, 10)).toEqual([]);
});
