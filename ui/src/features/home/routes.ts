import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";

export type Hours = 6 | 24 | 168;

export interface HomeSearch {
  hours?: 6 | 168;
}

export const homeRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/",
    validateSearch: (search: Record<string, unknown>): HomeSearch => (search.hours === 6 || search.hours === 168 ? { hours: search.hours } : {}),
    component: lazyRouteComponent(() => import("./HomePage"), "HomePage"),
  }),
] as const;
