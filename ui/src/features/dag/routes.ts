/** A Dag's pages hang on its head and tabs; its grid is the first of them. */
import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { Checked, only } from "../../lib/search";
import { gridMoved } from "../task/routes";

export interface GridSearch {
  runs?: 25 | 100 | 365;
  /** The number of a run: only those that stand before it. */
  before?: number;
  failed?: boolean;
  table?: boolean;
  run?: string;
  task?: string;
  index?: number;
  /** Groups that are closed. */
  closed?: string[];
}

export interface GraphSearch {
  /** Without one: the newest. */
  run?: string;
  task?: string;
  /** Groups that are closed; `true` for all. */
  closed?: string[] | true;
  dir?: "down" | "right";
  /** Only what is before and after the chosen task. */
  focus?: boolean;
  q?: string;
  table?: boolean;
  /** The number of a version to compare with. */
  against?: number;
}

export interface RunsSearch {
  state?: string[];
  type?: string[];
  /** Days in the reader's zone, both inclusive. */
  from?: string;
  to?: string;
  q?: string;
  sort?: string;
  page?: number;
}

export interface VersionsSearch {
  /** Numbers of the two versions that are compared. */
  old?: number;
  new?: number;
  /** Whole files rather than what is around changes. */
  whole?: boolean;
}

export interface CodeSearch {
  version?: number;
}

export interface DurationsSearch {
  runs?: number;
  table?: boolean;
}

export interface CalendarSearch {
  /** The last day that is shown; without it some weeks ahead. */
  until?: string;
  table?: boolean;
}

/** The head of a Dag and its tabs. */
export const dagLayout = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId",
  component: lazyRouteComponent(() => import("./DagLayout"), "DagLayout"),
});

const grid = createRoute({
  getParentRoute: () => dagLayout,
  path: "/",
  validateSearch: only((search): GridSearch => ({
    ...(search.runs === 25 || search.runs === 100 || search.runs === 365 ? { runs: search.runs } : {}),
    ...new Checked(search).whole("before"),
    ...(search.failed === true ? { failed: true } : {}),
    ...(search.table === true ? { table: true } : {}),
    ...(typeof search.run === "string" ? { run: search.run } : {}),
    ...(typeof search.task === "string" ? { task: search.task } : {}),
    ...(typeof search.index === "number" && Number.isInteger(search.index) ? { index: search.index } : {}),
    ...new Checked(search).texts("closed"),
  })),
  component: lazyRouteComponent(() => import("./GridPage"), "GridPage"),
});

const graph = createRoute({
  getParentRoute: () => dagLayout,
  path: "/graph",
  validateSearch: (search: Record<string, unknown>): GraphSearch => {
    const from = new Checked(search);
    return {
      ...from.text("run"), ...from.text("task"), ...from.flag("focus"), ...from.text("q"), ...from.flag("table"), ...from.whole("against"),
      ...from.oneOf("dir", ["down", "right"]), ...(search.closed === true ? { closed: true as const } : from.texts("closed")),
    };
  },
  component: lazyRouteComponent(() => import("./GraphPage"), "GraphPage"),
});

const runs = createRoute({
  getParentRoute: () => dagLayout,
  path: "/runs",
  validateSearch: (search: Record<string, unknown>): RunsSearch => {
    const from = new Checked(search);
    return { ...from.texts("state"), ...from.texts("type"), ...from.day("from"), ...from.day("to"), ...from.text("q"), ...from.text("sort"), ...from.whole("page") };
  },
  component: lazyRouteComponent(() => import("./RunsPage"), "RunsPage"),
});

const overview = createRoute({
  getParentRoute: () => dagLayout,
  path: "/overview",
  component: lazyRouteComponent(() => import("./OverviewPage"), "OverviewPage"),
});

const code = createRoute({
  getParentRoute: () => dagLayout,
  path: "/code",
  validateSearch: (search: Record<string, unknown>): CodeSearch => new Checked(search).whole("version"),
  component: lazyRouteComponent(() => import("./CodePage"), "CodePage"),
});

