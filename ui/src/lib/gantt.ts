/** A run's tasks in time: rows, what was waiting and what ran in each, and where that is drawn. Pure. */
import { criticalPath, type Step, type TimedNode } from "./criticalPath";
import { type State, stateOf } from "./states";
import type { Micros } from "./time";

export interface Try {
  number: number;
  state: string;
  assigned: Micros | null;
  start: Micros | null;
  end: Micros | null;
}

export interface Instance {
  map_index: number;
  label: string;
  state: string;
  scheduled: Micros | null;
  start: Micros | null;
  end: Micros | null;
  tries: readonly Try[];
}

export interface Task {
  task_id: string;
  states: Readonly<Record<string, number>>;
  start: Micros | null;
  end: Micros | null;
  instances: readonly Instance[];
  upstream: readonly number[];
}

export interface Row {
  id: string;
  label: string;
  depth: number;
  is_group: boolean;
  tasks: readonly number[];
}

export interface Timeline {
  state: string;
  start: Micros | null;
  end: Micros | null;
  tasks: readonly Task[];
  rows: readonly Row[];
  now: Micros;
}

/** What passed in a row, in the order of time. `open`: it goes on. */
export interface Bar {
  kind: "run" | "queue" | "retry";
  from: Micros;
  to: Micros;
  state: State;
  open: boolean;
}

/** The time that a run covers: from when it began (the last time, for one that was cleared) to its end or the present. */
export interface Span {
  from: Micros;
  to: Micros;
}

export const spanOf = (run: Timeline): Span => {
  const ends = run.tasks.flatMap((task) => (task.end === null ? [] : [task.end]));
  const starts = run.tasks.flatMap((task) => (task.start === null ? [] : [task.start]));
  const from = run.start ?? Math.min(run.now, ...starts);
  const to = run.end ?? (run.start === null ? Math.max(from, ...ends) : run.now);
  return { from, to: Math.max(to, from + 1_000) };
};

const isOver = (instance: Instance): boolean => ["success", "failed", "skipped", "upstream_failed", "removed"].includes(instance.state);

/** The tries of an instance since the run began: those before belong to what was cleared. */
export const triesSince = (instance: Instance, began: Micros): Try[] =>
  instance.tries.filter((each) => (each.end ?? Infinity) > began && (each.start ?? each.assigned ?? Infinity) >= began - 1_000);

const stateOfTry = (each: Try, instance: Instance, isLast: boolean): State => {
  if (isLast && each.end === null) return stateOf(instance.state);
  switch (each.state) {
    case "success": case "skipped": case "deferred": case "awaiting_input": return each.state;
    case "failed": case "lost": case "cancelled": return "failed";
    case "rescheduled": return "up_for_reschedule";
    default: return stateOf(instance.state);
  }
};

/** Waiting and running of one instance. `ready`: when nothing that it waits for held it up any more; null while that is so. */
export const barsOf = (instance: Instance, ready: Micros | null, span: Span, now: Micros): Bar[] => {
  const bars: Bar[] = [];
  const put = (kind: Bar["kind"], from: Micros | null, to: Micros | null, state: State): void => {
    if (from === null || (to ?? now) < from) return;
    bars.push({ kind, from, to: to ?? now, state, open: to === null });
  };
  const tries = triesSince(instance, span.from);
  let free = ready;
  for (const [n, each] of tries.entries()) {
    const [begun, isRetry] = [each.start ?? each.end, n > 0];
    const given = each.assigned ?? begun;
    if (isRetry && given !== null) put("retry", free, Math.max(given, free ?? given), "up_for_retry");
    const waited = isRetry ? given : free;
    if (waited !== null && (begun === null || begun > waited)) put("queue", waited, begun, "queued");
    const state = stateOfTry(each, instance, n === tries.length - 1);
    if (each.start !== null) put("run", each.start, each.end, state);
    free = each.end;
  }
  if (!tries.length && instance.start !== null && isOver(instance)) put("run", instance.start, instance.end, stateOf(instance.state));
  const waits = stateOf(instance.state);
  if (!isOver(instance) && (tries.length === 0 || tries.at(-1)?.end !== null)) {
    if (waits === "up_for_retry" || waits === "up_for_reschedule") put("retry", free, null, waits);
    else if (waits === "deferred" || waits === "awaiting_input") put("run", free, null, waits);
    else if (waits === "scheduled" || waits === "queued") put("queue", free, null, "queued");
  }
  return bars.filter((bar) => bar.to >= span.from);
};

