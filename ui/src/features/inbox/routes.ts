import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { only } from "../../lib/search";

export interface InboxSearch {
  q?: string;
  answered?: boolean;
  dag?: string;
}

export const inboxRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/inbox",
    validateSearch: only((search): InboxSearch => ({
      ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
      ...(search.answered === true ? { answered: true } : {}),
      ...(typeof search.dag === "string" && search.dag ? { dag: search.dag } : {}),
    })),
    component: lazyRouteComponent(() => import("./InboxPage"), "InboxPage"),
  }),
] as const;
