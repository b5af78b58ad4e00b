import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { shell } from "../../app/root";
import { words } from "../../lib/search";
import { AUDIT_KEYS } from "./search";

export const auditRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/audit",
    validateSearch: words(...AUDIT_KEYS, "sort", "from", "open"),
    component: lazyRouteComponent(() => import("./AuditPage"), "AuditPage"),
  }),
] as const;
