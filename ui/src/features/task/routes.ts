/** The pages of one task instance, and the addresses that Airflow has for them. */
import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { only } from "../../lib/search";
import type { LogSettings } from "../../parts/log/LogViewer";
import { runAt } from "./moved";

/** Which instance of a mapped task, and which try. */
export interface TaskSearch {
  index?: number | undefined;
  try?: number | undefined;
}

export interface MappedSearch extends TaskSearch {
  state?: string;
  q?: string;
  page?: number;
}

export interface XComSearch extends TaskSearch {
  key?: string;
}

const count = (value: unknown, least = 0): value is number => typeof value === "number" && Number.isInteger(value) && value >= least;
const word = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" || typeof value === "boolean" ? String(value) : "");

const PATH = "/dags/$dagId/runs/$runId/tasks/$taskId";

const taskSearch = (search: Record<string, unknown>): TaskSearch => ({
  index: count(search.index) ? search.index : undefined,
  try: count(search.try) ? search.try : undefined,
});

/** What a tab takes: the instance, which belongs to the head, and what is its own. */
const withTask = <T extends object>(read: (search: Record<string, unknown>) => T) =>
  only((search): TaskSearch & T => ({ ...taskSearch(search), ...read(search) }));

/** The head of a task instance and its tabs. It leaves every other word of the address to them. */
export const taskLayout = createRoute({
  getParentRoute: () => shell,
  path: PATH,
  validateSearch: taskSearch,
  component: lazyRouteComponent(() => import("./TaskLayout"), "TaskLayout"),
});

const log = createRoute({
  getParentRoute: () => taskLayout,
  path: "/",
  validateSearch: withTask((search): LogSettings => ({
    ...(word(search.q) ? { q: word(search.q) } : {}),
    ...(/^[EWID]{1,4}$/.test(word(search.levels)) ? { levels: word(search.levels) } : {}),
    ...(search.wrap === true ? { wrap: true } : {}),
    ...(search.time === "whole" || search.time === "none" ? { time: search.time } : {}),
  })),
  component: lazyRouteComponent(() => import("./LogPage"), "LogPage"),
});

const details = createRoute({ getParentRoute: () => taskLayout, path: "/details", component: lazyRouteComponent(() => import("./DetailsPage"), "DetailsPage") });
const rendered = createRoute({ getParentRoute: () => taskLayout, path: "/rendered", component: lazyRouteComponent(() => import("./RenderedPage"), "RenderedPage") });
const tries = createRoute({ getParentRoute: () => taskLayout, path: "/tries", component: lazyRouteComponent(() => import("./TriesPage"), "TriesPage") });
const xcom = createRoute({
  getParentRoute: () => taskLayout,
  path: "/xcom",
  validateSearch: withTask((search): XComSearch => ({ ...(word(search.key) ? { key: word(search.key) } : {}) })),
  component: lazyRouteComponent(() => import("./XComPage"), "XComPage"),
});
const why = createRoute({ getParentRoute: () => taskLayout, path: "/why", component: lazyRouteComponent(() => import("./WhyPage"), "WhyPage") });
const mapped = createRoute({
  getParentRoute: () => taskLayout,
  path: "/mapped",
  validateSearch: withTask((search): MappedSearch => ({
    ...(word(search.state) ? { state: word(search.state) } : {}),
    ...(word(search.q) ? { q: word(search.q) } : {}),
    ...(count(search.page, 2) ? { page: search.page } : {}),
  })),
  component: lazyRouteComponent(() => import("./MappedPage"), "MappedPage"),
});
const events = createRoute({ getParentRoute: () => taskLayout, path: "/events", component: lazyRouteComponent(() => import("./EventsPage"), "EventsPage") });

/** Airflow's names of tabs, and ours. */
const TABS: Record<string, string> = {
  rendered_templates: "rendered", audit_log: "events", task_instances: "mapped", xcom: "xcom", details: "details", events: "events", logs: "",
};

const oldTabs = ["rendered_templates", "audit_log", "task_instances", "logs"].map((tab) =>
  createRoute({
    getParentRoute: () => shell,
    path: `${PATH}/${tab}`,
    validateSearch: (search: Record<string, unknown>) => search,
    beforeLoad: ({ params, search }) => { throw redirect({ to: `${PATH}/${TABS[tab] ?? ""}`, params, search: numbered(search), replace: true } as never); },
  }),
);

/** …/mapped/3 and its tabs. */
const oldMapped = ["", "/$tab"].map((rest) =>
  createRoute({
    getParentRoute: () => shell,
    path: `${PATH}/mapped/$index${rest}`,
    validateSearch: (search: Record<string, unknown>) => search,
    beforeLoad: ({ params, search }) => {
      const { index, tab = "", ...named } = params as unknown as { index: string; tab?: string };
      throw redirect({ to: `${PATH}/${TABS[tab] ?? ""}`, params: named, search: { ...numbered(search), index: Number(index) || 0 }, replace: true } as never);
    },
  }),
);

/** Airflow 2's /log?dag_id=…&task_id=…&execution_date=…, and the pages beside it. */
const oldPages = Object.entries({ log: "", task: "details", rendered: "rendered", "rendered-templates": "rendered", xcom: "xcom" }).map(([page, tab]) =>
  createRoute({
    getParentRoute: () => shell,
    path: `/${page}`,
    validateSearch: (search: Record<string, unknown>) => search,
    beforeLoad: async ({ search }) => {
      const [dagId, taskId] = [word(search.dag_id), word(search.task_id)];
      const runId = dagId && (word(search.dag_run_id) || word(search.run_id) || (await runAt(dagId, word(search.execution_date))));
      if (!dagId || !taskId || !runId) throw redirect({ to: dagId ? "/dags/$dagId" : "/dags", params: { dagId }, replace: true } as never);
      throw redirect({ to: `${PATH}/${tab}`, params: { dagId, runId, taskId }, search: numbered(search), replace: true } as never);
    },
  }),
);

/** Which instance and try an address of Airflow's names. */
export const numbered = (search: Record<string, unknown>): TaskSearch => {
  const [index, tries] = [Number(search.map_index ?? -1), Number(search.try_number)];
  return { ...(count(index) ? { index } : {}), ...(count(tries, 1) ? { try: tries } : {}) };
};

/**
 * Where Airflow 2's /dags/x/grid?dag_run_id=…&task_id=…&map_index=…&tab=logs leads: to the task, where it names one and
 * a tab of its own; null where it does not.
 */
export const gridMoved = (dagId: string, search: Record<string, unknown>): { to: string; params: object; search: TaskSearch } | null => {
  const [runId, taskId, tab] = [word(search.dag_run_id), word(search.task_id), word(search.tab)];
  if (!runId || !taskId || !(tab in TABS)) return null;
  return { to: `${PATH}/${TABS[tab] ?? ""}`, params: { dagId, runId, taskId }, search: numbered(search) };
};

export const taskRoutes = [
  taskLayout.addChildren([log, why, details, rendered, xcom, tries, mapped, events]), ...oldTabs, ...oldMapped, ...oldPages,
] as const;
