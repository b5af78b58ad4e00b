import { type ReactNode, useId, useState } from "react";
import { useTexts } from "../../app/settings";
import { type Call, type MarkState, NO_REACH, planTable, type Planned, type Reach, type RunName, workOf } from "../../lib/acts";
import { refusalText } from "../../lib/refusals";
import { duration } from "../../lib/time";
import { Dialog } from "../../parts/Dialog";
import { heldCommands } from "../../parts/HeldToasts";
import { StateGlyph } from "../../parts/StateGlyph";
import type { Act } from "./useActs";
import { messages } from "./text";
import { isStill, type Plannable, usePlan } from "./usePlan";
import { isLarge, sender, useLookAgain } from "./useSending";

type PlanAct = Extract<Act, { kind: "clear" | "mark" | "clearRuns" }>;

interface Choices {
  reach: Reach;
  newest: boolean | null;
  note: string;
}

const wishOf = (act: PlanAct, { reach, newest, note }: Choices): Plannable => {
  switch (act.kind) {
    case "clear": return { kind: "clear", aim: act.aim, reach, newest, note };
    case "mark": return { kind: "mark", aim: act.aim, state: act.state, reach, note };
    case "clearRuns": return { kind: "clearRuns", runs: act.runs, onlyFailed: reach.onlyFailed, newest, note };
  }
};

const firstReach = (act: PlanAct): Reach =>
  act.kind === "clearRuns" ? { ...NO_REACH, onlyFailed: act.onlyFailed ?? false } : { ...NO_REACH, ...act.reach };

/**
 * Run again, or mark: which task instances that are is the server's plan, by the same function that carries it out. What is
 * done is what was shown: before it is sent the plan is asked for once more, and nothing is sent when it is another.
 */
export const PlanDialog = ({ act, close }: { act: PlanAct; close: () => void }) => {
  const t = useTexts(messages);
  const lookAgain = useLookAgain();
  const [choices, setChoices] = useState<Choices>({ reach: firstReach(act), newest: null, note: "" });
  const wish = wishOf(act, choices);
  const { data: plan, error, isPlaceholderData, isFetching } = usePlan(wish);
  const isReady = plan !== undefined && !error && !isPlaceholderData && !isFetching && plan.instances.length > 0;
  const count = plan?.instances.length ?? 0;
  const state = act.kind === "mark" ? t(`state.${act.state}`) : "";
  const submit = (): void => {
    if (!isReady) return;
    const { instances, calls } = plan;
    const sendAll = sender(withNote(calls, choices.note), t);
    heldCommands.hold(
      {
        title: act.kind === "mark" ? t("act.held.mark", { count, state }) : t("act.held.clear", { count }),
        detail: act.kind === "clearRuns" ? runsText(act.runs) : `${act.aim.dagId} · ${act.aim.runId}`,
        send: async (leaving) => {
          const now = leaving ? { same: true, count } : await isStill(wish, instances);
          if (!now.same) throw new Error(t("act.changed", { before: count, after: now.count }));
          await sendAll(leaving);
        },
        after: lookAgain,
      },
      ...(isLarge(calls) ? [0] : []),
    );
    close();
  };
  const set = (change: Partial<Reach>): void => { setChoices({ ...choices, reach: { ...choices.reach, ...change } }); };
  return (
    <Dialog
      title={titleOf(act, t, state)}
      note={act.kind === "clearRuns" ? runsText(act.runs) : <><span className="id">{act.aim.dagId}</span> · {t("act.ofRun", { run: act.aim.runId })}</>}
      close={close}
      submit={submit}
      footer={
        <>
          <span className="small dim">{plan && isLarge(plan.calls) ? t("act.large") : t("act.undo")}</span>
          <button type="button" className="btn push" onClick={close}>{t("cancel")}</button>
          {/* Not disabled while the plan is on its way, so that focus stays here and Enter answers it. */}
          <button type="submit" className="btn primary" aria-disabled={!isReady} data-first>
            {act.kind === "mark" ? t("act.do.mark", { count }) : t("act.do.clear", { count })} <kbd aria-hidden="true">↵</kbd>
          </button>
        </>
      }
    >
      <div className="actform">
        <Sum plan={plan?.instances} error={error} isBusy={isFetching} withWork={act.kind !== "mark"} />
        <Toggles act={act} choices={choices} set={set} setNewest={(newest) => { setChoices({ ...choices, newest }); }} />
        {plan && plan.instances.length > 0 && <PlanView plan={plan.instances} isMark={act.kind === "mark" ? act.state : null} dagId={act.kind === "clearRuns" ? "" : act.aim.dagId} />}
        <Note note={choices.note} onChange={(note) => { setChoices({ ...choices, note }); }} />
      </div>
    </Dialog>
  );
};

/** The plan was asked for without the note, which changes nothing about whom it reaches. */
const withNote = (calls: readonly Call[], note: string): Call[] =>
  calls.map((call) => ({ ...call, body: note ? { ...(call.body as object), note } : call.body }));

const runsText = (runs: readonly RunName[]): string => {
  const named = runs.slice(0, 2).map((run) => `${run.dagId} ${run.runId}`).join(", ");
  return runs.length > 2 ? `${named} +${String(runs.length - 2)}` : named;
};

