/** Every page and its address. What a reader has set on a page is in its address, so that any view can be linked. */
import { createRouter } from "@tanstack/react-router";
import { BASE } from "../api/client";
import { accountRoutes } from "../features/account/routes";
import { actRoutes } from "../features/act/routes";
import { alertsRoutes } from "../features/alerts/routes";
import { assetsRoutes } from "../features/assets/routes";
import { auditRoutes } from "../features/audit/routes";
import { browseRoutes } from "../features/browse/routes";
import { chartsRoutes } from "../features/charts/routes";
import { configRoutes } from "../features/config/routes";
import { connectionsRoutes } from "../features/connections/routes";
import { dagRoutes } from "../features/dag/routes";
import { dagsRoutes } from "../features/dags/routes";
import { errorsRoutes } from "../features/errors/routes";
import { homeRoutes } from "../features/home/routes";
import { inboxRoutes } from "../features/inbox/routes";
import { loginRoutes } from "../features/login/routes";
import { poolsRoutes } from "../features/pools/routes";
import { runRoutes } from "../features/run/routes";
import { schedulerRoutes } from "../features/scheduler/routes";
import { taskRoutes } from "../features/task/routes";
import { usersRoutes } from "../features/users/routes";
import { variablesRoutes } from "../features/variables/routes";
import { workersRoutes } from "../features/workers/routes";
import { root, shell } from "./root";

const pages = [
  ...accountRoutes,
  ...actRoutes,
  ...alertsRoutes,
  ...assetsRoutes,
  ...auditRoutes,
  ...browseRoutes,
  ...chartsRoutes,
  ...configRoutes,
  ...connectionsRoutes,
  ...dagRoutes,
  ...dagsRoutes,
  ...errorsRoutes,
  ...homeRoutes,
  ...inboxRoutes,
  ...poolsRoutes,
  ...runRoutes,
  ...schedulerRoutes,
  ...taskRoutes,
  ...usersRoutes,
  ...variablesRoutes,
  ...workersRoutes,
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
