/** What fails, is late, runs and waits at this moment. */
import { Link } from "@tanstack/react-router";
import { useMay } from "../../app/session";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { duration, hourMinute, shortTime, wholeTime } from "../../lib/time";
import { spanText } from "../../lib/words";
import { whyText } from "../../lib/why";
import { Icon } from "../../parts/Icon";
import { DagLink, RunLink, TaskLink } from "../../parts/Places";
import { StateGlyph } from "../../parts/StateGlyph";
import { Why } from "../../parts/Why";
import { type Act, rerunFailed, useActs } from "../act";
import type { Home } from "./HomePage";
import { messages } from "./text";

type Key = keyof typeof messages.en;
type FailureGroup = Home["groups"][number];
type RunningRun = Home["running"][number];
type Wait = NonNullable<Home["waits"]>[number];

export const Failing = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const { act, dialog } = useActs();
  return (
    <section className="sheet" aria-labelledby="failing">
      <header>
        <h2 id="failing">{t("fail.title")}</h2>
        <span className="small dim">{t("fail.grouped")}</span>
        {home.failing > 0 && <Link className="aside link" to="/dags" search={{ show: "failing" }}>{t("fail.all")}</Link>}
      </header>
      {home.groups.length === 0 && <p className="pad mute">{t("fail.none")}</p>}
      {home.groups.map((group) => <Failure key={`${group.error} ${group.dags[0]?.dag_id ?? ""}`} group={group} now={home.now} act={act} />)}
      {dialog}
      {home.group_count > home.groups.length && <p className="pad small dim">{t("fail.more", { count: home.group_count - home.groups.length })}</p>}
    </section>
  );
};

/** Run again what a group has failed in; null where it goes on by itself, or is more than what the page knows. */
const rerunOf = ({ dags, dag_count: count, newest }: FailureGroup): Act | null => {
  const [first, ...others] = dags;
  if (!first || newest?.state !== "failed" || count > dags.length) return null;
  const name = ({ dag_id: dagId, run_id: runId }: FailureGroup["dags"][number]) => ({ dagId, runId });
  return others.length ? { kind: "clearRuns", runs: dags.map(name), onlyFailed: true } : rerunFailed(name(first));
};

const Failure = ({ group, now, act }: { group: FailureGroup; now: number; act: (act: Act) => void }) => {
  const t = useTexts(messages);
  const may = useMay();
  const rerun = rerunOf(group);
  const clock = useClock(now);
  const { newest, dags } = group;
  const first = dags[0];
  if (!first) return null;
  const parts = [
    group.tasks > 0 && t("fail.tasks", { count: group.tasks }),
    group.dag_count > 1 && t("fail.inDags", { count: group.dag_count }),
    group.since !== null && t("fail.since", { time: shortTime(group.since, clock) }),
    newest && newest.state === "up_for_retry" && t("fail.try", { n: newest.try_number, of: newest.tries }),
    newest?.next_try && newest.state === "up_for_retry" && t("fail.nextTry", { time: hourMinute(newest.next_try, clock) }),
  ].filter(Boolean).join(" · ");
  return (
    <div className="fail">
      <StateGlyph state={newest ? stateOf(newest.state) : "failed"} />
      <div className="row who">
        <DagLink dagId={newest?.dag_id ?? first.dag_id} />
        {newest && <TaskLink className="id dim" dagId={newest.dag_id} runId={newest.run_id} taskId={newest.task_id} mapIndex={newest.map_index} />}
      </div>
      <code className="err cut" title={group.error}>{group.error || t(newest ? "fail.noError" : "fail.run")}</code>
      <div className="meta" title={group.since === null ? undefined : wholeTime(group.since, clock)}>
        {parts}
        {dags.length > 1 && <span className="dim"> · {dags.slice(1, 5).map(({ dag_id: dagId, run_id: runId }, n) => <span key={dagId}>{n > 0 && ", "}<RunLink dagId={dagId} runId={runId}>{dagId}</RunLink></span>)}</span>}
      </div>
      <div className="acts">
        {newest
          ? <TaskLink className="btn" dagId={newest.dag_id} runId={newest.run_id} taskId={newest.task_id} mapIndex={newest.map_index}>{t("fail.log")}</TaskLink>
          : <RunLink className="btn" dagId={first.dag_id} runId={first.run_id}>{t("run.run")}</RunLink>}
        {rerun && may("edit", "task") && <button type="button" className="btn" onClick={() => { act(rerun); }}><Icon name="redo" small />{t("fail.rerun", { count: group.dag_count })}</button>}
      </div>
    </div>
  );
};

export const Late = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(home.now));
  return (
    <section className="sheet" aria-labelledby="late">
      <header><h2 id="late">{t("late.title")}</h2><span className="small dim">{home.late_count}</span></header>
      {home.late.map(({ dag_id: dagId, due, why }) => (
        <div key={dagId} className="fail brief">
          <StateGlyph state="scheduled" />
          <div className="row who"><DagLink dagId={dagId} /><span className="small warn" title={wholeTime(due, clock)}>{t("late.due", { time: shortTime(due, clock), span: spanText(clock.now - due, t) })}</span></div>
          <div className="meta">{why ? <Why reason={why} dagId={dagId} now={home.now} /> : t("late.why")}</div>
        </div>
      ))}
    </section>
  );
};

