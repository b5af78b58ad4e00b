import { useQuery } from "@tanstack/react-query";
import { answered, type Schemas, server } from "../../api/client";
import { BY_TASKS, OLD_BY_TASKS, useLive } from "../../app/live";
import { usePresent } from "../../app/present";
import { useClock, useTexts } from "../../app/settings";
import { useTitle } from "../../app/title";
import type { State } from "../../lib/states";
import { duration, shortTime, wholeTime } from "../../lib/time";
import { ago, bytesText } from "../../lib/words";
import { DagLink, RunLink, TaskLink } from "../../parts/Places";
import { Trouble } from "../../parts/Trouble";
import { messages } from "./text";
import "./workers.css";

type Worker = Schemas["WorkerRow"];
type Task = Schemas["RunningTask"];
type Key = keyof typeof messages.en;
const GLYPH: Record<string, State> = { running: "success", silent: "up_for_retry", draining: "queued", away: "none" };

/** Who runs what, with which slots, queues and memory. */
export const WorkersPage = () => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({ queryKey: ["workers"], queryFn: () => answered(server.GET("/ui/workers")), meta: OLD_BY_TASKS });
  useLive(BY_TASKS);
  useTitle(t("workers.title"));
  if (error && !data) return <Trouble error={error} retry={() => void refetch()} />;
  if (!data) return null;
  const here = data.workers.filter(({ state }) => state !== "away");
  const sum = (of: (worker: Worker) => number): number => here.reduce((total, worker) => total + of(worker), 0);
  return (
    <>
      <div className="workhead"><h1>{t("workers.title")}</h1><span className="mute">{t("workers.sum", { count: here.length, used: sum(({ used }) => used), capacity: sum(({ capacity }) => capacity) })}</span></div>
      {data.is_scheduler_away && <p className="warn">{t("workers.away")}</p>}
      {data.workers.length === 0 && <p className="mute">{t("workers.none")}</p>}
      <div className="stack">{data.workers.map((worker) => <WorkerSheet key={worker.name} worker={worker} now={data.now} />)}</div>
      {!data.is_all && <p className="small dim">{t("workers.more")}</p>}
    </>
  );
};

const WorkerSheet = ({ worker, now }: { worker: Worker; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now));
  return (
    <section className="sheet" aria-label={worker.name}>
      <header>
        <i className="st" data-s={GLYPH[worker.state] ?? "none"} aria-hidden="true" />
        <h2 className="id">{worker.name}</h2>
        <span className="small mute">{t(`workers.state.${worker.state}` as Key)}</span>
        {worker.held_back > 0 && <span className="small warn">{t("workers.held", { count: worker.held_back })}</span>}
        <span className="aside slots"><span className="meter"><i style={{ width: `${String(worker.capacity ? (100 * worker.used) / worker.capacity : 0)}%` }} /></span>{worker.used} / {worker.capacity}</span>
      </header>
      <dl className="workerfacts small">
        <div><dt>{t("workers.queues")}</dt><dd className="id">{worker.queues.join(", ")}</dd></div>
        <div><dt>{t("workers.beat")}</dt><dd>{worker.beat_age_seconds === null ? "–" : worker.state === "silent" ? ago(now - worker.beat_age_seconds * 1e6, clock, t) : t("workers.beats")}</dd></div>
        <div><dt>{t("workers.joined")}</dt><dd title={wholeTime(worker.joined_at, clock)}>{ago(worker.joined_at, clock, t)}, {shortTime(worker.joined_at, clock)}</dd></div>
        <div><dt>{t("workers.lease")}</dt><dd title={worker.instance}>{t("workers.leaseIs", { epoch: worker.version, pid: String(worker.pid) })}</dd></div>
      </dl>
      {worker.tasks.length === 0 ? worker.state !== "away" && <p className="pad small dim">{t("workers.idle")}</p> : (
        <div className="scrolls">
          <table className="dense">
            <thead><tr><th>Dag</th><th>{t("task.name")}</th><th>{t("task.run")}</th><th className="num">{t("task.try")}</th><th className="num">{t("task.for")}</th><th>{t("task.pool")}</th><th className="num">{t("task.memory")}</th><th className="num">{t("task.cpu")}</th></tr></thead>
            <tbody>{worker.tasks.map((task, n) => <TaskRow key={n} task={task} now={now} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
};

const TaskRow = ({ task, now }: { task: Task; now: number }) => {
  const t = useTexts(messages);
  const clock = useClock(usePresent(now));
  const { dag_id: dagId, run_id: runId, task_id: taskId, map_index: mapIndex } = task;
  return (
    <tr>
      {dagId ? (
        <>
          <td><DagLink dagId={dagId} className="id" /></td>
          <td><span className="state"><i className="st" data-s={task.state === "running" ? "running" : "queued"} aria-hidden="true" /><TaskLink dagId={dagId} runId={runId} taskId={taskId} mapIndex={mapIndex}>{taskId}{mapIndex >= 0 && `[${String(mapIndex)}]`}</TaskLink></span></td>
          <td className="cut runname"><RunLink dagId={dagId} runId={runId} /></td>
        </>
      ) : <td colSpan={3} className="dim">{t("task.hidden")}</td>}
      <td className="num">{task.try_number}</td>
      <td className="num" title={task.since === null ? undefined : wholeTime(task.since, clock)}>{task.state !== "running" ? t("task.offered") : task.since === null ? "–" : duration(now - task.since)}</td>
      <td className="id">{task.pool}{task.slots > 1 && ` × ${String(task.slots)}`}</td>
      <td className="num nowrap">{task.waits_for_bytes !== null ? <span className="warn">{t("task.waits", { size: bytesText(task.waits_for_bytes) })}</span> : task.now_bytes === null ? "–" : <>{bytesText(task.now_bytes)}<span className="dim">, {bytesText(task.peak_bytes ?? 0)}</span></>}</td>
      <td className="num">{task.cpu_seconds === null ? "–" : duration(task.cpu_seconds * 1e6)}</td>
    </tr>
  );
};
