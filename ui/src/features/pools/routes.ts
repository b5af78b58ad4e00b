import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";
import { picked } from "../../lib/address";

export const poolsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/pools",
    validateSearch: only((search) => picked(search, ["q", "sort", "from"])),
    component: lazyRouteComponent(() => import("./PoolsPage"), "PoolsPage"),
  }),
] as const;
