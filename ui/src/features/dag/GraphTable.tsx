import type { Schemas } from "../../api/client";
import { useTexts } from "../../app/settings";
import type { Change, States } from "../../parts/graph";
import { messages as graphMessages } from "../../parts/graph/text";
import { StateName } from "../../parts/StateGlyph";
import { operatorText } from "../../lib/words";
import { messages } from "./text";

interface Props {
  graph: Schemas["DagGraph"];
  states: States | undefined;
  changes: ReadonlyMap<string, Change> | undefined;
  chosen: string | null;
  choose: (id: string) => void;
}

/** The same facts as the picture: every task in reading order, with what it waits for. */
export const GraphTable = ({ graph, states, changes, chosen, choose }: Props) => {
  const t = useTexts(messages);
  const say = useTexts(graphMessages);
  return (
    <div className="gridtable">
      <table className="dense">
        <thead>
          <tr>
            <th scope="col">{t("graph.task")}</th>
            {states && <th scope="col">{t("graph.state")}</th>}
            {states && <th scope="col" className="num">{t("graph.took")}</th>}
            {changes && <th scope="col">{t("graph.change")}</th>}
            <th scope="col">{t("graph.operator")}</th>
            <th scope="col">{t("graph.upstream")}</th>
            <th scope="col">{t("graph.rule")}</th>
          </tr>
        </thead>
        <tbody>
          {graph.tasks.map((task) => {
            const [own, change] = [states?.get(task.id), changes?.get(task.id)];
            return (
              <tr key={task.id} aria-selected={chosen === task.id}>
                <th scope="row"><button type="button" className="btn quiet id" onClick={() => { choose(task.id); }}>{task.id}</button></th>
                {states && <td>{own ? <StateName state={own.state} /> : "–"}</td>}
                {states && <td className="num">{own?.side ?? "–"}</td>}
                {changes && <td>{change ? say(`graph.change.${change}`) : ""}</td>}
                <td>{operatorText(task.operator)}</td>
                <td className="id">{task.upstream.join(", ") || "–"}</td>
                <td className="id">{task.trigger_rule}</td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
};
