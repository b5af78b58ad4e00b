import { Link, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { useCallback } from "react";
import { answered, BASE, server } from "../../api/client";
import { said } from "../../app/root";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { clockTime, duration } from "../../lib/time";
import { bytesText, operatorText } from "../../lib/words";
import { LogViewer } from "../../parts/log/LogViewer";
import type { LevelName, LogServer } from "../../parts/log/source";
import { StateGlyph } from "../../parts/StateGlyph";
import type { TaskSearch } from "./routes";
import { messages } from "./text";
import { type TaskPage, useTask, useTaskName } from "./useTask";

const PATH = "/dags/$dagId/runs/$runId/tasks/$taskId";

/** The log of a try, and beside it the tries and the facts that one looks for meanwhile. */
export const LogPage = () => {
  const { data: page } = useTask();
  const { dagId, runId, taskId, tried } = useTaskName();
  const search = useSearch({ from: "/shell/dags/$dagId/runs/$runId/tasks/$taskId/" });
  const hash = useLocation({ select: (location) => location.hash });
  const navigate = useNavigate({ from: `${PATH}/` });
  const index = page?.map_index ?? -1;
  const number = tried ?? page?.try_number ?? 0;
  const logServer = useCallback((levels: readonly LevelName[]) => serverOf({ dagId, runId, taskId, index, number }, levels), [dagId, runId, taskId, index, number]);
  const set = (change: object): void => { void navigate({ search: (old) => said({ ...old, ...change }), hash: true, replace: true, resetScroll: false, hashScrollIntoView: false }); };
  const setHash = useCallback((next: string) => { void navigate({ search: true, hash: next, replace: true, resetScroll: false, hashScrollIntoView: false }); }, [navigate]);
  if (!page) return null;
  const download = `${BASE}/ui/dags/${encodeURIComponent(dagId)}/log/file?${new URLSearchParams({ run_id: runId, task_id: taskId, map_index: String(index), try: String(number) }).toString()}`;
  return (
    <div className="work">
      <LogViewer key={`${String(index)} ${String(number)}`} server={logServer} topic={`log:${dagId}/${runId}/${taskId}/${String(index)}/${String(number)}`} download={download} settings={search} set={set} hash={hash} setHash={setHash} />
      <Side page={page} number={number} />
    </div>
  );
};

interface Try {
  dagId: string;
  runId: string;
  taskId: string;
  index: number;
  number: number;
}

const serverOf = (which: Try, levels: readonly LevelName[]): LogServer => {
  const path = { dag_id: which.dagId };
  const query = { run_id: which.runId, task_id: which.taskId, map_index: which.index, try: which.number };
  const looked = levels.length ? { levels: [...levels] } : {};
  return {
    rows: (asked, signal) => answered(server.GET("/ui/dags/{dag_id}/log", { params: { path, query: { ...query, ...looked, ...asked } }, signal })),
    growth: (asked, signal) => answered(server.GET("/ui/dags/{dag_id}/log/growth", { params: { path, query: { ...query, ...looked, ...asked } }, signal })),
    search: (asked, signal) => answered(server.GET("/ui/dags/{dag_id}/log/search", { params: { path, query: { ...query, ...looked, ...asked } }, signal })),
    groupEnd: async (line, signal) => (await answered(server.GET("/ui/dags/{dag_id}/log/group", { params: { path, query: { ...query, line } }, signal }))).line,
  };
};

const Side = ({ page, number }: { page: TaskPage; number: number }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const params = { dagId: page.dag_id, runId: page.run_id, taskId: page.task_id };
  const looked = page.tries.find((each) => each.number === number);
  const facts: [string, string][] = [
    [t("details.operator"), operatorText(page.operator)],
    [t("details.worker"), looked?.worker ?? ""],
    [t("details.pool"), page.pool_slots > 1 ? `${page.pool} (${String(page.pool_slots)})` : page.pool],
    [t("details.queue"), page.queue],
    [t("details.waited"), page.queued !== null && page.start !== null && page.start >= page.queued ? duration(page.start - page.queued) : ""],
    [t("tries.cpu"), looked?.cpu_seconds == null ? "" : duration(looked.cpu_seconds * 1e6)],
    [t("tries.memory"), looked?.peak_bytes ? bytesText(looked.peak_bytes) : ""],
  ];
  return (
    <aside className="side logside" aria-label={t("task.tries")}>
      <section>
        <h3>{t("task.tries")}</h3>
        {page.tries.length === 0 && <p className="small mute">{t("task.noTries")}</p>}
        <div className="trylist">
          {page.tries.toReversed().map((each) => (
            <Link key={each.number} to={PATH} params={params} search={(old) => said({ ...old, try: each.number === page.try_number ? undefined : each.number }) as TaskSearch} aria-current={each.number === number ? "true" : undefined}>
              <StateGlyph state={stateOf(each.state)} />
              <span>{t("task.try", { number: each.number })}</span>
              <span className="dim">{each.start === null ? "" : clockTime(each.start, clock)}{each.start !== null && each.end !== null ? ` · ${duration(each.end - each.start)}` : ""}</span>
            </Link>
          ))}
        </div>
      </section>
      {looked?.reason && (
        <section>
          <h3>{t("task.tryEnded")}</h3>
          <div className="why small" data-s={stateOf(looked.state)}><code className={stateOf(looked.state) === "failed" ? "bad" : ""}>{looked.reason}</code></div>
        </section>
      )}
      <section>
        <h3>{t("task.details")}</h3>
        <dl className="dl">{facts.filter(([, value]) => value).map(([name, value]) => <div key={name} className="pair"><dt>{name}</dt><dd>{value}</dd></div>)}</dl>
      </section>
    </aside>
  );
};
