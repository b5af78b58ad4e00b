import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const connectionsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/connections",
    validateSearch: words("q", "sort", "from"),
    component: lazyRouteComponent(() => import("./ConnectionsPage"), "ConnectionsPage"),
  }),
] as const;
