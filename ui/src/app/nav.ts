/** The pages that the navigation names, by groups: those that there are, and that the caller may see. */
import type { IconName } from "../parts/Icon";
import type { May } from "../lib/rights";
import type { messages } from "./text";

export type NavKey = keyof typeof messages.en | "nav.home" | "nav.dags";

export interface Place {
  to: string;
  text: NavKey;
  icon: IconName;
  needs: string;
  /** The letter after `g` that goes there. */
  key?: string;
  /** Shown in the bar of narrow screens. */
  tab?: true;
}

export interface Group {
  title: "" | "nav.browse" | "nav.admin";
  places: readonly Place[];
}

export const GROUPS: readonly Group[] = [
  {
    title: "",
    places: [
      { to: "/", text: "nav.home", icon: "home", needs: "dag", key: "h", tab: true },
      { to: "/dags", text: "nav.dags", icon: "dags", needs: "dag", key: "d", tab: true },
      { to: "/assets", text: "nav.assets", icon: "assets", needs: "asset", key: "a", tab: true },
      { to: "/inbox", text: "nav.inbox", icon: "inbox", needs: "question", key: "i", tab: true },
      { to: "/alerts", text: "nav.alerts", icon: "alerts", needs: "run", key: "b" },
    ],
  },
  {
    title: "nav.browse",
    places: [
      { to: "/runs", text: "nav.runs", icon: "runs", needs: "run", key: "r" },
      { to: "/tasks", text: "nav.tasks", icon: "tasks", needs: "task", key: "t" },
      { to: "/xcoms", text: "nav.xcoms", icon: "xcoms", needs: "xcom", key: "x" },
      { to: "/import-errors", text: "nav.errors", icon: "errors", needs: "import_error", key: "e" },
      { to: "/audit", text: "nav.audit", icon: "audit", needs: "event_log", key: "l" },
    ],
  },
  {
    title: "nav.admin",
    places: [
      { to: "/charts", text: "nav.charts", icon: "charts", needs: "task", key: "m" },
      { to: "/workers", text: "nav.workers", icon: "workers", needs: "system", key: "w" },
      { to: "/scheduler", text: "nav.scheduler", icon: "scheduler", needs: "system", key: "s" },
      { to: "/pools", text: "nav.pools", icon: "pools", needs: "pool", key: "p" },
      { to: "/variables", text: "nav.variables", icon: "variables", needs: "variable", key: "v" },
      { to: "/connections", text: "nav.connections", icon: "connections", needs: "connection", key: "c" },
      { to: "/config", text: "nav.config", icon: "settings", needs: "config" },
      { to: "/users", text: "nav.users", icon: "people", needs: "user", key: "u" },
      { to: "/roles", text: "nav.roles", icon: "roles", needs: "role" },
    ],
  },
];

/** The groups without what the caller may not see and what there is no page for; empty ones are left out. */
export const navigation = (may: May, isPage: (to: string) => boolean): Group[] =>
  GROUPS.map(({ title, places }) => ({ title, places: places.filter(({ to, needs }) => isPage(to) && may("read", needs)) }))
    .filter(({ places }) => places.length > 0);

/** Pages that the navigation does not name, by what they are called above them: a second page of a place, and one's own. */
const OTHERS: Readonly<Record<string, NavKey>> = { "/plugins": "nav.config", "/account": "set.account" };

/** What stands above the page of an address. */
export const nameOf = (path: string): NavKey | undefined => OTHERS[path] ?? placeOf(path)?.text;

/** The place whose page an address belongs to. */
export const placeOf = (path: string): Place | undefined =>
  GROUPS.flatMap(({ places }) => places)
    .filter(({ to }) => path === to || (to !== "/" && path.startsWith(`${to}/`)))
    .sort((one, other) => other.to.length - one.to.length)[0];
