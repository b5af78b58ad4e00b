import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";

export const usersRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/users",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["q", "sort", "from"]),
    component: lazyRouteComponent(() => import("./UsersPage"), "UsersPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/roles",
    validateSearch: (search: Record<string, unknown>) => picked(search, ["role"]),
    component: lazyRouteComponent(() => import("./RolesPage"), "RolesPage"),
  }),
] as const;