export const Running = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  return (
    <section className="sheet" aria-labelledby="running">
      <header>
        <h2 id="running">{t("run.title")}</h2><span className="small dim">{home.running_count}</span>
        {home.running_count > 0 && <Link className="aside link" to="/dags" search={{ show: "running" }}>{t("run.all")}</Link>}
      </header>
      {home.running.length === 0 ? <p className="pad mute">{t("run.none")}</p> : (
        <table className="run-t">
          <thead><tr><th>Dag</th><th>{t("run.run")}</th><th className="c-prog">{t("run.tasks")}</th><th className="num">{t("run.elapsed")}</th><th className="num">{t("run.left")}</th></tr></thead>
          <tbody>{home.running.map((run) => <Going key={`${run.dag_id} ${run.run_id}`} run={run} now={home.now} />)}</tbody>
        </table>
      )}
    </section>
  );
};

const SHOWN = ["success", "failed", "upstream_failed", "skipped", "running"] as const;

const Going = ({ run, now }: { run: RunningRun; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now));
  const all = Object.values(run.states).reduce((sum, count) => sum + count, 0);
  const over = (["success", "failed", "upstream_failed", "skipped", "removed"] as const).reduce((sum, state) => sum + (run.states[state] ?? 0), 0);
  const elapsed = run.start === null ? 0 : clock.now - run.start;
  const left = run.usual === null ? null : run.usual - elapsed;
  const times = run.usual ? elapsed / run.usual : 0;
  const type = `run.type.${run.run_type}`;
  return (
    <tr>
      <td><DagLink dagId={run.dag_id} /></td>
      <td className="mute nowrap" title={`${run.run_id} · ${wholeTime(run.run_after, clock)}`}>
        <RunLink className="" dagId={run.dag_id} runId={run.run_id}>{type in messages.en ? t(type as Key) : run.run_type} {shortTime(run.run_after, clock)}</RunLink>
      </td>
      <td className="c-prog">
        <div className="row">
          <div className="prog grow" role="img" aria-label={`${String(over)} / ${String(all)}`}>
            {SHOWN.map((state) => (run.states[state] ? <i key={state} data-s={state} style={{ width: `${String((100 * (run.states[state] ?? 0)) / all)}%` }} /> : null))}
          </div>
          <span className="dim nowrap of">{over} / {all}</span>
        </div>
      </td>
      <td className="num nowrap">{duration(elapsed)}{run.usual !== null && <span className="dim"> / {duration(run.usual)}</span>}</td>
      <td className="num nowrap">{left === null ? <span className="dim">–</span> : times > 1.5 ? <span className="warn med" title={t("run.slow")}>▲ {times.toFixed(1)}×</span> : left > 0 ? spanText(left, t) : <span className="dim">–</span>}</td>
    </tr>
  );
};

export const Waiting = ({ home }: { home: Home }) => {
  const t = useTexts(messages);
  const { waits } = home;
  return (
    <section className="sheet" aria-labelledby="waiting">
      <header><h2 id="waiting">{t("wait.title")}</h2><span className="small dim">{t("wait.aside")}</span></header>
      {waits === null && <p className="pad warn">{t("wait.away")}</p>}
      {waits?.length === 0 && <p className="pad mute">{t("wait.none")}</p>}
      {waits?.map((each) => <Held key={`${each.dag_id} ${each.run_id} ${each.task_id} ${each.state}`} wait={each} now={home.now} />)}
      {waits && !home.waits_are_all && <p className="pad small dim">{t("wait.more")}</p>}
    </section>
  );
};

const Held = ({ wait, now }: { wait: Wait; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now));
  // Here it is answered in the inbox rather than by a command.
  const asks = wait.state === "awaiting_input";
  return (
    <div className="fail brief">
      <StateGlyph state={stateOf(wait.state)} />
      <div className="row who">
        <DagLink dagId={wait.dag_id} />
        {wait.task_id
          ? <TaskLink className="id dim" dagId={wait.dag_id} runId={wait.run_id} taskId={wait.task_id} mapIndex={wait.map_index} />
          : <RunLink className="id dim" dagId={wait.dag_id} runId={wait.run_id} />}
        <span className="small dim push nowrap" title={wait.since === null ? undefined : wholeTime(wait.since, clock)}>
          {wait.count > 1 && t(wait.task_id ? "wait.count" : "wait.runs", { count: wait.count })}
          {wait.count > 1 && wait.since !== null && " · "}
          {wait.since !== null && t("time.for", { span: spanText(clock.now - wait.since, t) })}
        </span>
      </div>
      <div className="meta" title={whyText(wait, clock)}>
        <Why reason={asks ? { ...wait, parts: wait.parts.filter((part) => part.says !== "question.command") } : wait} dagId={wait.dag_id} now={now} />
        {asks && <> <Link className="link nowrap" to="/inbox">{t("wait.answer")}</Link></>}
      </div>
    </div>
  );
};
