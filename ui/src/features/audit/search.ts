/** What the audit log can be asked for, and how the server is asked. */
import { patternOf } from "../../lib/address";

export const AUDIT_KEYS = ["people", "who", "what", "dag", "run", "task", "index", "try", "after", "before"] as const;
export type AuditKey = (typeof AUDIT_KEYS)[number];
export type AuditSearch = { [key in AuditKey | "sort" | "from" | "open"]?: string };

/** The query of the public route for an address. Names are parts of names; the index and the try are exact. */
export const auditQuery = (search: AuditSearch) => {
  const whole = (text: string | undefined): number | undefined => (text !== undefined && /^-?\d{1,9}$/.test(text) ? Number(text) : undefined);
  const part = (text: string | undefined): string | undefined => (text ? patternOf(text) : undefined);
  const wanted = {
    // Whatever has a letter in it is a name; what the engine notes has none.
    owner_pattern: part(search.who) ?? (search.people ? "_" : undefined),
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
