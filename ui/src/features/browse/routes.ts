import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";
import { PLACE_KEYS, RUN_KEYS, TASK_KEYS, XCOM_KEYS } from "./search";

export const browseRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/runs",
    validateSearch: (search: Record<string, unknown>) => picked(search, [...RUN_KEYS, ...PLACE_KEYS]),
    component: lazyRouteComponent(() => import("./RunsPage"), "RunsPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/tasks",
    validateSearch: (search: Record<string, unknown>) => picked(search, [...TASK_KEYS, ...PLACE_KEYS]),
    component: lazyRouteComponent(() => import("./TasksPage"), "TasksPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/xcoms",
    validateSearch: (search: Record<string, unknown>) => picked(search, [...XCOM_KEYS, ...PLACE_KEYS]),
    component: lazyRouteComponent(() => import("./XComsPage"), "XComsPage"),
  }),
] as const;
