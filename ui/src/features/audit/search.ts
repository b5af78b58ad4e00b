/** What the audit log can be asked for, and how the server is asked. */
import { patternOf } from "../../lib/address";

export const AUDIT_KEYS = ["who", "what", "dag", "run", "task", "index", "try", "after", "before"] as const;
export type AuditKey = (typeof AUDIT_KEYS)[number];
export type AuditSearch = { [key in AuditKey | "sort" | "from" | "open"]?: string };

/** The query of the public route for an address. Names are parts of names; the index and the try are exact. */
export const auditQuery = (search: AuditSearch) => {
  const whole = (text: string | undefined): number | undefined => (text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined);
  const part = (text: string | undefined): string | undefined => (text ? patternOf(text) : undefined);
  const wanted = {
    owner_pattern: part(search.who),
    event_pattern: part(search.what),
    dag_id_pattern: part(search.dag),
    run_id_pattern: part(search.run),
    task_id_pattern: part(search.task),
    map_index: whole(search.index),
    try_number: whole(search.try),
    after: search.after,
    before: search.before,
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as { [K in keyof typeof wanted]?: NonNullable<(typeof wanted)[K]> };
};

/** What was asked for, as lines of JSON; as it stands where it is none. */
export const prettyExtra = (extra: string | null): string => {
  if (!extra) return "";
  try {
    return JSON.stringify(JSON.parse(extra), null, 2);
  } catch {
    return extra;
  }
};

/** The same in one line, for the list: names and values without the names that the list has columns for. */
export const shortExtra = (extra: string | null): string => {
  if (!extra) return "";
  try {
    const found: unknown = JSON.parse(extra);
    if (typeof found !== "object" || found === null) return extra;
    return Object.entries(found)
      .filter(([key, value]) => value !== null && !["dag_id", "run_id", "task_id", "map_index"].includes(key))
      .map(([key, value]) => `${key} ${typeof value === "string" ? value : JSON.stringify(value)}`)
      .join(" · ");
  } catch {
    return extra;
  }
};
