import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { root } from "../../app/root";
import { only } from "../../lib/search";

/** Whether a place to go on to after signing in lies in this application. */
export const isWithin = (place: string): boolean => {
  try {
    const url = new URL(place, location.href);
    return url.origin === location.origin && place.startsWith("/") && !/^\/[/\\]/.test(place);
  } catch {
    return false;
  }
};

export const loginRoutes = [
  createRoute({
    getParentRoute: () => root,
    path: "/login",
    validateSearch: only((search): { next?: string } => (typeof search.next === "string" && isWithin(search.next) ? { next: search.next } : {})),
    component: lazyRouteComponent(() => import("./LoginPage"), "LoginPage"),
  }),
] as const;
