import { Link } from "@tanstack/react-router";
import type { Schemas } from "../../api/client";
import { useTexts } from "../../app/settings";
import type { CriticalStep, Span } from "../../lib/gantt";
import { isFinished, stateOf } from "../../lib/states";
import { duration } from "../../lib/time";
import { StateGlyph } from "../../parts/StateGlyph";
import { taskAddress } from "./addresses";
import { messages } from "./text";

interface Props {
  dagId: string;
  runId: string;
  run: Schemas["RunTimeline"];
  span: Span;
  steps: readonly CriticalStep[];
}

const KINDS = [
  { kind: "work", state: "success" }, { kind: "failed", state: "failed" }, { kind: "queue", state: "queued" }, { kind: "retry", state: "up_for_retry" },
] as const;

/** What decided when a run ended, and what that time went into. */
export const PathPanel = ({ dagId, runId, run, steps: path }: Props) => {
  const t = useTexts(messages);
  // What was skipped, or never came to run, took no time that could have been less.
  const steps = path.filter((step) => step.end > step.start);
  const [first, last] = [steps[0], steps.at(-1)];
  if (!first || !last) return <aside className="side"><section><h2>{t("gantt.critical")}</h2><p className="small mute gap">{t("gantt.noPath")}</p></section></aside>;
  const whole = Math.max(1, last.end - first.ready);
  const longest = steps.reduce((best, step) => (step.end - step.ready > best.end - best.ready ? step : best));
  const sum = (kind: "work" | "failed" | "queue" | "retry"): number => steps.reduce((total, step) => total + step[kind], 0);
  const most = Math.max(...steps.map((step) => Math.max(step.end - step.start, step.start - step.ready)), 1);
  return (
    <aside className="side" aria-label={t("gantt.critical")}>
      <section>
        <h2>{t("gantt.path", { duration: duration(whole) })}</h2>
        <p className="small mute gap">
          {isFinished(stateOf(run.state)) ? t("gantt.pathWords") : t("gantt.pathOpen")}
          {steps.length > 1 && (longest.end - longest.ready) / whole > 0.4 && ` ${t("gantt.longest", { task: nameOf(longest) })}`}
        </p>
      </section>
      <section>
        <ol className="cp">
          {steps.map((step) => {
            const waited = step.start - step.ready;
            return (
              <li key={step.taskId}>
                {waited > Math.max(whole * 0.005, 100_000) && <Entry name={<span className="mute">{t("gantt.waits")}</span>} glyph={null} micros={waited} whole={whole} most={most} isWait />}
                <Entry name={<Link to={taskAddress(dagId, runId, step.taskId, step.mapIndex)} className="id cut">{nameOf(step)}</Link>} glyph={<StateGlyph state={step.state} />} micros={step.end - step.start} whole={whole} most={most} />
              </li>
            );
          })}
        </ol>
      </section>
      <section className="last">
        <h3>{t("gantt.split")}</h3>
        <div className="split" aria-hidden="true">
          {KINDS.map(({ kind, state }) => sum(kind) > 0 && <i key={kind} data-s={state} className={kind} style={{ width: `${String((sum(kind) / whole) * 100)}%` }} />)}
        </div>
        <div className="legend gap">
          {KINDS.map(({ kind, state }) => sum(kind) > 0 && <span key={kind} className="state"><i className="st" data-s={state} aria-hidden="true" />{t(kind === "retry" ? "gantt.retries" : `gantt.${kind}`, { duration: duration(sum(kind)) })}</span>)}
        </div>
      </section>
    </aside>
  );
};

const nameOf = (step: CriticalStep): string => (step.mapIndex >= 0 ? `${step.taskId} [${String(step.mapIndex)}]` : step.taskId);

const Entry = ({ name, glyph, micros, whole, most, isWait = false }: { name: React.ReactNode; glyph: React.ReactNode; micros: number; whole: number; most: number; isWait?: boolean }) => (
  <div className="entry">
    <span>{glyph}</span>{name}
    <span className="num">{duration(micros)}</span>
    <span className="num dim">{Math.round((micros / whole) * 100)}%</span>
    <i className={isWait ? "w wait" : "w"} style={{ width: `${String(Math.max(1, (micros / most) * 100))}%` }} />
  </div>
);
