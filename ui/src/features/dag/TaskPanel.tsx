import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { answered, type Schemas, server } from "../../api/client";
import { BY_TASKS, NOTHING, OLD_BY_TASKS, useLive } from "../../app/live";
import { useClock, useTexts } from "../../app/settings";
import { TAIL } from "../../lib/patches";
import { isFinished, stateOf, waits } from "../../lib/states";
import { clockTime, duration, shortTime } from "../../lib/time";
import { bytesText, operatorText } from "../../lib/words";
import { CopyButton } from "../../parts/CopyButton";
import { Icon } from "../../parts/Icon";
import { StateGlyph } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { type GridRun, momentOf } from "./columns";
import { Why } from "../../parts/Why";
import { closing, closingByKey } from "./closing";
import { messages } from "./text";

/** As much of a run as names it. */
type NamedRun = Pick<GridRun, "run_id" | "logical_date" | "run_after">;

interface Props {
  dagId: string;
  run: NamedRun;
  taskId: string;
  index: number | undefined;
  close: () => void;
}

/** What, why, tries, last lines: in this order. */
export const TaskPanel = ({ dagId, run, taskId, index, close }: Props) => {
  const t = useTexts(messages);
  const { data, error, refetch } = useQuery({
    queryKey: ["task", dagId, run.run_id, taskId, TAIL, index],
    meta: OLD_BY_TASKS,
    queryFn: () =>
      answered(
        server.GET("/ui/dags/{dag_id}/task", {
          params: { path: { dag_id: dagId }, query: { run_id: run.run_id, task_id: taskId, ...(index === undefined ? {} : { map_index: index }) } },
        }),
      ),
  });
  useLive(data && !isFinished(stateOf(data.state)) ? [`log:${dagId}/${run.run_id}/${taskId}/${String(data.map_index)}/${String(data.try_number)}`] : NOTHING);
  useLive(data && waits(stateOf(data.state)) ? BY_TASKS : NOTHING);
  return (
    <aside className="side" aria-label={taskId} onKeyDown={closingByKey(close)}>
      <section>
        <div className="row">
          {data && <StateGlyph state={stateOf(data.state)} large />}
          <h2 className="id panelname">{taskId}</h2>
          <button type="button" className="btn quiet icon push" aria-label={t("task.close")} onClick={closing(close)}><Icon name="x" /></button>
        </div>
        {data && <What dagId={dagId} panel={data} run={run} />}
      </section>
      {error && !data && <Trouble error={error} retry={() => void refetch()} />}
      {data && <Rest dagId={dagId} panel={data} />}
    </aside>
  );
};

const What = ({ dagId, panel, run }: { dagId: string; panel: Schemas["TaskPanel"]; run: NamedRun }) => {
  const t = useTexts(messages);
  const clock = useClock(panel.now);
  const facts = [
    t("task.meta", { state: t(`state.${stateOf(panel.state)}`), time: shortTime(momentOf(run), clock) }),
    panel.map_index >= 0 ? t("task.instanceOf", { index: panel.map_index, count: panel.instances }) : "",
    panel.start !== null && panel.end !== null ? t("task.took", { duration: duration(panel.end - panel.start) }) : "",
    operatorText(panel.operator),
  ];
  return (
    <>
      <div className="small mute">{facts.filter(Boolean).join(" · ")}</div>
      <div className="row acts-row">
        <Link className="btn" to="/dags/$dagId/runs/$runId/tasks/$taskId" params={{ dagId, runId: panel.run_id, taskId: panel.task_id }} search={panel.map_index < 0 ? {} : { index: panel.map_index }}>{t("task.open")}</Link>
        <CopyButton text={panel.task_id} label={t("task.copy")} />
      </div>
    </>
  );
};

const Rest = ({ dagId, panel }: { dagId: string; panel: Schemas["TaskPanel"] }) => {
  const t = useTexts(messages);
  const clock = useClock(panel.now);
  const state = stateOf(panel.state);
  return (
    <>
      {panel.why.length > 0 && (
        <section>
          <h3>{t("task.why")}</h3>
          {panel.why.map((reason) => <div key={reason.sentence} className="why small" data-s={state}><Why reason={reason} dagId={dagId} now={panel.now} /></div>)}
        </section>
      )}
      {panel.reason && (
        <section><div className="why small" data-s={state}><code className={state === "failed" ? "bad" : ""}>{panel.reason}</code></div></section>
      )}
      <section>
        <h3>{panel.tries.length ? t("task.tries", { try: panel.try_number, tries: panel.max_tries }) : t("task.notTried")}</h3>
        <div className="tries">
          {panel.tries.map((each) => (
            <div key={each.number} className="try" title={resources(each)}>
              <StateGlyph state={stateOf(each.state)} />
              <span>{t("task.try", { number: each.number })}</span>
              <span className="mute cut">{each.reason || each.worker}</span>
              <span className="dim">{each.start === null ? "" : clockTime(each.start, clock)}{each.start !== null && each.end !== null ? ` · ${duration(each.end - each.start)}` : ""}</span>
            </div>
          ))}
        </div>
      </section>
      <section className="last">
        <h3>{t("task.tail")}</h3>
        {panel.tail.length ? <Tail lines={panel.tail} /> : <p className="dim small">{t("task.noLog")}</p>}
      </section>
    </>
  );
};

const resources = (each: Schemas["Try"]): string =>
  [each.cpu_seconds === null ? "" : `CPU ${duration(each.cpu_seconds * 1e6)}`, each.peak_bytes ? bytesText(each.peak_bytes) : "", each.worker]
    .filter(Boolean)
    .join(" · ");

const Tail = ({ lines }: { lines: Schemas["Line"][] }) => {
  const clock = useClock();
  return (
    <div className="logtail" tabIndex={0}>
      {lines.map((line, n) => {
        const at = line.t ? Date.parse(line.t) * 1000 : Number.NaN;
        return (
          <div key={n} className={line.level === "error" || line.level === "critical" ? "e" : ""}>
            <span className="d">{Number.isNaN(at) ? "" : clockTime(at, clock)}</span> {line.text}
            {line.trace && <pre>{line.trace}</pre>}
          </div>
        );
      })}
    </div>
  );
};
