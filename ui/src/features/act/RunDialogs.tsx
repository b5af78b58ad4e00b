import { useMutation, useQuery } from "@tanstack/react-query";
import { useId, useState } from "react";
import { answered, send, server } from "../../api/client";
import { useTexts } from "../../app/settings";
import { type Call, runPath, taskPath } from "../../lib/acts";
import { isFinished, stateOf } from "../../lib/states";
import { Dialog } from "../../parts/Dialog";
import { heldCommands } from "../../parts/HeldToasts";
import { Refusal } from "../../parts/Refusal";
import { StateGlyph } from "../../parts/StateGlyph";
import type { Act } from "./useActs";
import { messages } from "./text";
import { sender, useLookAgain } from "./useSending";

interface Props<K extends Act["kind"]> {
  act: Extract<Act, { kind: K }>;
  close: () => void;
}

const useRunHead = (dagId: string, runId: string) =>
  useQuery({
    queryKey: ["run", dagId, runId],
    queryFn: () => answered(server.GET("/ui/dags/{dag_id}/run", { params: { path: { dag_id: dagId }, query: { run_id: runId } } })),
  });

const under = (dagId: string, runId: string) => <><span className="id">{dagId}</span> · <span className="id">{runId}</span></>;

/** How many task instances a mark of the whole run changes. */
const reachOf = (states: Readonly<Record<string, number>>, mark: "success" | "failed" | "queued"): number => {
  if (mark === "queued") return 0;
  return Object.entries(states).reduce((sum, [state, count]) => (mark === "success" ? state !== "success" : !isFinished(stateOf(state))) ? sum + count : sum, 0);
};

/** Say how a run has ended, or have it looked at again. */
export const MarkRun = ({ act, close }: Props<"markRun">) => {
  const t = useTexts(messages);
  const lookAgain = useLookAgain();
  const { data } = useRunHead(act.dagId, act.runId);
  const state = t(`state.${act.state}`);
  const submit = (): void => {
    const call: Call = { method: "PATCH", path: runPath(act.dagId, act.runId), body: { state: act.state } };
    heldCommands.hold({ title: t("act.held.markRun", { state }), detail: `${act.dagId} · ${act.runId}`, send: sender([call], t), after: lookAgain });
    close();
  };
  return (
    <Dialog title={t("act.markRun", { state })} note={under(act.dagId, act.runId)} close={close} submit={submit}
      footer={
        <>
          <span className="small dim">{t("act.undo")}</span>
          <button type="button" className="btn push" onClick={close}>{t("cancel")}</button>
          <button type="submit" className="btn primary" data-first>{t("act.do.markRun")} <kbd aria-hidden="true">↵</kbd></button>
        </>
      }>
      <p className="row"><StateGlyph state={stateOf(data?.state)} /><span className="dim" aria-hidden="true">→</span><StateGlyph state={act.state} /><span>{t(`act.markRun.${act.state}`)}</span></p>
      {data && act.state !== "queued" && <p className="mute small gap">{t("act.markRun.reaches", { count: reachOf(data.states, act.state) })}</p>}
    </Dialog>
  );
};

/** Delete a run that is over, with all that its tasks left. */
export const DeleteRun = ({ act, close }: Props<"deleteRun">) => {
  const t = useTexts(messages);
  const lookAgain = useLookAgain();
  const { data } = useRunHead(act.dagId, act.runId);
  const count = Object.values(data?.states ?? {}).reduce((sum, each) => sum + each, 0);
  const isOver = data !== undefined && isFinished(stateOf(data.state));
  const submit = (): void => {
    if (!isOver) return;
    const call: Call = { method: "DELETE", path: runPath(act.dagId, act.runId), body: null };
    heldCommands.hold({ title: t("act.held.delete"), detail: `${act.dagId} · ${act.runId}`, send: sender([call], t), after: lookAgain });
    close();
    act.done?.();
  };
  return (
    <Dialog title={t("act.deleteRun")} note={under(act.dagId, act.runId)} close={close} submit={submit}
      footer={
        <>
          <span className="small dim">{t("act.undo")}</span>
          <button type="button" className="btn push" onClick={close} data-first>{t("cancel")}</button>
          <button type="submit" className="btn danger" aria-disabled={!isOver}>{t("act.do.delete", { count })}</button>
        </>
      }>
      <p>{data && !isOver ? t("act.delete.open") : t("act.delete.words")}</p>
    </Dialog>
  );
};

/** Write what people should know of a run or a task. Nothing is decided by it, so it is saved at once. */
export const NoteDialog = ({ act, close }: Props<"note">) => {
  const t = useTexts(messages);
  const lookAgain = useLookAgain();
  const [note, setNote] = useState(act.note);
  const id = useId();
  const save = useMutation({
    mutationFn: () => send("PATCH", act.task ? taskPath(act.dagId, act.runId, act.task) : runPath(act.dagId, act.runId), { note }),
    onSuccess: () => {
      lookAgain();
      close();
    },
  });
  return (
    <Dialog title={act.task ? t("act.noteTask") : t("act.noteRun")} note={under(act.dagId, act.task ? `${act.runId} · ${act.task.taskId}` : act.runId)} close={close} submit={() => { save.mutate(); }}
      footer={
        <>
          <Refusal error={save.error} inline />
          <button type="button" className="btn push" onClick={close}>{t("cancel")}</button>
          <button type="submit" className="btn primary" disabled={save.isPending}>{t("act.do.save")}</button>
        </>
      }>
      <div className="field">
        <label htmlFor={id} className="sr">{t("act.note")}</label>
        <textarea id={id} className="input" rows={6} maxLength={1000} value={note} data-first onChange={(event) => { setNote(event.target.value); }}
          onKeyDown={(event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save.mutate(); }} />
        <span className="hint">{t("act.noteHint")}</span>
      </div>
    </Dialog>
  );
};
