import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";

export const workersRoutes = [
  createRoute({ getParentRoute: () => shell, path: "/workers", component: lazyRouteComponent(() => import("./WorkersPage"), "WorkersPage") }),
] as const;
