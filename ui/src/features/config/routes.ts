import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const configRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/config",
    validateSearch: words("q", "show"),
    component: lazyRouteComponent(() => import("./ConfigPage"), "ConfigPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/plugins",
    validateSearch: words("open"),
    component: lazyRouteComponent(() => import("./PluginsPage"), "PluginsPage"),
  }),
] as const;
