import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const variablesRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/variables",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "sort", "from"]),
    component: lazyRouteComponent(() => import("./VariablesPage"), "VariablesPage"),
  }),
] as const;
