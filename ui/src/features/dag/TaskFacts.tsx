import type { Schemas } from "../../api/client";
import { useTexts } from "../../app/settings";
import { Icon } from "../../parts/Icon";
import { operatorText } from "../../lib/words";
import { closing, closingByKey } from "./closing";
import { messages } from "./text";

interface Props {
  graph: Schemas["DagGraph"];
  taskId: string;
  close: () => void;
  choose: (id: string) => void;
}

/** A task where there is no run to show: what it is, and what is before and after it. */
export const TaskFacts = ({ graph, taskId, close, choose }: Props) => {
  const t = useTexts(messages);
  const task = graph.tasks.find((each) => each.id === taskId);
  if (!task) return null;
  const after = graph.tasks.filter((each) => each.upstream.includes(taskId)).map((each) => each.id);
  return (
    <aside className="side" aria-label={taskId} onKeyDown={closingByKey(close)}>
      <section>
        <div className="row">
          <h2 className="id panelname">{taskId}</h2>
          <button type="button" className="btn quiet icon push" aria-label={t("task.close")} onClick={closing(close)}><Icon name="x" /></button>
        </div>
        <div className="small mute">{operatorText(task.operator)}</div>
      </section>
      <section>
        <dl className="dl">
          <dt>{t("graph.rule")}</dt><dd className="id">{task.trigger_rule}</dd>
          <dt>{t("graph.pool")}</dt><dd className="id">{task.pool}</dd>
        </dl>
      </section>
      <Names title={t("graph.upstream")} ids={task.upstream} choose={choose} />
      <Names title={t("graph.downstream")} ids={after} choose={choose} />
    </aside>
  );
};

const Names = ({ title, ids, choose }: { title: string; ids: readonly string[]; choose: (id: string) => void }) => (
  <section>
    <h3>{title}</h3>
    {ids.length ? <ul>{ids.map((id) => <li key={id}><button type="button" className="btn quiet id" onClick={() => { choose(id); }}>{id}</button></li>)}</ul> : <span className="dim small">–</span>}
  </section>
);
