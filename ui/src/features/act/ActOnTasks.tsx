import type { Act } from "./useActs";
import { PlanDialog } from "./PlanDialog";
import { DeleteRun, MarkRun, NoteDialog } from "./RunDialogs";
import "./act.css";

/** The dialog of an act. `close` is called when it was answered or put away. */
export const ActOnTasks = ({ act, close }: { act: Act; close: () => void }) => {
  switch (act.kind) {
    case "clear":
    case "mark":
    case "clearRuns":
      return <PlanDialog act={act} close={close} />;
    case "markRun":
      return <MarkRun act={act} close={close} />;
    case "deleteRun":
      return <DeleteRun act={act} close={close} />;
    case "note":
      return <NoteDialog act={act} close={close} />;
  }
};
