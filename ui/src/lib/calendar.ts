/** Days of a year as cells, in the reader's zone. A day has 23 to 25 hours; which one a moment falls on is asked of the zone. */
import { type Clock, dayKey, type Micros } from "./time";
import { fromLocal } from "./zone";

export interface Day {
  /** 2026-11-22 */
  key: string;
  /** Week from the left, and day of the week from Monday. */
  week: number;
  weekday: number;
}

const DAY_MS = 86_400_000;
const dateOf = (key: string): number => Date.parse(`${key}T00:00Z`);
const keyOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

/** The days of whole weeks that end with the week of `last`: a name of a day is arithmetic, without clocks. */
export const daysOf = (last: string, weeks = 53): Day[] => {
  const weekday = (new Date(dateOf(last)).getUTCDay() + 6) % 7;
  const first = dateOf(last) - (weekday + 7 * (weeks - 1)) * DAY_MS;
  return Array.from({ length: weeks * 7 }, (_, n) => ({ key: keyOf(first + n * DAY_MS), week: Math.floor(n / 7), weekday: n % 7 }));
};

export const dayAfter = (key: string): string => keyOf(dateOf(key) + DAY_MS);

/** From the first moment of a day to the first of the next one. */
export const boundsOf = (key: string, clock: Clock): [Micros, Micros] => [firstOf(key, clock), firstOf(dayAfter(key), clock)];

const firstOf = (key: string, clock: Clock): Micros => fromLocal(`${key}T00:00`, clock) ?? dateOf(key) * 1000;

export interface DayCounts {
  states: Record<string, number>;
  total: number;
  planned: number;
}

/** What is on which day. */
export const byDay = (slices: readonly { at: Micros; states: Record<string, number> }[], planned: readonly { run_after: Micros; logical_date: Micros | null }[], clock: Clock): Map<string, DayCounts> => {
  const days = new Map<string, DayCounts>();
  const day = (at: Micros): DayCounts => {
    const key = dayKey(at, clock);
    const found = days.get(key) ?? { states: {}, total: 0, planned: 0 };
    days.set(key, found);
    return found;
  };
  for (const slice of slices) {
    const own = day(slice.at);
    for (const [state, count] of Object.entries(slice.states)) {
      own.states[state] = (own.states[state] ?? 0) + count;
      own.total += count;
    }
  }
  for (const run of planned) day(run.run_after).planned++;
  return days;
};

/** How much of a day's runs that are over failed: null where none is over. */
export const failedPart = (day: DayCounts): number | null => {
  const [failed, success] = [day.states.failed ?? 0, day.states.success ?? 0];
  return failed + success ? failed / (failed + success) : null;
};
