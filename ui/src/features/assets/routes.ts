import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { only } from "../../lib/search";

export interface AssetsSearch {
  q?: string;
  asset?: number;
  /** As a graph rather than a list. */
  graph?: boolean;
}

export const assetsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/assets",
    validateSearch: only((search): AssetsSearch => ({
      ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
      ...(typeof search.asset === "number" && Number.isSafeInteger(search.asset) ? { asset: search.asset } : {}),
      ...(search.graph === true ? { graph: true } : {}),
    })),
    component: lazyRouteComponent(() => import("./AssetsPage"), "AssetsPage"),
  }),
] as const;
