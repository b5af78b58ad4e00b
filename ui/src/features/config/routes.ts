import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const configRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/config",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "show"]),
    component: lazyRouteComponent(() => import("./ConfigPage"), "ConfigPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/plugins",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["open"]),
    component: lazyRouteComponent(() => import("./PluginsPage"), "PluginsPage"),
  }),
] as const;
