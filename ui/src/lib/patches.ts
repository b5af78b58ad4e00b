/** What a change means for what is shown: which answers are old now, and which of them can be mended in place. */
import type { Change } from "./stream";
import { codeOf, isFinished, stateOf } from "./states";

export type Key = readonly (string | number)[];

/** In the place of a run's id: whichever is the newest. */
export const NEWEST = "newest";
/** After a task's name: an answer with the last lines of its log. */
export const TAIL = "tail";

/** Pages' answers by the family of an event, where it is about no Dag. */
const FAMILIES: Record<string, Key[]> = {
  pool: [["pools"]],
  variable: [["variables"]],
  connection: [["connections"]],
  asset: [["assets"]],
  watcher: [["assets"]],
  partition: [["assets"]],
  question: [["questions"]],
  backfill: [["backfills"]],
  account: [["users"]],
  login: [["users"]],
  role: [["roles"]],
  worker: [["workers"], ["scheduler"], ["home"]],
  owner: [["workers"], ["scheduler"], ["home"]],
  quarantined: [["scheduler"], ["dags"], ["home"]],
  file: [["scheduler"]],
  command: [["audit"]],
};

/** The keys of answers that a change makes old. */
export const keysOf = (change: Change): Key[] => {
  const family = change.kind.split(".", 1)[0] ?? "";
  const { dag_id: dag, run_id: run, task_id: task } = change;
  const found: Key[] = [...(FAMILIES[family] ?? [])];
  switch (family) {
    case "dag":
      found.push(["dags"], ["home"], ["import-errors"], ["assets"], ["dag", dag], ["grid", dag]);
      break;
    case "run":
      found.push(["dags"], ["home"], ["runs"], ["dag", dag], ["grid", dag], ["run", dag, run], ["run", dag, NEWEST], ["why", dag, run]);
      break;
    case "task":
    case "question":
      found.push(["grid", dag], ["run", dag, run], ["run", dag, NEWEST], ["why", dag, run], ["tasks"], ["task", dag, run, task]);
      break;
    case "command":
      // Such as a note: what it did to states is told by itself.
      if (task) found.push(["task", dag, run, task]);
      else if (run) found.push(["run", dag, run]);
      else if (dag) found.push(["dag", dag]);
      break;
    case "progress":
      found.push(["progress", dag, run, task]);
      break;
    case "log":
      found.push(["task", dag, run, task, TAIL]);
      break;
    case "asset":
    case "backfill":
    case "quarantined":
      if (dag) found.push(["dag", dag]);
      if (run) found.push(["run", dag, run]);
      break;
  }
  return found;
};

/** The keys of answers that a topic is about: what is read anew when it is not known what was missed. */
export const keysOfTopic = (topic: string): Key[] => {
  const [kind, name = ""] = split(topic, ":");
  const [dag, run = ""] = split(name, "/");
  switch (kind) {
    case "dags":
      return [["dags"], ["home"], ["runs"]];
    case "dag":
      return [["dag", dag], ["grid", dag], ["run", dag], ["why", dag], ["task", dag]];
    case "run":
      return [["run", dag, run], ["run", dag, NEWEST], ["why", dag, run], ["task", dag, run], ["grid", dag]];
    case "log": {
      const parts = run.split("/");
      const [own, task] = [parts.slice(0, -3).join("/"), parts.at(-3) ?? ""];
      return [["task", dag, own, task]];
    }
    case "health":
      return [["workers"], ["scheduler"], ["home"]];
    case "task":
      return [["tasks"]];
    default:
      return FAMILIES[topic] ?? [];
  }
};

/** The topic of the log that a change is about: that of its try. */
export const logTopicOf = (change: Change): string =>
  `log:${change.dag_id}/${change.run_id}/${change.task_id}/${String(change.map_index)}/${String(change.try_number)}`;

const split = (text: string, at: string): [string, string?] => {
  const found = text.indexOf(at);
  return found < 0 ? [text] : [text.slice(0, found), text.slice(found + 1)];
};

/** As much of a grid's answer as is mended. */
export interface Grid {
  tasks: string[];
  runs: { run_id: string; number: number; state: string; start: number | null; end: number | null }[];
  states: string;
  mapped: Record<string, Record<string, number>>;
  now: number;
}

/** The grid after these changes of its Dag, the same object where nothing of it is touched; null where it has to be
 *  asked for anew: a run or task that it does not have, or one of several instances, whose state follows from all. */
export const patchedGrid = <G extends Grid>(grid: G, changes: readonly Change[]): G | null => {
  const columns = new Map(grid.runs.map((run, place) => [run.run_id, place]));
  const rows = new Map(grid.tasks.map((task, place) => [task, place]));
  const runs = [...grid.runs];
  let bytes: Uint8Array | null = null;
  let now = grid.now;
  for (const change of changes) {
    const column = columns.get(change.run_id);
    const run = column === undefined ? undefined : runs[column];
    if (change.kind === "run.moved") {
      if (column === undefined || !run) return null;
      runs[column] = movedRun(run, change);
    } else if (change.kind === "task.moved") {
      const row = rows.get(change.task_id);
      if (column === undefined || !run || row === undefined) return null;
      if (change.map_index >= 0 || (grid.mapped[String(run.number)]?.[change.task_id] ?? 1) > 1) return null;
      bytes ??= bytesOf(grid.states);
      bytes[column * grid.tasks.length + row] = codeOf(stateOf(change.state));
    } else return null;
    now = Math.max(now, change.at ?? 0);
  }
  return changes.length ? { ...grid, runs, now, states: bytes ? textOf(bytes) : grid.states } : grid;
};

const movedRun = <R extends Grid["runs"][number]>(run: R, change: Change): R => {
  const state = stateOf(change.state);
  return {
    ...run,
    state: change.state,
    start: run.start ?? (state === "running" ? change.at : null),
    end: isFinished(state) ? change.at : null,
  };
};

const bytesOf = (text: string): Uint8Array => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

const textOf = (bytes: Uint8Array): string => {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000));
  return btoa(text);
};
