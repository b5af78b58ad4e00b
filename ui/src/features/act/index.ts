/**
 * Acting on runs and tasks, for every page that offers it: `useActs()` and the `Act` that it opens; `usePlan(act)` for a
 * count on a button; `useRunNow()` for "Run now". Whatever can be taken back is held for 5 s (lib/held) and shown by the
 * frame of all pages, so that a page may go away meanwhile.
 */
export { type Act, rerunFailed, useActs } from "./useActs";
export { type Plan, usePlan } from "./usePlan";
export { type Aim, type MarkState, type Named, NO_REACH, type Reach, type RunMark, type RunName } from "../../lib/acts";
