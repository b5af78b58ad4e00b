/** Every page and its address. What a reader has set on a page is in its address, so that any view can be linked. */
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { Shell } from "./Shell";
import { Missing } from "./Missing";

const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  validateSearch: (search: Record<string, unknown>): { next?: string } =>
    typeof search.next === "string" && isWithin(search.next) ? { next: search.next } : {},
  component: lazyRouteComponent(() => import("../features/login/LoginPage"), "LoginPage"),
});

const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => { throw redirect({ to: "/dags" }); },
});

export type DagSort = "attention" | "dag_id" | "next_run_after" | "-last_run";
const SORTS: readonly string[] = ["attention", "dag_id", "next_run_after", "-last_run"];
export type Show = "failing" | "running" | "late";

export interface DagsSearch {
  q?: string;
  show?: Show;
  sort?: DagSort;
  enabled?: boolean;
}

const dags = createRoute({
  getParentRoute: () => shell,
  path: "/dags",
  validateSearch: (search: Record<string, unknown>): DagsSearch => ({
    ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
    ...(search.show === "failing" || search.show === "running" || search.show === "late" ? { show: search.show } : {}),
    ...(SORTS.includes(String(search.sort)) && search.sort !== "attention" ? { sort: search.sort as DagSort } : {}),
    ...(search.enabled === true ? { enabled: true } : {}),
  }),
  component: lazyRouteComponent(() => import("../features/dags/DagsPage"), "DagsPage"),
});

export interface GridSearch {
  runs?: 25 | 100 | 365;
  failed?: boolean;
  table?: boolean;
  run?: string;
  task?: string;
  index?: number;
}

const dag = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId",
  validateSearch: (search: Record<string, unknown>): GridSearch => ({
    ...(search.runs === 25 || search.runs === 100 || search.runs === 365 ? { runs: search.runs } : {}),
    ...(search.failed === true ? { failed: true } : {}),
    ...(search.table === true ? { table: true } : {}),
    ...(typeof search.run === "string" ? { run: search.run } : {}),
    ...(typeof search.task === "string" ? { task: search.task } : {}),
    ...(typeof search.index === "number" && Number.isInteger(search.index) ? { index: search.index } : {}),
  }),
  component: lazyRouteComponent(() => import("../features/dag/DagPage"), "DagPage"),
});

/** Addresses of Airflow 2 and 3 lead to the same thing here. */
const airflowGrid = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/$view",
  beforeLoad: ({ params }) => { throw redirect({ to: "/dags/$dagId", params: { dagId: params.dagId } }); },
});

const airflowRun = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/runs/$runId",
  beforeLoad: ({ params }) => {
    throw redirect({ to: "/dags/$dagId", params: { dagId: params.dagId }, search: { run: params.runId } });
  },
});

const airflowTask = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/runs/$runId/tasks/$taskId",
  beforeLoad: ({ params }) => {
    throw redirect({
      to: "/dags/$dagId", params: { dagId: params.dagId }, search: { run: params.runId, task: params.taskId },
    });
  },
});

/** Whether a place to go on to after signing in lies in this application. */
export const isWithin = (place: string): boolean => {
  try {
    const url = new URL(place, location.href);
    return url.origin === location.origin && place.startsWith("/") && !/^\/[/\\]/.test(place);
  } catch {
    return false;
  }
};

export const router = createRouter({
  routeTree: root.addChildren([login, shell.addChildren([home, dags, dag, airflowGrid, airflowRun, airflowTask])]),
  basepath: BASE || "/",
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
