import type { Schemas } from "../../api/client";
import { stateOf } from "../../lib/states";
import { type Clock, dayKey, dayName, hourMinute } from "../../lib/time";
import type { RunColumn } from "./paint";

export type GridRun = Schemas["GridRun"];

/** The moment that names a run: its logical date, or else when it was due. */
export const momentOf = (run: Pick<GridRun, "logical_date" | "run_after">): number => run.logical_date ?? run.run_after;

/** Marks are at least this many columns apart, so that none runs into the next. */
const APART = 6;

/** Runs as columns: bars by duration, a line and a name where a day begins, the hour now and then between. */
export const columnsOf = (runs: readonly GridRun[], clock: Clock): RunColumn[] => {
  let day = "";
  let marked = -APART;
  return runs.map((run, n) => {
    const [at, before] = [momentOf(run), runs[n - 1]];
    const isDay = dayKey(at, clock) !== day;
    day = dayKey(at, clock);
    const hasRoom = n - marked >= APART;
    const mark = isDay && (hasRoom || n === 0) ? dayName(at, clock) : !isDay && hasRoom ? hourMinute(at, clock) : "";
    if (mark) marked = n;
    return {
      state: stateOf(run.state),
      micros: run.start === null ? 0 : (run.end ?? clock.now) - run.start,
      mark,
      isDay: isDay && n > 0,
      isNewVersion: Boolean(before) && before?.version !== run.version,
    };
  });
};
