import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";
import { picked } from "../../lib/address";

export const errorsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/import-errors",
    validateSearch: only((search) => picked(search, ["q", "from", "open"])),
    component: lazyRouteComponent(() => import("./ErrorsPage"), "ErrorsPage"),
  }),
] as const;
