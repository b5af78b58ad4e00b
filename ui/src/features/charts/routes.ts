import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { CHARTS, type ChartName, type Span, SPANS } from "./spans";

export interface ChartsSearch {
  /** Without one: 24 hours. */
  window?: Exclude<Span, "24h">;
  dag?: string;
  /** Charts that are shown as tables. */
  table?: ChartName[];
}

const validateSearch = (search: Record<string, unknown>): ChartsSearch => {
  const window = SPANS.find((span): span is Exclude<Span, "24h"> => span === search.window && span !== "24h");
  const tables = Array.isArray(search.table) ? CHARTS.filter((name) => (search.table as unknown[]).includes(name)) : [];
  return {
    ...(window && { window }),
    ...(typeof search.dag === "string" && search.dag && { dag: search.dag }),
    ...(tables.length > 0 && { table: tables }),
  };
};

export const chartsRoutes = [
  createRoute({ getParentRoute: () => shell, path: "/charts", validateSearch, component: lazyRouteComponent(() => import("./ChartsPage"), "ChartsPage") }),
] as const;
