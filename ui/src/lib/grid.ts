/** Geometry and contents of a grid of runs by tasks. Pure: what is drawn, and where a pointer is. */
import { type State, STATES, stateAt } from "./states";

export const ROW = 22;
export const AXIS = 118;
/** Height of the longest run's bar. */
export const BAR = 78;
export const NONE = 255;

export interface GridRow {
  id: string;
  label: string;
  depth: number;
  is_group: boolean;
  tasks: number[];
}

/** States by run and task, one byte each. */
export class States {
  readonly runs: number;
  readonly tasks: number;
  private readonly bytes: Uint8Array;

  constructor(base64: string, tasks: number) {
    const text = atob(base64);
    this.bytes = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
    this.tasks = tasks;
    this.runs = tasks ? this.bytes.length / tasks : 0;
  }

  /** The state of a task in a run; null where the run has no such task. */
  at(run: number, task: number): State | null {
    const code = this.bytes[run * this.tasks + task];
    return code === undefined || code === NONE ? null : stateAt(code);
  }

  /** What a group shows in a run: the state that tells most. */
  ofGroup(run: number, tasks: readonly number[]): State | null {
    let found: State | null = null;
    for (const task of tasks) {
      const state = this.at(run, task);
      if (state !== null && (found === null || RANK[state] < RANK[found])) found = state;
    }
    return found;
  }

  ofRow(run: number, row: GridRow): State | null {
    return row.is_group ? this.ofGroup(run, row.tasks) : this.at(run, row.tasks[0] ?? -1);
  }
}

const TELLING: readonly State[] = [
  "failed", "upstream_failed", "up_for_retry", "awaiting_input", "restarting", "running", "deferred",
  "up_for_reschedule", "queued", "scheduled", "none", "success", "skipped", "removed",
];
const RANK = Object.fromEntries(STATES.map((state) => [state, TELLING.indexOf(state)])) as Record<State, number>;

/** Rows that are on screen: without what is inside closed groups, and with `failed` only tasks that failed somewhere. */
export const shownRows = (rows: readonly GridRow[], closed: ReadonlySet<string>, states: States, onlyFailed: boolean): GridRow[] => {
  const shown: GridRow[] = [];
  let hiddenBelow = Infinity;
  for (const row of rows) {
    if (row.depth > hiddenBelow) continue;
    hiddenBelow = Infinity;
    if (onlyFailed && !hasFailed(row, states)) continue;
    shown.push(row);
    if (row.is_group && closed.has(row.id)) hiddenBelow = row.depth;
  }
  return shown;
};

const hasFailed = (row: GridRow, states: States): boolean =>
  row.tasks.some((task) => {
    for (let run = 0; run < states.runs; run++) {
      const state = states.at(run, task);
      if (state === "failed" || state === "upstream_failed" || state === "up_for_retry") return true;
    }
    return false;
  });

export interface Layout {
  /** Width of a column, and of the cell in it. */
  column: number;
  cell: number;
  /** Where the first column begins: runs stand at the right edge, the newest last. */
  left: number;
  /** The whole drawing, of which the viewport shows a part. */
  width: number;
  height: number;
}

/** Columns as wide as there is room for, but never too narrow to be hit. */
export const layoutOf = (viewport: number, runs: number, rows: number): Layout => {
  const column = Math.max(13, Math.min(28, Math.floor((viewport - 10) / Math.max(runs, 1))));
  const width = Math.max(viewport, runs * column + 10);
  return { column, cell: Math.min(column - 2, 16), left: width - runs * column - 6, width, height: AXIS + rows * ROW + 6 };
};

export interface Spot {
  run: number;
  /** -1 on the bars above the rows. */
  row: number;
}

/** The cell at a point of the drawing; null beside the columns or below the rows. */
export const hit = (layout: Layout, x: number, y: number, runs: number, rows: number): Spot | null => {
  const run = Math.floor((x - layout.left) / layout.column);
  const row = y < AXIS ? -1 : Math.floor((y - AXIS) / ROW);
  return run < 0 || run >= runs || row >= rows ? null : { run, row };
};

/** Where an arrow key leads, up to the runs' bars; a grid's edges hold. */
export const moved = (spot: Spot, key: string, runs: number, rows: number): Spot | null => {
  const bound = (value: number, least: number, most: number): number => Math.max(least, Math.min(value, most));
  switch (key) {
    case "ArrowLeft": return { ...spot, run: bound(spot.run - 1, 0, runs - 1) };
    case "ArrowRight": return { ...spot, run: bound(spot.run + 1, 0, runs - 1) };
    case "ArrowUp": return { ...spot, row: bound(spot.row - 1, -1, rows - 1) };
    case "ArrowDown": return { ...spot, row: bound(spot.row + 1, -1, rows - 1) };
    case "Home": return { ...spot, run: 0 };
    case "End": return { ...spot, run: runs - 1 };
    default: return null;
  }
};

/** A round number of microseconds for the axis: about the longest, in whole units that people count in. */
export const axisTop = (longest: number): number => {
  const steps = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400];
  const seconds = longest / 1e6;
  const found = steps.find((step) => step >= seconds) ?? Math.ceil(seconds / 86_400) * 86_400;
  return found * 1e6;
};

/** Of the states of several tasks the one that stands for all of them. */
export const mostTelling = (states: readonly State[]): State =>
  states.reduce((found, state) => (RANK[state] < RANK[found] ? state : found), states[0] ?? "none");
