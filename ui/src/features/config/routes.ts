import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";
import { picked } from "../../lib/address";

export const configRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/config",
    validateSearch: only((search) => picked(search, ["q", "show"])),
    component: lazyRouteComponent(() => import("./ConfigPage"), "ConfigPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/plugins",
    validateSearch: only((search) => picked(search, ["open"])),
    component: lazyRouteComponent(() => import("./PluginsPage"), "PluginsPage"),
  }),
] as const;
