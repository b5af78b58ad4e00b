/** What the lists of all runs, task instances and XComs can be asked for, and how the server is asked. */
import { patternOf, severalOf } from "../../lib/address";

export const RUN_KEYS = ["state", "type", "dag", "run", "by", "after", "before", "logicalAfter", "logicalBefore", "longer", "shorter", "conf"] as const;
export const TASK_KEYS = ["state", "dag", "run", "task", "index", "try", "pool", "queue", "operator", "executor", "after", "before", "longer", "shorter"] as const;
export const XCOM_KEYS = ["key", "dag", "run", "task", "index", "after", "before"] as const;

/** Where a list is: by its place where the reader has ordered it, else after the row that a cursor names. */
export const PLACE_KEYS = ["sort", "cursor", "from"] as const;
export type Search<K extends string> = { [key in K | (typeof PLACE_KEYS)[number]]?: string };

const part = (text: string | undefined): string | undefined => (text ? patternOf(text) : undefined);
const seconds = (text: string | undefined): number | undefined => (text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) : undefined);
const list = (text: string | undefined): string[] | undefined => (text ? severalOf(text) : undefined);
const wholes = (text: string | undefined): number[] | undefined => {
  const found = severalOf(text).filter((each) => /^-?\d{1,9}$/.test(each)).map(Number);
  return found.length ? found : undefined;
};

type Said<T> = { [K in keyof T]?: NonNullable<T[K]> };
const without = <T extends object>(query: T): Said<T> => Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as Said<T>;

export const runsQuery = (search: Search<(typeof RUN_KEYS)[number]>) =>
  without({
    state: list(search.state) as ("queued" | "running" | "success" | "failed")[] | undefined,
    run_type: list(search.type) as ("scheduled" | "manual" | "backfill")[] | undefined,
    dag_id_pattern: part(search.dag),
    run_id_pattern: part(search.run),
    triggering_user_name_pattern: part(search.by),
    conf_contains: search.conf,
    run_after_gte: search.after,
    run_after_lte: search.before,
    logical_date_gte: search.logicalAfter,
    logical_date_lte: search.logicalBefore,
    duration_gte: seconds(search.longer),
    duration_lte: seconds(search.shorter),
  });

export const tasksQuery = (search: Search<(typeof TASK_KEYS)[number]>) =>
  without({
    state: list(search.state),
    dag_id_pattern: part(search.dag),
    run_id_pattern: part(search.run),
    task_display_name_pattern: part(search.task),
    map_index: wholes(search.index),
    try_number: wholes(search.try),
    pool: list(search.pool),
    queue: list(search.queue),
    operator_name_pattern: part(search.operator),
    executor: list(search.executor),
    start_date_gte: search.after,
    start_date_lte: search.before,
    duration_gte: seconds(search.longer),
    duration_lte: seconds(search.shorter),
  });

export const xcomsQuery = (search: Search<(typeof XCOM_KEYS)[number]>) =>
  without({
    xcom_key_pattern: part(search.key),
    dag_display_name_pattern: part(search.dag),
    run_id_pattern: part(search.run),
    task_id_pattern: part(search.task),
    map_index_filter: search.index !== undefined && /^-?\d{1,9}$/.test(search.index) ? Number(search.index) : undefined,
    run_after_gte: search.after,
    run_after_lte: search.before,
  });
