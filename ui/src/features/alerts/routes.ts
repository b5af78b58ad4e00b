import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";
import { ALERT_KEYS } from "./search";

export const alertsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/alerts",
    validateSearch: words(...ALERT_KEYS, "after", "open"),
    component: lazyRouteComponent(() => import("./AlertsPage"), "AlertsPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/alerts/rules",
    validateSearch: words(),
    component: lazyRouteComponent(() => import("./RulesPage"), "RulesPage"),
  }),
] as const;
