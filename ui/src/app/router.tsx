/** Every page and its address. What a reader has set on a page is in its address, so that any view can be linked. */
import { createRoute, createRouter, redirect } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { dagRoutes } from "../features/dag/routes";
import { dagsRoutes } from "../features/dags/routes";
import { loginRoutes } from "../features/login/routes";
import { taskRoutes } from "../features/task/routes";
import { root, shell } from "./root";

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => { throw redirect({ to: "/dags" }); },
});

export const router = createRouter({
  routeTree: root.addChildren([...loginRoutes, shell.addChildren([home, ...dagsRoutes, ...dagRoutes, ...taskRoutes])]),
  basepath: BASE || "/",
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
