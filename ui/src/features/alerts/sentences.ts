/** Rules and notices of alerts as sentences in the reader's language and zone. */
import type { Schemas } from "../../api/client";
import type { Say } from "../../i18n/texts";
import { type Clock, shortTime } from "../../lib/time";
import type { messages } from "./text";

type Own = keyof typeof messages.en;
export type T = Say<Own>;
type Rule = Pick<Schemas["AlertRule"], "kind" | "asks" | "hold">;

const UNITS = [["day", 86_400e6], ["hour", 3_600e6], ["minute", 60e6]] as const;

/** 1 h 30 min, 45 s: a length as it was written, to its two largest units. */
export const lengthText = (micros: number, t: T): string => {
  const found: string[] = [];
  let left = micros;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(left / size);
    left -= count * size;
    if (count) found.push(t(`time.${unit}`, { count }));
  }
  const seconds = Math.round(left / 1e3) / 1e3;
  if (seconds || !found.length) found.push(t("time.second", { count: seconds }));
  return found.slice(0, 2).join(" ");
};

/** What a rule asks for. */
export const ruleText = ({ kind, asks, hold }: Rule, t: T): string => {
  const parts = [conditionText(kind, asks, t)];
  if (kind === "failure_rate" && (asks.minimum_runs ?? 1) > 1) parts.push(t("rule.minimum", { count: asks.minimum_runs ?? 1 }));
  if (hold > 0) parts.push(t("rule.hold", { span: lengthText(hold, t) }));
  return t("rule.whole", { parts: parts.join(t("rule.joint")) });
};

const conditionText = (kind: string, asks: Rule["asks"], t: T): string => {
  const limit = asks.limit == null ? "" : lengthText(asks.limit, t);
  const after = asks.after == null ? "" : lengthText(asks.after, t);
  switch (kind) {
    case "failure_rate":
      return t(asks.together ? "rule.failuresOfAll" : "rule.failures", { part: numberText(asks.at_least ?? 0), span: lengthText(asks.window ?? 0, t) });
    case "run_longer_than":
      if (asks.times == null) return t("rule.longer", { span: limit });
      return limit ? t("rule.longerEither", { span: limit, times: numberText(asks.times), count: asks.last_runs ?? 0 }) : t("rule.longerTimes", { times: numberText(asks.times), count: asks.last_runs ?? 0 });
    case "metric":
      return t(asks.is_below ? "rule.metricBelow" : "rule.metric", { metric: asks.metric ?? "", bound: numberText(asks.bound ?? 0) });
    case "machine":
      return t(asks.resource === "disk" ? "rule.disk" : "rule.memory", { part: numberText(asks.at_least ?? 0) });
    case "deadline_missed":
      return t("rule.deadline");
    case "run_did_not_start":
      return t("rule.start", { span: after });
    case "data_stale":
      return (asks.assets ?? []).join() === "*" ? t("rule.staleAny", { span: after }) : t("rule.stale", { span: after, assets: (asks.assets ?? []).join(", ") });
    default:
      return kind;
  }
};

/** A number to six places, without those that say nothing. */
const numberText = (value: number): string => String(Number(value.toPrecision(6)));

// --- notices ---

