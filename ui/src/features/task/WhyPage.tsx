import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { clockTime, duration, shortTime, wholeTime } from "../../lib/time";
import { bytesText } from "../../lib/words";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { Why } from "../../parts/Why";
import { messages } from "./text";
import { TryBars } from "./TryBars";
import { type TaskPage, useTask, useTaskName } from "./useTask";

type TaskWhy = Schemas["TaskWhy"];
type Took = Schemas["Took"];

const TASK = "/dags/$dagId/runs/$runId/tasks/$taskId";

/** Why it waits, or how it failed and what is other than when it last succeeded; and what its tries took. */
export const WhyPage = () => {
  const { dagId, runId, taskId } = useTaskName();
  const { data: page, dataUpdatedAt } = useTask();
  const index = page?.map_index ?? -1;
  const { data, error, refetch } = useQuery({
    // Asked again whenever the page has news of the task: what holds it may be another thing by then.
    queryKey: ["task", dagId, runId, taskId, index, "why", dataUpdatedAt],
    enabled: page !== undefined,
    placeholderData: (old) => old,
    queryFn: () =>
      answered(server.GET("/ui/dags/{dag_id}/task/why", {
        params: { path: { dag_id: dagId }, query: { run_id: runId, task_id: taskId, map_index: index } },
      })),
  });
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!page || !data) return null;
  return (
    <div className="taskpage whypage">
      <Reasons page={page} why={data} />
      {data.changes && data.present && <Changed page={page} changes={data.changes} present={data.present} now={data.now} />}
      {data.tail !== null && data.tail.length > 0 && <Tail page={page} rows={data.tail} />}
      <Taken page={page} usage={data.usage} />
    </div>
  );
};

const Reasons = ({ page, why }: { page: TaskPage; why: TaskWhy }) => {
  const t = useTexts(messages);
  const state = stateOf(why.state);
  const isWrong = state === "failed" || state === "upstream_failed" || state === "up_for_retry";
  return (
    <section>
      <h2>{why.why.length ? t("task.why") : isWrong ? t("task.wrong") : t("why.title")}</h2>
      <p><StateName state={state} /></p>
      {why.why.map((reason) => <div key={reason.sentence} className="why" data-s={state}><Why reason={reason} dagId={page.dag_id} now={why.now} /></div>)}
      {why.reason && <div className="why" data-s={state}><code className={isWrong ? "bad" : ""}>{why.reason}</code></div>}
      {!why.reason && !why.why.length && <p className="mute">{t(state === "success" ? "why.succeeded" : "why.nothing")}</p>}
      {isWrong && why.present && !why.changes && <p className="small mute">{t("why.neverSucceeded")}</p>}
    </section>
  );
};

interface ChangedProps {
  page: TaskPage;
  changes: Schemas["Changes"];
  present: Took;
  now: number;
}

const took = (each: Took): number | null => (each.start !== null && each.end !== null && each.end >= each.start ? each.end - each.start : null);

/** This run beside the one where the task last succeeded; what is other stands out. */
const Changed = ({ page, changes, present, now }: ChangedProps) => {
  const t = useTexts(messages);
  const clock = useClock(now);
  const { last } = changes;
  const run = (each: Took): ReactNode => (
    <Link className="link nowrap" to={TASK} params={{ dagId: page.dag_id, runId: each.run_id, taskId: page.task_id }} search={page.map_index < 0 ? {} : { index: page.map_index }} title={`${each.run_id} · ${wholeTime(each.run_after, clock)}`}>
      {shortTime(each.logical_date ?? each.run_after, clock)}
    </Link>
  );
  const row = (name: string, before: ReactNode, present: ReactNode, isOther: boolean, key = name): ReactNode => (
    <tr key={key}><th scope="row">{name}</th><td>{before ?? "–"}</td><td className={isOther ? "other" : ""}>{present ?? "–"}</td></tr>
  );
  const [before, after] = [took(last), took(present)];
  const bytes = (value: number | null): string => (value ? bytesText(value) : "–");
  const cpu = (value: number | null): string => (value === null ? "–" : duration(value * 1e6));
  const version = (value: number | null): string => (value === null ? "–" : `v${String(value)}`);
  const isOtherVersion = last.version !== present.version;
  return (
    <section>
      <h2>{t("why.changes")}</h2>
      <div className="scrollx">
        <table className="changed">
          <thead><tr><th><span className="sr">{t("details.attribute")}</span></th><th>{t("why.last")}</th><th>{t("why.this")}</th></tr></thead>
          <tbody>
            {row(t("details.run"), run(last), run(present), false)}
            {row(t("why.version"), version(last.version), isOtherVersion && last.version !== null && present.version !== null
              ? <>{version(present.version)} <Link className="link small" to="/dags/$dagId/versions" params={{ dagId: page.dag_id }} search={{ old: last.version, new: present.version }}>{t("why.diff")}</Link></>
              : version(present.version), isOtherVersion)}
            {isOtherVersion && row(t("why.settings"), "", t(changes.task_changed === null ? "why.newTask" : changes.task_changed ? "why.other" : "why.same"), changes.task_changed !== false)}
            {row(t("tries.duration"), before === null ? null : duration(before), after === null ? null : duration(after), before !== null && after !== null && (after > 2 * before || before > 2 * after))}
            {row(t("tries.memory"), bytes(last.peak_bytes), bytes(present.peak_bytes), (present.peak_bytes ?? 0) > 2 * (last.peak_bytes ?? Infinity))}
            {row(t("tries.cpu"), cpu(last.cpu_seconds), cpu(present.cpu_seconds), false)}
            {row(t("tries.worker"), last.worker, present.worker, last.worker !== present.worker)}
            {row(t("details.tryNumber"), last.try_number, present.try_number, false)}
            {changes.params?.map((param) => row(t("why.param", { name: param.name }), value(param.before, t("why.none")), value(param.now, t("why.none")), true, `param ${param.name}`))}
          </tbody>
        </table>
      </div>
      {changes.params?.length === 0 && <p className="small mute">{t("why.sameParams")}</p>}
    </section>
  );
};

const value = (text: string | null, none: string): ReactNode => (text === null ? <span className="mute">{none}</span> : <code>{text}</code>);

const Tail = ({ page, rows }: { page: TaskPage; rows: Schemas["LogRow"][] }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  return (
    <section>
      <h2>{t("why.tail")}</h2>
      <div className="logtail" tabIndex={0} role="region" aria-label={t("why.tail")}>
        {rows.map((row, n) => <div key={n} className={row.kind === "trace" || row.kind === "more" ? "d" : row.level > 2 ? "e" : ""}>{row.at === null ? "" : `${clockTime(row.at, clock)} `}{row.text}</div>)}
      </div>
      <p className="small"><Link className="link" to={TASK} params={params} search={page.map_index < 0 ? {} : { index: page.map_index }}>{t("tries.showLog")}</Link></p>
    </section>
  );
};

const Taken = ({ page, usage }: { page: TaskPage; usage: Schemas["Usage"] | null }) => {
  const t = useTexts(messages);
  if (!page.tries.length) return null;
  return (
    <section>
      <h2>{t("why.taken")}</h2>
      {usage && (
        <p>
          {t("why.usesNow")} <b>{bytesText(usage.now_bytes)}</b> · {t("tries.memory")} <b>{bytesText(usage.peak_bytes)}</b> · {t("tries.cpu")} <b>{duration(usage.cpu_seconds * 1e6)}</b>
        </p>
      )}
      <TryBars tries={page.tries} />
      <p className="small mute">{t("why.measured")}</p>
    </section>
  );
};
