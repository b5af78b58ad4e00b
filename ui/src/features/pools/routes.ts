import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const poolsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/pools",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "sort", "from"]),
    component: lazyRouteComponent(() => import("./PoolsPage"), "PoolsPage"),
  }),
] as const;
