/** Running a Dag has an address, with the values in it: a form that is filled in can be linked. */
import { createRoute, lazyRouteComponent, redirect } from "@tanstack/react-router";
import { shell } from "../../app/root";

export interface TriggerSearch {
  /** JSON, or in an address written by hand anything that is one. */
  conf?: string;
  run_id?: string;
  logical_date?: string;
  note?: string;
}

const text = (value: unknown): string | undefined =>
  typeof value === "string" ? value : value === undefined || value === null ? undefined : JSON.stringify(value);

const searchOf = (search: Record<string, unknown>): TriggerSearch => {
  const names = ["conf", "run_id", "logical_date", "note"] as const;
  return Object.fromEntries(names.flatMap((name) => { const value = text(search[name]); return value ? [[name, value]] : []; }));
};

const trigger = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/trigger",
  validateSearch: searchOf,
  component: lazyRouteComponent(() => import("./TriggerPage"), "TriggerPage"),
});

/** The same by Airflow's address. */
const single = createRoute({
  getParentRoute: () => shell,
  path: "/dags/$dagId/trigger/$mode",
  validateSearch: searchOf,
  beforeLoad: ({ params, search }) => { throw redirect({ to: "/dags/$dagId/trigger", params: { dagId: params.dagId }, search, replace: true }); },
});

export const actRoutes = [trigger, single] as const;
