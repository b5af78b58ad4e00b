/** Every page and its address. What a reader has set on a page is in its address, so that any view can be linked. */
import { createRoute, createRouter, redirect } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { accountRoutes } from "../features/account/routes";
import { auditRoutes } from "../features/audit/routes";
import { browseRoutes } from "../features/browse/routes";
import { configRoutes } from "../features/config/routes";
import { connectionsRoutes } from "../features/connections/routes";
import { dagRoutes } from "../features/dag/routes";
import { dagsRoutes } from "../features/dags/routes";
import { errorsRoutes } from "../features/errors/routes";
import { loginRoutes } from "../features/login/routes";
import { poolsRoutes } from "../features/pools/routes";
import { usersRoutes } from "../features/users/routes";
import { variablesRoutes } from "../features/variables/routes";
import { root, shell } from "./root";

const home = createRoute({
  getParentRoute: () => shell,
  path: "/",
  beforeLoad: () => { throw redirect({ to: "/dags" }); },
});

const pages = [
  home,
  ...accountRoutes,
  ...auditRoutes,
  ...browseRoutes,
  ...configRoutes,
  ...connectionsRoutes,
  ...dagRoutes,
  ...dagsRoutes,
  ...errorsRoutes,
  ...poolsRoutes,
  ...usersRoutes,
  ...variablesRoutes,
] as const;

export const router = createRouter({
  routeTree: root.addChildren([...loginRoutes, shell.addChildren(pages)]),
  basepath: BASE || "/",
  defaultPreload: "intent",
  scrollRestoration: true,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
