import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const errorsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/import-errors",
    validateSearch: words("q", "from", "open"),
    component: lazyRouteComponent(() => import("./ErrorsPage"), "ErrorsPage"),
  }),
] as const;