/** When a task was held up by nothing upstream any more; null while something is not over. */
export const readyAt = (run: Timeline, task: Task, span: Span): Micros | null => {
  let ready = span.from;
  for (const place of task.upstream) {
    const above = run.tasks[place];
    if (!above) continue;
    // A task that began did not wait for what ended later.
    if (above.instances.some((each) => !isOver(each)) || above.end === null) {
      if (task.start === null) return null;
    } else if (task.start === null || above.end <= task.start) ready = Math.max(ready, above.end);
  }
  return ready;
};

/** The instance that a task was over with: one that is not over, or that ended last. */
export const decidingInstance = (task: Task): Instance | null => {
  let found: Instance | null = null;
  for (const each of task.instances) {
    const [end, best] = [isOver(each) ? (each.end ?? 0) : Infinity, found && (isOver(found) ? (found.end ?? 0) : Infinity)];
    if (best === null || end > best) found = each;
  }
  return found;
};

export interface CriticalStep extends Step {
  taskId: string;
  mapIndex: number;
  state: State;
  /** What the time from being ready to the end went into. */
  queue: Micros;
  retry: Micros;
  failed: Micros;
  work: Micros;
}

/** The critical path with what its time went into. */
export const criticalSteps = (run: Timeline, span: Span): CriticalStep[] => {
  const deciding = run.tasks.map(decidingInstance);
  const nodes = run.tasks.map((task, place): TimedNode => {
    const instance = deciding[place];
    if (!instance) return { upstream: task.upstream, start: null, end: null };
    const first = triesSince(instance, span.from)[0];
    const start = first ? (first.start ?? first.end) : isOver(instance) ? instance.start : null;
    return { upstream: task.upstream, start, end: isOver(instance) ? instance.end : null };
  });
  return criticalPath(nodes, span.from, Math.min(run.now, span.to)).map((step) => {
    const [task, instance] = [run.tasks[step.node], deciding[step.node]];
    const bars = instance ? barsOf(instance, step.ready, span, step.end) : [];
    const spent = (wanted: (bar: Bar) => boolean): Micros =>
      bars.filter(wanted).reduce((sum, bar) => sum + Math.max(0, Math.min(bar.to, step.end) - Math.max(bar.from, step.ready)), 0);
    const retry = spent((bar) => bar.kind === "retry");
    const failed = spent((bar) => bar.kind === "run" && bar.state === "failed");
    const work = spent((bar) => bar.kind === "run" && bar.state !== "failed");
    return {
      ...step, taskId: task?.task_id ?? "", mapIndex: instance?.map_index ?? -1, state: stateOf(instance?.state), retry, failed, work,
      queue: Math.max(0, step.end - step.ready - retry - failed - work),
    };
  });
};

// --- rows --------------------------------------------------------------------------------------------------------

export interface GanttRow {
  key: string;
  label: string;
  depth: number;
  kind: "group" | "task" | "instance" | "rest";
  /** Of a group: the tasks in it. Otherwise the one task. */
  tasks: readonly number[];
  instance: Instance | null;
  /** How many instances the task has, of a task; how many are not shown, of the rest. */
  count: number;
  state: State;
}

export type Order = "group" | "start";

const TELLING: readonly State[] = [
  "failed", "upstream_failed", "up_for_retry", "awaiting_input", "restarting", "running", "deferred",
  "up_for_reschedule", "queued", "scheduled", "none", "success", "skipped", "removed",
];

/** What several states show together: the one that tells most. */
export const together = (states: Iterable<string>): State => {
  const present = new Set([...states].map(stateOf));
  return TELLING.find((state) => present.has(state)) ?? "none";
};

