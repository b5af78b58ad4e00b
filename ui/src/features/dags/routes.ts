import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";

export type DagSort = "attention" | "dag_id" | "next_run_after" | "-last_run";
const SORTS: readonly string[] = ["attention", "dag_id", "next_run_after", "-last_run"];
export type Show = "failing" | "running" | "late";

export interface DagsSearch {
  q?: string;
  show?: Show;
  sort?: DagSort;
  enabled?: boolean;
}

export const dagsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/dags",
    validateSearch: only((search): DagsSearch => ({
      ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
      ...(search.show === "failing" || search.show === "running" || search.show === "late" ? { show: search.show } : {}),
      ...(SORTS.includes(String(search.sort)) && search.sort !== "attention" ? { sort: search.sort as DagSort } : {}),
      ...(search.enabled === true ? { enabled: true } : {}),
    })),
    component: lazyRouteComponent(() => import("./DagsPage"), "DagsPage"),
  }),
] as const;