const AT = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC`;
const shape = (text: string): RegExp => new RegExp(`^${text.replaceAll("AT", AT)}$`, "s");

/** What the engine writes, by what it means. */
const SHAPES = {
  failures: shape(String.raw`(?<failed>\d+) of (?<count>\d+) runs? of (?:the Dag .+|(?<all>all Dags)) failed within (?<span>.+), (?<part>\S+) %; the limit is (?<limit>\S+) %\.`),
  late: shape(String.raw`(?:The task (?<task>.+) of the run|The run) .+ of the Dag .+ was not over by (?<at>AT)\.`),
  lateOver: shape(String.raw`(?:The task (?<task>.+) of the run|The run) .+ of the Dag .+ is over now; it was to be by (?<at>AT)\.`),
  notStarted: shape(String.raw`(?:The run (?<run>.+)|A run) of the Dag .+ was due at (?<at>AT)(?: and was not made)?, and has not started within (?<span>.+)\.`),
  settled: shape(String.raw`(?:The run (?<run>.+)|A run) of the Dag .+, due at (?<at>AT), is waited for no longer: (?<how>.+)\.`),
  running: shape(String.raw`The run .+ of the Dag .+ has run for (?<span>[^;]+)(?:; the limit is (?<limit>.+))?\.`),
  took: shape(String.raw`The run .+ of the Dag .+ took (?<span>[^;]+)(?:; the limit is (?<limit>.+))?\.`),
  gone: shape(String.raw`The worker .+ is gone\.`),
  machine: shape(String.raw`(?<part>\S+) % of the (?<resource>memory|disk) of the worker .+ is in use; the limit is (?<limit>\S+) %\.`),
  never: shape(String.raw`The asset .+ was never updated in the (?<span>.+) that it is watched; the limit is (?<limit>.+)\.`),
  stale: shape(String.raw`The asset .+ was last updated (?<span>.+) ago, at (?<at>AT); the limit is (?<limit>.+)\.`),
  metric: shape(String.raw`(?<metric>.+?)(?: \(.*\))? of (?:the Dag .+?|nobody's Dag)(?:, run (?<run>.+?))?(?:, task .+?)? is (?<value>\S+); the (?<edge>least|limit) is (?<bound>\S+)\.`),
} as const;

type Parts = Record<string, string | undefined>;

/** What a sentence says, and its parts; null for one that is not known here. */
export const readSentence = (sentence: string): { says: keyof typeof SHAPES; parts: Parts } | null => {
  for (const says of Object.keys(SHAPES) as (keyof typeof SHAPES)[]) {
    const found = SHAPES[says].exec(sentence);
    if (found) return { says, parts: { ...found.groups } };
  }
  return null;
};

const SETTLED: Record<string, Own> = { "it has started": "told.started", "it is over": "told.over", "it was deleted": "told.deleted" };

/** What a notice says, without the names of what it is about: those stand beside it as links. */
export const noticeText = (sentence: string, t: T, clock: Clock): string => {
  const found = readSentence(sentence);
  if (!found) return sentence;
  const { says, parts } = found;
  const values = {
    ...Object.fromEntries(Object.entries(parts).map(([name, text]) => [name, text ?? ""])),
    ...(parts.span ? { span: spanText(parts.span, t) } : {}),
    ...(parts.at ? { at: shortTime(Date.parse(parts.at.replace(" UTC", "Z").replace(" ", "T")) * 1000, clock) } : {}),
    ...(parts.limit && ["running", "took", "stale", "never"].includes(says) ? { limit: spanText(parts.limit, t) } : {}),
  };
  switch (says) {
    case "failures":
      return t(parts.all ? "told.failuresOfAll" : "told.failures", { ...values, count: Number(parts.count), failed: Number(parts.failed) });
    case "late":
      return t(parts.task ? "told.taskLate" : "told.late", values);
    case "lateOver":
      return t(parts.task ? "told.taskLateOver" : "told.lateOver", values);
    case "settled":
      return t("told.settled", { ...values, how: t(SETTLED[parts.how ?? ""] ?? "told.passed") });
    case "running":
    case "took":
      return t(parts.limit ? `told.${says}` : `told.${says}Alone`, values);
    case "machine":
      return t(parts.resource === "disk" ? "told.disk" : "told.memory", values);
    case "metric":
      return t(parts.edge === "least" ? "told.metricBelow" : "told.metric", values);
    default:
      return t(`told.${says}`, values);
  }
};

/** The run that a sentence names where its notice does not. */
export const runIn = (sentence: string): string => readSentence(sentence)?.parts.run ?? "";

const WORDS = { d: "time.day", h: "time.hour", min: "time.minute", s: "time.second" } as const;

/** `1 h 30 min`, as the engine writes it. */
const spanText = (text: string, t: T): string =>
  text.replace(/([\d.e+-]+) (d|h|min|s)\b/g, (_, count: string, unit: keyof typeof WORDS) => t(WORDS[unit], { count: Number(count) }));
