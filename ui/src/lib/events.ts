/** What the event log says of a line, in one line of a list. */
import { type State, STATES } from "./states";

const KNOWN = new Set<string>(STATES);

/** Names that a list has columns for. */
const BESIDE = new Set(["dag_id", "run_id", "task_id", "map_index"]);

/** How a thing moved, why, and the other facts by their names. `stateName` writes a state for the reader; what is no object stays as it is. */
export const eventText = (extra: string | null | undefined, stateName: (state: State) => string): string => {
  if (!extra) return "";
  let facts: unknown;
  try {
    facts = JSON.parse(extra);
  } catch {
    return extra;
  }
  if (typeof facts !== "object" || facts === null || Array.isArray(facts)) return extra;
  const { before, after, reason, ...rest } = facts as Record<string, unknown>;
  const word = (value: unknown): string => (typeof value === "string" && KNOWN.has(value) ? stateName(value as State) : text(value));
  const moved = after === undefined ? [] : [before === undefined ? `→ ${word(after)}` : `${word(before)} → ${word(after)}`];
  // A run that has succeeded names that as its reason too.
  const why = reason === undefined || isEmpty(reason) || reason === after ? [] : [text(reason)];
  const others = Object.entries(rest).filter(([name, value]) => !BESIDE.has(name) && !isEmpty(value)).map(([name, value]) => `${name}: ${text(value)}`);
  return [...moved, ...(after === undefined && before !== undefined ? [`before: ${text(before)}`] : []), ...why, ...others].join(" · ");
};

const text = (value: unknown): string => (typeof value === "string" ? value : JSON.stringify(value) ?? "");
const isEmpty = (value: unknown): boolean => value === null || value === "" || (Array.isArray(value) && !value.length);
