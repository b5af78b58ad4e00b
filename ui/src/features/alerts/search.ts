/** What the history of alerts can be asked for, and how the server is asked. */
import { patternOf } from "../../lib/address";

export const SEVERITIES = ["critical", "error", "warning", "info"] as const;
export const STATUSES = ["firing", "recovered"] as const;
export const DELIVERIES = ["waiting", "delivered", "given_up", "kept"] as const;
export type Severity = (typeof SEVERITIES)[number];

export const ALERT_KEYS = ["rule", "dag", "severity", "status", "delivery"] as const;
export type AlertKey = (typeof ALERT_KEYS)[number];
export type AlertSearch = { [key in AlertKey | "after" | "open"]?: string };

const oneOf = <V extends string>(values: readonly V[], text: string | undefined): V | undefined => values.find((value) => value === text);

/** The query for an address. What no notice can be is left out: anybody can write an address. */
export const noticesQuery = (search: AlertSearch) => {
  const wanted = {
    rule: search.rule ? patternOf(search.rule) : undefined,
    dag: search.dag ? patternOf(search.dag) : undefined,
    severity: oneOf(SEVERITIES, search.severity),
    status: oneOf(STATUSES, search.status),
    state: oneOf(DELIVERIES, search.delivery),
  };
  return Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as { [K in keyof typeof wanted]?: NonNullable<(typeof wanted)[K]> };
};
