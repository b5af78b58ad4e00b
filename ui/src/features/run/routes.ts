/** A run's pages hang on its head and tabs. */
import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shell } from "../../app/root";
import type { Order } from "../../lib/gantt";
import { Checked, only } from "../../lib/search";

export const ZOOMS = [1, 2, 4, 8, 16, 32, 64] as const;

export interface GanttSearch {
  by?: Order;
  zoom?: number;
  /** Without the marks of the critical path. */
  plain?: boolean;
  table?: boolean;
}

export interface TasksSearch {
  state?: string;
  q?: string;
}

export interface GraphSearch {
  /** Groups that are closed. */
  closed?: string[];
}

export interface EventsSearch {
  page?: number;
}

const ganttSearch = (search: Record<string, unknown>): GanttSearch => ({
  ...(search.by === "start" ? { by: "start" as const } : {}),
  ...(typeof search.zoom === "number" && ZOOMS.includes(search.zoom as 1) && search.zoom > 1 ? { zoom: search.zoom } : {}),
  ...(search.plain === true ? { plain: true } : {}),
  ...(search.table === true ? { table: true } : {}),
});

const tasksSearch = (search: Record<string, unknown>): TasksSearch => ({
  ...(typeof search.state === "string" && search.state ? { state: search.state } : {}),
  ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
});

export const runLayout = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/runs/$runId",
  component: lazyRouteComponent(() => import("./RunLayout"), "RunLayout"),
});

/** Without a tab: the timeline, and on a narrow screen the list of tasks. */
const index = createRoute({
  getParentRoute: () => runLayout,
  path: "/",
  validateSearch: ganttSearch,
  component: lazyRouteComponent(() => import("./FirstPage"), "FirstPage"),
});

const tasks = createRoute({
  getParentRoute: () => runLayout,
  path: "/tasks",
  validateSearch: tasksSearch,
  component: lazyRouteComponent(() => import("./TasksPage"), "TasksPage"),
});

const gantt = createRoute({
  getParentRoute: () => runLayout,
  path: "/gantt",
  validateSearch: ganttSearch,
  component: lazyRouteComponent(() => import("./GanttPage"), "GanttPage"),
});

const conf = createRoute({ getParentRoute: () => runLayout, path: "/conf", component: lazyRouteComponent(() => import("./ConfPage"), "ConfPage") });

const events = createRoute({
  getParentRoute: () => runLayout,
  path: "/events",
  validateSearch: (search: Record<string, unknown>): EventsSearch => (typeof search.page === "number" && search.page > 1 && Number.isInteger(search.page) ? { page: search.page } : {}),
  component: lazyRouteComponent(() => import("./EventsPage"), "EventsPage"),
});

const graph = createRoute({
  getParentRoute: () => runLayout,
  path: "/graph",
  validateSearch: only((search): GraphSearch => new Checked(search).texts("closed")),
  component: lazyRouteComponent(() => import("./GraphPage"), "GraphPage"),
});

/** Airflow's addresses of the same views. */
const details = createRoute({
  getParentRoute: () => runLayout,
  path: "/details",
  beforeLoad: ({ params }) => { throw redirect({ to: "/dags/$dagId/runs/$runId/conf", params, replace: true }); },
});
const code = createRoute({ getParentRoute: () => runLayout, path: "/code", component: lazyRouteComponent(() => import("./CodePage"), "CodePage") });

export const runRoutes = [runLayout.addChildren([index, tasks, gantt, graph, conf, events, details, code])] as const;
