import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { only } from "../../lib/search";

export type DagSort = "attention" | "dag_id" | "next_run_after" | "-last_run";
const SORTS: readonly string[] = ["attention", "dag_id", "next_run_after", "-last_run"];
export type Show = "failing" | "running" | "late";

export interface DagsSearch {
  q?: string;
  show?: Show;
  sort?: DagSort;
  enabled?: boolean;
  fav?: boolean;
  tags?: string[];
  owners?: string[];
}

const namesIn = (value: unknown): string[] => (Array.isArray(value) ? value.filter((each): each is string => typeof each === "string" && each !== "").slice(0, 20) : []);

export const dagsRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/dags",
    validateSearch: only((search): DagsSearch => ({
      ...(typeof search.q === "string" && search.q ? { q: search.q } : {}),
      ...(search.show === "failing" || search.show === "running" || search.show === "late" ? { show: search.show } : {}),
      ...(SORTS.includes(String(search.sort)) && search.sort !== "attention" ? { sort: search.sort as DagSort } : {}),
      ...(search.enabled === true ? { enabled: true } : {}),
      ...(search.fav === true ? { fav: true } : {}),
      ...(namesIn(search.tags).length ? { tags: namesIn(search.tags) } : {}),
      ...(namesIn(search.owners).length ? { owners: namesIn(search.owners) } : {}),
    })),
    component: lazyRouteComponent(() => import("./DagsPage"), "DagsPage"),
  }),
] as const;
