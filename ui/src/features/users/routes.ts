import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";

export const usersRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/users",
    validateSearch: words("q", "sort", "from"),
    component: lazyRouteComponent(() => import("./UsersPage"), "UsersPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/roles",
    validateSearch: words("role"),
    component: lazyRouteComponent(() => import("./RolesPage"), "RolesPage"),
  }),
] as const;
