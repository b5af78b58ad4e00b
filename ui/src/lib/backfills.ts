/** What the planner of backfills says, as messages in the reader's language: its sentences are fixed, only their values differ. */
import { stateOf } from "./states";

export type BackfillKey =
  | "plan.open" | "plan.again" | "plan.stays" | "plan.staysGood" | "plan.another" | "plan.noDates" | "plan.tooMany" | "plan.looksBack" | "plan.codeAlone" | "plan.noSchedule";

type Say = (key: BackfillKey | `state.${ReturnType<typeof stateOf>}`, values?: Record<string, string | number>) => string;

const SENTENCES: readonly [BackfillKey, RegExp][] = [
  ["plan.open", /^its run (?<run>\S+) is (?<state>\w+) already$/],
  ["plan.again", /^its run (?<run>\S+) was (?<state>\w+)$/],
  ["plan.stays", /^its run (?<run>\S+) was (?<state>\w+), and runs that are over stay as they are$/],
  ["plan.staysGood", /^its run (?<run>\S+) was (?<state>\w+), and runs that are successful stay as they are$/],
  ["plan.another", /^Backfill (?<id>\d+) of .+ is not over, and a Dag has one at a time/],
  ["plan.noDates", /has no run by its schedule \((?<schedule>.*)\) from \S+ to \S+ that is due by now/],
  ["plan.tooMany", /^A backfill takes at most (?<most>\d+) runs/],
  ["plan.looksBack", /^(?<task>\S+) of \S+ looks at the run before, so it cannot be run backwards/],
  ["plan.codeAlone", /cannot be backfilled: the past dates of (?<what>.+) are known to its code alone/],
  ["plan.noSchedule", /cannot be backfilled: its schedule \((?<schedule>.*)\) names no dates/],
];

/** A reason or a refusal for the reader; null where it is not known here. */
export const planText = (sentence: string, t: Say): string | null => {
  for (const [key, pattern] of SENTENCES) {
    const found = pattern.exec(sentence)?.groups;
    if (found) return t(key, found.state === undefined ? found : { ...found, state: t(`state.${stateOf(found.state)}`) });
  }
  return null;
};
