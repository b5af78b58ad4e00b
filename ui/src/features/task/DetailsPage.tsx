import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import { answered, type Schemas, server } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import { stateOf } from "../../lib/states";
import { duration, momentIn, wholeTime } from "../../lib/time";
import { StateName } from "../../parts/StateGlyph";
import { Trouble } from "../../parts/Trouble";
import { Tree } from "../../parts/Value";
import { messages } from "./text";
import { useInstance } from "./useInstance";
import { type TaskPage, useTask, useTaskName } from "./useTask";

type Fact = [name: string, value: ReactNode];

/** Every attribute of the instance, and of the task as its Dag has it. */
export const DetailsPage = () => {
  const t = useTexts(messages);
  const { dagId, taskId } = useTaskName();
  const { data: page } = useTask();
  const { data: instance, error, refetch } = useInstance();
  const { data: task } = useQuery({
    queryKey: ["dag", dagId, "task", taskId],
    queryFn: () => answered(server.GET("/api/v2/dags/{dag_id}/tasks/{task_id}", { params: { path: { dag_id: dagId, task_id: taskId } } })),
  });
  if (error && !instance) return <Trouble error={error} retry={() => void refetch()} />;
  if (!page || !instance) return null;
  return (
    <div className="taskpage">
      {task?.doc_md && <><h2>{t("details.docs")}</h2><pre className="code" tabIndex={0}>{task.doc_md}</pre></>}
      <h2>{t("details.instance")}</h2>
      <InstanceFacts page={page} instance={instance} />
      {task && <><h2>{t("details.task")}</h2><TaskFacts task={task} page={page} /></>}
    </div>
  );
};

const Facts = ({ facts }: { facts: Fact[] }) => {
  const t = useTexts(messages);
  return (
    <table className="facttable">
      <thead className="sr"><tr><th>{t("details.attribute")}</th><th>{t("details.value")}</th></tr></thead>
      <tbody>{facts.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([name, value]) => <tr key={name}><th scope="row">{name}</th><td>{value}</td></tr>)}</tbody>
    </table>
  );
};

const InstanceFacts = ({ page, instance }: { page: TaskPage; instance: Schemas["TaskInstanceResponse"] }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const time = (at: number | null): ReactNode => at === null ? null : wholeTime(at, clock);
  const span = (from: number | null, to: number | null): ReactNode => from === null || to === null || to < from ? null : duration(to - from);
  return (
    <Facts
      facts={[
        [t("details.id"), <code key="id">{instance.id}</code>],
        [t("details.state"), <StateName key="state" state={stateOf(page.state)} />],
        [t("tries.reason"), page.reason],
        [t("details.run"), <code key="run">{page.run_id}</code>],
        [t("details.logicalDate"), time(page.logical_date)],
        [t("mapped.index"), page.map_index < 0 ? null : page.map_index],
        [t("mapped.label"), page.label],
        [t("details.tryNumber"), page.try_number],
        [t("details.maxTries"), page.max_tries],
        [t("details.scheduled"), time(page.scheduled)],
        [t("details.queued"), time(page.queued)],
        [t("tries.start"), time(page.start)],
        [t("tries.end"), time(page.end)],
        [t("details.waited"), span(page.queued, page.start)],
        [t("tries.duration"), span(page.start, page.end)],
        [t("details.pool"), instance.pool],
        [t("details.slots"), instance.pool_slots],
        [t("details.queue"), instance.queue],
        [t("details.priority"), instance.priority_weight],
        [t("details.executor"), instance.executor],
        [t("details.worker"), instance.hostname],
        [t("details.pid"), instance.pid ?? null],
        [t("details.trigger"), instance.trigger ? <code key="trigger">{instance.trigger.classpath}</code> : null],
        [t("details.note"), instance.note],
      ]}
    />
  );
};

const TaskFacts = ({ task, page }: { task: Schemas["TaskResponse"]; page: TaskPage }) => {
  const t = useTexts(messages);
  const clock = useClock(page.now);
  const yes = (value: boolean | null): string => (value ? t("yes") : t("no"));
  const span = (delta: Schemas["TimeDelta"] | null): ReactNode => delta ? duration((delta.days * 86_400 + delta.seconds) * 1e6 + delta.microseconds) : null;
  const date = (text: string | null): ReactNode => text === null ? null : wholeTime(momentIn(text), clock);
  const others = (ids: string[] | null): ReactNode =>
    ids?.length ? ids.map((taskId, n) => <span key={taskId}>{n > 0 && ", "}<Link className="link id" to="/dags/$dagId/runs/$runId/tasks/$taskId" params={{ dagId: page.dag_id, runId: page.run_id, taskId }}>{taskId}</Link></span>) : null;
  const module = task.class_ref && typeof task.class_ref.module_path === "string" ? `${task.class_ref.module_path}.${String(task.class_ref.class_name)}` : task.operator_name;
  return (
    <Facts
      facts={[
        [t("details.operator"), module ? <code key="operator">{module}</code> : null],
        [t("details.owner"), task.owner],
        [t("details.rule"), task.trigger_rule ? <code key="rule">{task.trigger_rule}</code> : null],
        [t("details.downstream"), others(task.downstream_task_ids)],
        [t("details.retries"), task.retries],
        [t("details.retryDelay"), task.retries ? span(task.retry_delay) : null],
        [t("details.timeout"), span(task.execution_timeout)],
        [t("details.past"), yes(task.depends_on_past)],
        [t("tries.start"), date(task.start_date)],
        [t("tries.end"), date(task.end_date)],
        [t("details.templates"), task.template_fields?.length ? <code key="fields">{task.template_fields.join(", ")}</code> : null],
        [t("details.params"), task.params && Object.keys(task.params).length ? <div key="params" className="values"><Tree value={task.params} /></div> : null],
      ]}
    />
  );
};
