import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";
import { picked } from "../../lib/address";

export const usersRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/users",
    validateSearch: only((search) => picked(search, ["q", "sort", "from"])),
    component: lazyRouteComponent(() => import("./UsersPage"), "UsersPage"),
  }),
  createRoute({
    getParentRoute: () => shell,
    path: "/roles",
    validateSearch: only((search) => picked(search, ["role"])),
    component: lazyRouteComponent(() => import("./RolesPage"), "RolesPage"),
  }),
] as const;