const titleOf = (act: PlanAct, t: ReturnType<typeof useTexts<keyof (typeof messages)["en"]>>, state: string): string => {
  if (act.kind === "mark") return t("act.mark", { state });
  if (act.kind === "clearRuns") return t("act.clearRuns", { count: act.runs.length });
  return act.aim.tasks === "failed" ? t("act.clearFailed") : act.aim.tasks === "all" ? t("act.clearAll") : t("act.clear");
};

const Sum = ({ plan, error, isBusy, withWork }: { plan: Planned[] | undefined; error: Error | null; isBusy: boolean; withWork: boolean }) => {
  const t = useTexts(messages);
  if (error && !isBusy) return <p className="why small" data-s="failed" role="alert">{refusalText(error, t)}</p>;
  if (!plan) return <p className="sum small dim">{t("act.planning")}</p>;
  if (!plan.length) return <p className="sum small mute" role="status">{isBusy ? t("act.planning") : t("act.nothing")}</p>;
  const runs = new Set(plan.map((each) => `${each.dag_id}\0${each.dag_run_id}`)).size;
  const work = workOf(plan);
  return (
    <p className="sum" role="status">
      <span><b>{plan.length}</b>{t("act.tasks", { count: plan.length })}</span>
      <span><b>{runs}</b>{t("act.runs", { count: runs })}</span>
      {withWork && work > 0 && <span><b>{duration(work)}</b>{t("act.work")}</span>}
    </p>
  );
};

const CLEARS = ["onlyFailed", "downstream", "upstream", "past", "future"] as const;
const MARKS = ["downstream", "upstream", "past", "future"] as const;
const RUNS = ["onlyFailed"] as const;

interface TogglesProps {
  act: PlanAct;
  choices: Choices;
  set: (change: Partial<Reach>) => void;
  setNewest: (newest: boolean | null) => void;
}

const Toggles = ({ act, choices, set, setNewest }: TogglesProps) => {
  const t = useTexts(messages);
  const names = act.kind === "clear" ? CLEARS : act.kind === "mark" ? MARKS : RUNS;
  return (
    <div className="row wrap">
      {names.map((name) => (
        <button key={name} type="button" className="chip" aria-pressed={choices.reach[name]} onClick={() => { set({ [name]: !choices.reach[name] }); }}>{t(`act.${name}`)}</button>
      ))}
      {act.kind !== "mark" && (
        <label className="chip push">
          {t("act.version")}
          <select value={choices.newest === null ? "same" : choices.newest ? "newest" : "own"} onChange={(event) => { setNewest({ same: null, newest: true, own: false }[event.target.value] ?? null); }}>
            {(["same", "newest", "own"] as const).map((each) => <option key={each} value={each}>{t(`act.version.${each}`)}</option>)}
          </select>
        </label>
      )}
    </div>
  );
};

const MOST_COLUMNS = 3;
const MOST_ROWS = 200;

/** The plan itself: tasks down, runs across, what each is now and what it becomes. */
const PlanView = ({ plan, isMark, dagId }: { plan: readonly Planned[]; isMark: MarkState | null; dagId: string }) => {
  const t = useTexts(messages);
  const { runs, rows } = planTable(plan);
  const becomes = isMark ?? "scheduled";
  const columns = runs.slice(0, MOST_COLUMNS);
  const hidden = runs.length - columns.length;
  const cell = (content: ReactNode, key: string): ReactNode => <td key={key}>{content}</td>;
  return (
    <div className="ptree" tabIndex={0} role="region" aria-label={t("act.task")}>
      <table className="dense">
        <thead>
          <tr>
            <th scope="col">{t("act.task")}</th>
            {columns.map((run) => <th key={`${run.dagId} ${run.runId}`} scope="col"><span className="cut runname" title={`${run.dagId} ${run.runId}`}>{run.dagId === dagId || !dagId ? run.runId : `${run.dagId} ${run.runId}`}</span></th>)}
            {hidden > 0 && <th scope="col">{t("act.moreRuns", { count: hidden })}</th>}
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row) => (
            <tr key={`${row.dagId} ${row.taskId}`}>
              <th scope="row"><span className="id">{row.taskId}</span>{row.dagId !== dagId && <span className="dim"> {t("act.otherDag", { dag: row.dagId })}</span>}</th>
              {columns.map((_, n) => {
                const found = row.cells[n];
                return cell(found ? <span className="state"><StateGlyph state={found.state} /><span className="to" aria-hidden="true">→</span><StateGlyph state={becomes} />{found.count > 1 && <span className="dim">×{found.count}</span>}</span> : <span className="dim">–</span>, String(n));
              })}
              {hidden > 0 && cell(row.cells.slice(MOST_COLUMNS).reduce((sum, found) => sum + (found?.count ?? 0), 0), "more")}
            </tr>
          ))}
        </tbody>
      </table>
      {rows.length > MOST_ROWS && <p className="small dim pad">{t("act.moreTasks", { count: rows.length - MOST_ROWS })}</p>}
    </div>
  );
};

const Note = ({ note, onChange }: { note: string; onChange: (note: string) => void }) => {
  const t = useTexts(messages);
  const id = useId();
  return (
    <div className="field">
      <label htmlFor={id} className="small mute">{t("act.note")}</label>
      <input id={id} className="input" value={note} maxLength={1000} onChange={(event) => { onChange(event.target.value); }} />
    </div>
  );
};
