/** A Dag's pages hang on its head and tabs; its grid is the first of them. */
import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";

export interface GridSearch {
  runs?: 25 | 100 | 365;
  failed?: boolean;
  table?: boolean;
  run?: string;
  task?: string;
  index?: number;
}

/** The head of a Dag and its tabs. */
export const dagLayout = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId",
  component: lazyRouteComponent(() => import("./DagLayout"), "DagLayout"),
});

const grid = createRoute({
  getParentRoute: () => dagLayout,
  path: "/",
  validateSearch: only((search): GridSearch => ({
    ...(search.runs === 25 || search.runs === 100 || search.runs === 365 ? { runs: search.runs } : {}),
    ...(search.failed === true ? { failed: true } : {}),
    ...(search.table === true ? { table: true } : {}),
    ...(typeof search.run === "string" ? { run: search.run } : {}),
    ...(typeof search.task === "string" ? { task: search.task } : {}),
    ...(typeof search.index === "number" && Number.isInteger(search.index) ? { index: search.index } : {}),
  })),
  component: lazyRouteComponent(() => import("./GridPage"), "GridPage"),
});

export const dagRoutes = [dagLayout.addChildren([grid])] as const;
