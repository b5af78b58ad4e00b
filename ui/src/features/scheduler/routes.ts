import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";

export const schedulerRoutes = [
  createRoute({ getParentRoute: () => shell, path: "/scheduler", component: lazyRouteComponent(() => import("./SchedulerPage"), "SchedulerPage") }),
] as const;
