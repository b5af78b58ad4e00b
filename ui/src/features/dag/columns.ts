import type { Schemas } from "../../api/client";
import { stateOf } from "../../lib/states";
import { type Clock, dayKey, dayName, hourMinute } from "../../lib/time";
import type { RunColumn } from "./paint";

export type GridRun = Schemas["GridRun"];

/** The moment that names a run: its logical date, or else when it was due. */
export const momentOf = (run: Pick<GridRun, "logical_date" | "run_after">): number => run.logical_date ?? run.run_after;

/** Marks are at least this many columns apart, so that none runs into the next; an hour is shorter than a day's name. */
const APART = 6;
const HOUR_APART = 3;

/** What is written above each run: the day where one begins, the hour now and then between. Days go before hours. */
const marksOf = (moments: readonly number[], clock: Clock): { marks: string[]; days: boolean[] } => {
  const keys = moments.map((at) => dayKey(at, clock));
  const days = keys.map((key, n) => n > 0 && key !== keys[n - 1]);
  const marks = moments.map(() => "");
  const begins = days.flatMap((isDay, n) => (isDay ? [n] : []));
  const named: number[] = [];
  for (const n of begins) if (named.length === 0 || n - (named.at(-1) ?? 0) >= APART) named.push(n);
  // The day of the first run, unless the next begins before its name has ended.
  if (moments.length && (named[0] ?? APART) >= APART) named.unshift(0);
  for (const n of named) marks[n] = dayName(moments[n] ?? 0, clock);
  let last = -APART;
  moments.forEach((at, n) => {
    const next = named.find((each) => each >= n) ?? Infinity;
    if (marks[n]) last = n;
    else if (!days[n] && n - last >= APART && next - n >= HOUR_APART) {
      marks[n] = hourMinute(at, clock);
      last = n;
    }
  });
  return { marks, days };
};

/** Runs as columns: bars by duration, a line and a name where a day begins, the hour now and then between. */
export const columnsOf = (runs: readonly GridRun[], clock: Clock): RunColumn[] => {
  const { marks, days } = marksOf(runs.map(momentOf), clock);
  return runs.map((run, n) => {
    const before = runs[n - 1];
    return {
      state: stateOf(run.state),
      micros: run.start === null ? 0 : (run.end ?? clock.now) - run.start,
      mark: marks[n] ?? "",
      isDay: days[n] ?? false,
      isNewVersion: Boolean(before) && before?.version !== run.version,
    };
  });
};
