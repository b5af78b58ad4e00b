import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const poolsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/pools",
    validateSearch: words("q", "sort", "from"),
    component: lazyRouteComponent(() => import("./PoolsPage"), "PoolsPage"),
  }),
] as const;
