import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const connectionsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/connections",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "sort", "from"]),
    component: lazyRouteComponent(() => import("./ConnectionsPage"), "ConnectionsPage"),
  }),
] as const;
