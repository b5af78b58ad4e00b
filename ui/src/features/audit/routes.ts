import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { picked } from "../../lib/address";
import { AUDIT_KEYS } from "./search";

export const auditRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/audit",
    validateSearch: (search: Record<string, unknown>) => picked(search, [...AUDIT_KEYS, "sort", "from", "open"]),
    component: lazyRouteComponent(() => import("./AuditPage"), "AuditPage"),
  }),
] as const;
