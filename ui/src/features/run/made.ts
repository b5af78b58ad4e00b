/** How a run came to be, in the reader's words; what is new to this page is said as the server names it. */
import type { Schemas } from "../../api/client";
import type { Say } from "../../i18n/texts";
import type { messages } from "./text";

type Made = Pick<Schemas["RunHead"], "user" | "triggered_by" | "run_type">;
type Words = Say<keyof (typeof messages)["en"]>;

const WAYS = new Set(["timetable", "backfill", "asset", "operator", "rest_api", "ui", "cli", "test"]);
const TYPES = new Set(["scheduled", "manual", "backfill", "asset_triggered", "asset_materialization"]);

export const typeText = (run: Made, t: Words): string => (TYPES.has(run.run_type) ? t(`run.type.${run.run_type as "manual"}`) : run.run_type);

/** Who asked for it, and in which way. */
export const byText = (run: Made, t: Words): string => {
  const way = WAYS.has(run.triggered_by) ? t(`run.by.${run.triggered_by as "ui"}`) : run.triggered_by;
  return run.user && run.user !== way ? t("run.byUser", { user: run.user, way }) : way;
};