/** Rows on screen. `turned`: groups that are closed and mapped tasks that are open, by their keys. */
export const ganttRows = (run: Timeline, turned: ReadonlySet<string>, order: Order): GanttRow[] => {
  const shown: GanttRow[] = [];
  const task = (place: number, label: string, depth: number): void => {
    const found = run.tasks[place];
    if (!found) return;
    const count = Object.values(found.states).reduce((sum, each) => sum + each, 0);
    const isMapped = count > 1 || found.instances.some((each) => each.map_index >= 0);
    const key = `task ${found.task_id}`;
    const only = isMapped ? null : (found.instances[0] ?? null);
    shown.push({ key, label, depth, kind: "task", tasks: [place], instance: only, count: isMapped ? count : 0, state: together(Object.keys(found.states)) });
    if (!isMapped || !turned.has(key)) return;
    for (const instance of found.instances) {
      const name = instance.label || `[${String(instance.map_index)}]`;
      shown.push({ key: `${key} ${String(instance.map_index)}`, label: name, depth: depth + 1, kind: "instance", tasks: [place], instance, count: 0, state: stateOf(instance.state) });
    }
    const rest = count - found.instances.length;
    if (rest > 0) shown.push({ key: `${key} rest`, label: "", depth: depth + 1, kind: "rest", tasks: [place], instance: null, count: rest, state: "none" });
  };
  if (order === "start") {
    const places = run.tasks.map((_, place) => place);
    const begun = (place: number): Micros => run.tasks[place]?.start ?? run.tasks[place]?.end ?? Infinity;
    for (const place of places.sort((one, other) => begun(one) - begun(other) || one - other)) task(place, run.tasks[place]?.task_id ?? "", 0);
    return shown;
  }
  let hiddenBelow = Infinity;
  for (const row of run.rows) {
    if (row.depth > hiddenBelow) continue;
    hiddenBelow = Infinity;
    if (!row.is_group) {
      task(row.tasks[0] ?? -1, row.label, row.depth);
      continue;
    }
    const key = `group ${row.id}`;
    const state = together(row.tasks.flatMap((place) => Object.keys(run.tasks[place]?.states ?? {})));
    shown.push({ key, label: row.label, depth: row.depth, kind: "group", tasks: row.tasks, instance: null, count: row.tasks.length, state });
    if (turned.has(key)) hiddenBelow = row.depth;
  }
  return shown;
};

/** From the first begin to the last end of several tasks since the run began; null where none has begun. */
export const coverOf = (run: Timeline, places: readonly number[], span: Span): (Span & { open: boolean }) | null => {
  let cover: (Span & { open: boolean }) | null = null;
  for (const place of places) {
    const task = run.tasks[place];
    if (!task || task.start === null) continue;
    const open = task.instances.some((each) => !isOver(each));
    const [from, to] = [Math.max(task.start, span.from), open ? span.to : (task.end ?? span.to)];
    if (to < span.from) continue;
    cover = cover ? { from: Math.min(cover.from, from), to: Math.max(cover.to, to), open: cover.open || open } : { from, to, open };
  }
  return cover;
};

/** How many tasks ran at the same time: [moment, count] wherever the count changes. Of the instances that are shown. */
export const atOnce = (run: Timeline, span: Span): [Micros, number][] => {
  const changes: [Micros, number][] = [];
  for (const task of run.tasks) {
    for (const instance of task.instances) {
      for (const each of triesSince(instance, span.from)) {
        if (each.start === null) continue;
        changes.push([each.start, 1], [each.end ?? span.to, -1]);
      }
    }
  }
  changes.sort((one, other) => one[0] - other[0]);
  const steps: [Micros, number][] = [];
  let count = 0;
  for (const [at, change] of changes) {
    count += change;
    if (steps.at(-1)?.[0] === at) steps.pop();
    if ((steps.at(-1)?.[1] ?? 0) !== count) steps.push([at, count]);
  }
  return steps;
};

// --- places ------------------------------------------------------------------------------------------------------

export const ROW = 24;
export const AXIS = 78;
/** Kept free at the right, for what is written behind the last bar. */
export const RIGHT = 64;

export const xOf = (at: Micros, span: Span, width: number): number => ((at - span.from) / (span.to - span.from)) * Math.max(1, width - RIGHT);
export const timeAt = (x: number, span: Span, width: number): Micros => span.from + (x / Math.max(1, width - RIGHT)) * (span.to - span.from);

const STEPS = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400,
  172_800, 604_800,
].map((seconds) => seconds * 1e6);

/** Moments that are round in the reader's zone (`offset` from UTC), about so many pixels apart. */
export const ticksOf = (span: Span, width: number, offset: Micros, apart = 90): { step: Micros; at: Micros[] } => {
  const wanted = (span.to - span.from) * (apart / Math.max(apart, width - RIGHT));
  const step = STEPS.find((each) => each >= wanted) ?? Math.ceil(wanted / 604_800e6) * 604_800e6;
  const first = Math.ceil((span.from + offset) / step) * step - offset;
  const count = Math.max(0, Math.floor((span.to - first) / step) + 1);
  return { step, at: Array.from({ length: count }, (_, n) => first + n * step) };
};
