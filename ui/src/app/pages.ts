/** Which pages there are: what names one asks here first, so that no link leads nowhere. */
import type { AnyRouter } from "@tanstack/react-router";

export const isPage = (router: AnyRouter, to: string): boolean => to in (router.routesByPath as Record<string, unknown>);