const versions = createRoute({
  getParentRoute: () => dagLayout,
  path: "/versions",
  validateSearch: (search: Record<string, unknown>): VersionsSearch => {
    const from = new Checked(search);
    return { ...from.whole("old"), ...from.whole("new"), ...from.flag("whole") };
  },
  component: lazyRouteComponent(() => import("./VersionsPage"), "VersionsPage"),
});

const backfills = createRoute({
  getParentRoute: () => dagLayout,
  path: "/backfills",
  component: lazyRouteComponent(() => import("./BackfillsPage"), "BackfillsPage"),
});

const durations = createRoute({
  getParentRoute: () => dagLayout,
  path: "/durations",
  validateSearch: (search: Record<string, unknown>): DurationsSearch => {
    const from = new Checked(search);
    return { ...(search.runs === 50 || search.runs === 1000 ? { runs: search.runs } : {}), ...from.flag("table") };
  },
  component: lazyRouteComponent(() => import("./DurationsPage"), "DurationsPage"),
});

const calendar = createRoute({
  getParentRoute: () => dagLayout,
  path: "/calendar",
  validateSearch: (search: Record<string, unknown>): CalendarSearch => {
    const from = new Checked(search);
    return { ...from.day("until"), ...from.flag("table") };
  },
  component: lazyRouteComponent(() => import("./CalendarPage"), "CalendarPage"),
});

const details = createRoute({
  getParentRoute: () => dagLayout,
  path: "/details",
  component: lazyRouteComponent(() => import("./DetailsPage"), "DetailsPage"),
});

/** Addresses that Airflow has for what is elsewhere here. What they say of run and task is kept. */
const MOVED = {
  grid: "/dags/$dagId", tree: "/dags/$dagId", dag_versions: "/dags/$dagId/versions", duration: "/dags/$dagId/durations",
  landing_times: "/dags/$dagId/durations", tries: "/dags/$dagId/durations", dag_details: "/dags/$dagId/details",
} as const;

const kept = (search: Record<string, unknown>): { run?: string; task?: string } => ({
  ...(typeof search.dag_run_id === "string" ? { run: search.dag_run_id } : {}),
  ...(typeof search.task_id === "string" ? { task: search.task_id } : {}),
});

const moved = Object.entries(MOVED).map(([path, to]) =>
  createRoute({
    getParentRoute: () => shell,
    path: `/dags/$dagId/${path}`,
    validateSearch: (search: Record<string, unknown>) => search,
    beforeLoad: ({ params, search }) => {
      const task = path === "grid" ? gridMoved(params.dagId, search) : null;
      if (task) throw redirect({ ...task, replace: true } as never);
      const tab = search.tab === "graph" ? "/dags/$dagId/graph" : search.tab === "code" ? "/dags/$dagId/code" : to;
      throw redirect({ to: tab, params, search: kept(search), replace: true } as never);
    },
  }),
);

/** Airflow 1 and 2 named the Dag in the query: `/graph?dag_id=x`. */
const OLD = ["grid", "graph", "tree", "calendar", "duration", "code", "dag_details"] as const;

const old = OLD.map((path) =>
  createRoute({
    getParentRoute: () => shell,
    path: `/${path}`,
    validateSearch: (search: Record<string, unknown>) => search,
    beforeLoad: ({ search }) => {
      const dagId = search.dag_id;
      if (typeof dagId !== "string" && typeof dagId !== "number") throw redirect({ to: "/dags", replace: true });
      throw redirect({ to: `/dags/$dagId/${path}`, params: { dagId: String(dagId) }, search: kept(search), replace: true } as never);
    },
  }),
);

export const dagRoutes = [dagLayout.addChildren([grid, graph, runs, overview, calendar, durations, code, versions, backfills, details]), ...moved, ...old] as const;
