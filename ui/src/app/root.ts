/** What every route hangs on: the bare page, and the frame of those who are signed in. */
import { createRootRoute, createRoute, Outlet } from "@tanstack/react-router";
import { Missing } from "./Missing";
import { Shell } from "./Shell";

export const root = createRootRoute({ component: Outlet, notFoundComponent: Missing });
export const shell = createRoute({ getParentRoute: () => root, id: "shell", component: Shell });

/** An address without what is not said in it. */
export const said = <T extends object>(search: T): T =>
  Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined && value !== false && value !== "")) as T;
