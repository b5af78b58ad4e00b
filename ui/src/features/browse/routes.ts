import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";
import { PLACE_KEYS, RUN_KEYS, TASK_KEYS, XCOM_KEYS } from "./search";

export const browseRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/runs",
    validateSearch: words(...RUN_KEYS, ...PLACE_KEYS),
    component: lazyRouteComponent(() => import("./RunsPage"), "RunsPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/tasks",
    validateSearch: words(...TASK_KEYS, ...PLACE_KEYS),
    component: lazyRouteComponent(() => import("./TasksPage"), "TasksPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/xcoms",
    validateSearch: words(...XCOM_KEYS, ...PLACE_KEYS),
    component: lazyRouteComponent(() => import("./XComsPage"), "XComsPage"),
  }),
] as const;
