/** States of runs and tasks, in the order in which legends show them. */
export const STATES = [
  "none", "scheduled", "queued", "running", "success", "failed", "skipped", "upstream_failed", "up_for_retry",
  "up_for_reschedule", "deferred", "awaiting_input", "removed", "restarting",
] as const;

export type State = (typeof STATES)[number];

const KNOWN = new Set<string>(STATES);

/** The state that a name of the server stands for; what is unknown has none. */
export const stateOf = (name: string | null | undefined): State => (name && KNOWN.has(name) ? (name as State) : "none");

/** The name of a state in the design tokens: `--s-up-for-retry`. */
export const tokenOf = (state: State): string => state.replaceAll("_", "-");

const FINISHED = new Set<State>(["success", "failed", "skipped", "upstream_failed", "removed"]);
export const isFinished = (state: State): boolean => FINISHED.has(state);

/** A task that does nothing now, for a reason that is worth saying. */
export const waits = (state: State): boolean => !isFinished(state) && state !== "running" && state !== "restarting";

/** A state's number in packed arrays, as the server writes them. */
export const codeOf = (state: State): number => STATES.indexOf(state);
export const stateAt = (code: number): State => STATES[code] ?? "none";
