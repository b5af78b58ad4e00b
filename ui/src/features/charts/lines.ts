/** The charts of the page, made of the server's answer: their lines, in the order in which legends name them. */
import type { Schemas } from "../../api/client";
import { movedOn, rateOf, type Unit, type Values } from "../../lib/charts";
import { type State, stateOf } from "../../lib/states";
import type { ChartName } from "./spans";
import type { messages } from "./text";

export type Answer = Schemas["Charts"];
type Say = (key: keyof typeof messages.en | `state.${State}`, values?: Record<string, string | number>) => string;

export interface Line {
  name: string;
  values: Values;
  /** How it looks: a state's colour and glyph, or a number of the palette of lines. */
  state?: State;
  look?: number;
}

export interface ChartOf {
  id: ChartName;
  title: string;
  note?: string;
  more?: string;
  unit: Unit;
  isBars?: boolean;
  /** Lines go on over steps without a value, and show each value as a point. */
  bridges?: boolean;
  /** The first two lines are the edges of an area. */
  hasBand?: boolean;
  lines: Line[];
  none: string;
}

const BARS: readonly State[] = ["success", "skipped", "removed", "upstream_failed", "failed"];

/** The answer as it is some steps later: what was has moved on. */
export const later = (answer: Answer, steps: number): Answer => {
  if (steps <= 0) return answer;
  const counts = (by: Record<string, number[]>): Record<string, number[]> => Object.fromEntries(Object.entries(by).map(([state, values]) => [state, movedOn(values, steps, 0)]));
  const line = (values: (number | null)[]): (number | null)[] => movedOn(values, steps, null);
  const spreads = ({ p50, p95, most }: Schemas["Spreads"]): Schemas["Spreads"] => ({ p50: line(p50), p95: line(p95), most: line(most) });
  return {
    ...answer,
    start: answer.start + steps * answer.step,
    skipped: Math.max(0, answer.skipped - steps),
    tasks: counts(answer.tasks), runs: counts(answer.runs),
    task_start: spreads(answer.task_start), run_start: spreads(answer.run_start), run_time: spreads(answer.run_time), memory: spreads(answer.memory),
    slot_waits: answer.slot_waits.map((each) => ({ ...each, p95: line(each.p95) })),
    scores: answer.scores.map((each) => ({ ...each, lowest: line(each.lowest) })),
    cpu_seconds: line(answer.cpu_seconds),
    machines: answer.machines.map((each) => ({ ...each, cpu: line(each.cpu), memory: line(each.memory), disk: line(each.disk) })),
  };
};

export const chartsOf = (answer: Answer, t: Say): ChartOf[] => {
  const zeros = Array.from({ length: answer.places }, () => 0);
  const bars = (by: Record<string, number[]>): Line[] =>
    BARS.filter((state) => by[state]).map((state) => ({ name: t(`state.${state}`), values: by[state] ?? zeros, state: stateOf(state) }));
  const rate = (by: Record<string, number[]>): Values => rateOf(by.success ?? zeros, by.failed ?? zeros);
  const shown = (line: Line): boolean => line.values.some((value) => value !== null);
  const names = answer.scores.map(({ task_id }) => task_id);
  const more = answer.workers > answer.machines.length && { more: t("charts.machines.more", { shown: answer.machines.length, count: answer.workers }) };
  const machines = (name: "cpu" | "memory" | "disk"): Line[] =>
    answer.machines.map((each, n) => ({ name: each.worker, values: each[name], look: n + 1 })).filter(shown);
  return [
    { id: "tasks", title: t("charts.tasks"), unit: "count", isBars: true, lines: bars(answer.tasks), none: t("charts.tasks.none") },
    {
      id: "rate", title: t("charts.rate"), unit: "percent", none: t("charts.rate.none"),
      lines: [{ name: t("charts.rate.tasks"), values: rate(answer.tasks), look: 1 }, { name: t("charts.rate.runs"), values: rate(answer.runs), look: 2 }].filter(shown),
    },
    {
      id: "start", title: t("charts.start"), note: t("charts.start.note"), unit: "duration", hasBand: true, none: t("charts.start.none"),
      lines: [
        { name: t("charts.start.p50"), values: answer.task_start.p50, look: 1 },
        { name: t("charts.start.p95"), values: answer.task_start.p95, look: 2 },
        { name: t("charts.start.run"), values: answer.run_start.p95, look: 3 },
      ].filter(shown),
    },
    { id: "runs", title: t("charts.runs"), unit: "count", isBars: true, lines: bars(answer.runs), none: t("charts.runs.none") },
    {
      id: "time", title: t("charts.time.title"), unit: "duration", hasBand: true, none: t("charts.runs.none"),
      lines: [{ name: "p50", values: answer.run_time.p50, look: 1 }, { name: "p95", values: answer.run_time.p95, look: 2 }].filter(shown),
    },
    {
      id: "slots", title: t("charts.slots"), note: t("charts.slots.note"), unit: "duration", none: t("charts.slots.none"),
      ...(answer.pools > answer.slot_waits.length && { more: t("charts.slots.more", { shown: answer.slot_waits.length, count: answer.pools }) }),
      lines: answer.slot_waits.map(({ pool, p95 }, n) => ({ name: pool, values: p95, look: n + 1 })),
    },
    {
      id: "scores", title: t("charts.scores"), note: t("charts.scores.note"), unit: "score", bridges: true,
      none: t(answer.may_see_scores ? "charts.scores.none" : "charts.scores.hidden"),
      ...(answer.score_lines > answer.scores.length && { more: t("charts.scores.more", { shown: answer.scores.length, count: answer.score_lines }) }),
      // The Dag's name is enough where it has one such task.
      lines: answer.scores.map(({ dag_id: dag, task_id: task, lowest }, n) => ({
        name: new Set(names).size === 1 && names.length > 1 ? dag : answer.scores.filter((each) => each.dag_id === dag).length > 1 ? `${dag} · ${task}` : dag,
        values: lowest, look: n + 1,
      })),
    },
    {
      id: "memory", title: t("charts.memory"), unit: "bytes", none: t("charts.memory.none"),
      lines: [{ name: "p95", values: answer.memory.p95, look: 1 }, { name: t("charts.most"), values: answer.memory.most, look: 2 }].filter(shown),
    },
    {
      id: "cpu", title: t("charts.cpu"), note: t("charts.cpu.note"), unit: "duration", isBars: true, none: t("charts.cpu.none"),
      lines: [{ name: t("charts.cpu.line"), values: answer.cpu_seconds.map((seconds) => (seconds === null ? null : seconds * 1e6)), look: 1 }].filter(shown),
    },
    // Of machines for whoever may see the system alone.
    ...(answer.machine
      ? (["cpu", "memory", "disk"] as const).map((name): ChartOf => ({
        id: `machine-${name}`, title: t(`charts.machines.${name}`), unit: "percent", none: t("charts.machines.none"), lines: machines(name), ...more,
      }))
      : []),
  ];
};
