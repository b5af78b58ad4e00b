import { useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError, send } from "../../api/client";
import type { Call } from "../../lib/acts";
import { newKey } from "../../lib/keys";
import type { Say } from "../../i18n/texts";

/** Whatever shows runs and tasks is asked for again. */
export const useLookAgain = (): (() => void) => {
  const queries = useQueryClient();
  return useCallback(() => {
    for (const name of ["run", "why", "grid", "dag", "task", "dags", "runs", "home"]) void queries.invalidateQueries({ queryKey: [name] });
  }, [queries]);
};

/** A request that outlives its page may have 64 KB. */
const MOST_BYTES = 60_000;
export const isLarge = (calls: readonly Call[]): boolean =>
  calls.some((call) => new TextEncoder().encode(JSON.stringify(call.body)).length > MOST_BYTES) || calls.length > 20;

/** Sends calls one after the other, each once however often it is sent; says how many were done when one is refused. */
export const sender = (calls: readonly Call[], t: Say<"act.partly">): ((leaving: boolean) => Promise<void>) => {
  const keys = calls.map(() => newKey());
  return async (leaving) => {
    const one = (call: Call, n: number): Promise<unknown> =>
      send(call.method, call.path, call.method === "DELETE" ? undefined : call.body, { key: keys[n] ?? newKey(), keepalive: leaving });
    if (leaving) {
      await Promise.all(calls.map(one));
      return;
    }
    for (const [n, call] of calls.entries()) {
      try {
        await one(call, n);
      } catch (error) {
        if (!(error instanceof Error) || calls.length === 1) throw error;
        const status = error instanceof ApiError ? error.status : 0;
        throw new ApiError(status, t("act.partly", { done: n, count: calls.length, problem: error.message }));
      }
    }
  };
};
