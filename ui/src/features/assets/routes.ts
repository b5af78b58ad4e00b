import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";

export interface AssetsSearch {
  q?: string;
  asset?: number;
}

export const assetsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/assets",
    validateSearch: only((search): AssetsSearch => ({
      ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
      ...(typeof search.asset === "number" && Number.isSafeInteger(search.asset) ? { asset: search.asset } : {}),
    })),
    component: lazyRouteComponent(() => import("./AssetsPage"), "AssetsPage"),
  }),
] as const;
