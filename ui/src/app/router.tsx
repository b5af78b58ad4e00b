/** Every page and its address. What a reader has set on a page is in its address, so that any view can be linked. */
import { createRouter } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { assetsRoutes } from "../features/assets/routes";
import { dagRoutes } from "../features/dag/routes";
import { dagsRoutes } from "../features/dags/routes";
import { homeRoutes } from "../features/home/routes";
import { inboxRoutes } from "../features/inbox/routes";
import { loginRoutes } from "../features/login/routes";
import { schedulerRoutes } from "../features/scheduler/routes";
import { workersRoutes } from "../features/workers/routes";
import { root, shell } from "./root";

export const router = createRouter({
  routeTree: root.addChildren([...loginRoutes, shell.addChildren([...homeRoutes, ...dagsRoutes, ...dagRoutes, ...assetsRoutes, ...inboxRoutes, ...schedulerRoutes, ...workersRoutes])]),
  basepath: BASE || "/",
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
