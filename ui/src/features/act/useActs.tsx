import { lazy, type ReactNode, Suspense, useState } from "react";
import type { Aim, MarkState, Named, Reach, RunMark, RunName } from "../../lib/acts";

/** What a page asks for: a dialog shows whom it reaches, and does it. */
export type Act =
  /** Run tasks of a run again, with what `reach` adds at first; the reader may change that. */
  | { kind: "clear"; aim: Aim; reach?: Partial<Reach> }
  /** Say how tasks of a run ended. */
  | { kind: "mark"; aim: Aim & { tasks: readonly Named[] }; state: MarkState; reach?: Partial<Reach> }
  /** Run several whole runs again, of any Dags. */
  | { kind: "clearRuns"; runs: readonly RunName[]; onlyFailed?: boolean }
  | ({ kind: "markRun"; state: RunMark } & RunName)
  | ({ kind: "deleteRun"; done?: () => void } & RunName)
  /** Write what people should know of a run, or of one of its tasks. */
  | ({ kind: "note"; task?: Named; note: string } & RunName);

const ActOnTasks = lazy(async () => ({ default: (await import("./ActOnTasks")).ActOnTasks }));

/**
 * The dialogs for acting on runs and tasks: `act` opens one, `dialog` belongs somewhere in the page. Their code is loaded
 * when one is opened.
 *
 *     const { act, dialog } = useActs();
 *     <button onClick={() => { act({ kind: "clear", aim: { dagId, runId, tasks: [{ taskId, index }] }, reach: { downstream: true } }); }}>…</button>
 *     {dialog}
 */
export const useActs = (): { act: (act: Act) => void; dialog: ReactNode } => {
  const [act, setAct] = useState<Act | null>(null);
  const dialog = act && <Suspense fallback={null}><ActOnTasks act={act} close={() => { setAct(null); }} /></Suspense>;
  return { act: setAct, dialog };
};

/** Run again what failed in a run, and all that follows from it. */
export const rerunFailed = (run: RunName): Act => ({ kind: "clear", aim: { ...run, tasks: "failed" }, reach: { downstream: true } });
