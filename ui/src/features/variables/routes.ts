import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const variablesRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/variables",
    validateSearch: words("q", "sort", "from"),
    component: lazyRouteComponent(() => import("./VariablesPage"), "VariablesPage"),
  }),
] as const;
