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

/** Why a login at the identity provider came back without a session. */
export const PROBLEMS = ["provider", "refused", "expired", "no_role", "taken", "away"] as const;
type Problem = (typeof PROBLEMS)[number];
const isProblem = (word: unknown): word is Problem => (PROBLEMS as readonly unknown[]).includes(word);

export const loginRoutes = [
  createRoute({
    getParentRoute: () => root,
    path: "/login",
    validateSearch: only((search): { next?: string; problem?: Problem } => ({
      ...(typeof search.next === "string" && isWithin(search.next) ? { next: search.next } : {}),
      ...(isProblem(search.problem) ? { problem: search.problem } : {}),
    })),
    component: lazyRouteComponent(() => import("./LoginPage"), "LoginPage"),
  }),
] as const;
