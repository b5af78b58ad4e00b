import { createRoute, lazyRouteComponent } from "@tanstack/react-router";
import { only, shell } from "../../app/root";
import { picked } from "../../lib/address";
import { AUDIT_KEYS } from "./search";

export const auditRoutes = [
  createRoute({
    getParentRoute: () => shell,
    path: "/audit",
    validateSearch: only((search) => picked(search, [...AUDIT_KEYS, "sort", "from", "open"])),
    component: lazyRouteComponent(() => import("./AuditPage"), "AuditPage"),
  }),
] as const;
