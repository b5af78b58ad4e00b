import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const errorsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/import-errors",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "from", "open"]),
    component: lazyRouteComponent(() => import("./ErrorsPage"), "ErrorsPage"),
  }),
] as const;
