/** Where the rail leads, beside what it has of its own. An entry is shown to those who may see its page. */
import type { Key } from "../i18n/en";
import type { IconName } from "../parts/Icon";
import type { Need } from "./rights";

export interface Entry {
  to: "/runs" | "/import-errors" | "/pools" | "/connections" | "/variables" | "/audit" | "/users" | "/config" | "/account";
  /** Pages that belong to the same entry. */
  also?: readonly string[];
  text: Key;
  icon: IconName;
  need: Need;
}

export const WORK: readonly Entry[] = [
  { to: "/runs", also: ["/tasks", "/xcoms"], text: "nav.runs", icon: "runs", need: "read run" },
  { to: "/import-errors", text: "nav.importErrors", icon: "warn", need: "read import_error" },
];

export const PLATFORM: readonly Entry[] = [
  { to: "/pools", text: "nav.pools", icon: "pools", need: "read pool" },
  { to: "/connections", text: "nav.connections", icon: "link", need: "read connection" },
  { to: "/variables", text: "nav.variables", icon: "braces", need: "read variable" },
  { to: "/audit", text: "nav.audit", icon: "page", need: "read event_log" },
  { to: "/users", also: ["/roles"], text: "nav.users", icon: "people", need: "read user" },
  { to: "/config", also: ["/plugins"], text: "nav.config", icon: "sliders", need: "read config" },
];

export const ACCOUNT: Entry = { to: "/account", text: "nav.account", icon: "person", need: "read own" };

/** The entry that a page belongs to. */
export const entryOf = (path: string): Entry | undefined =>
  [...WORK, ...PLATFORM, ACCOUNT].find((entry) => [entry.to, ...(entry.also ?? [])].some((each) => path.endsWith(each)));
