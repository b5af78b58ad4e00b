import type { Schemas } from "../../api/client";
import { useClock, useTexts } from "../../app/settings";
import type { GridRow, Spot, States } from "../../lib/grid";
import { stateOf } from "../../lib/states";
import { duration, shortTime, wholeTime } from "../../lib/time";
import { StateGlyph, StateName } from "../../parts/StateGlyph";
import { momentOf } from "./columns";
import { messages } from "./text";

interface Props {
  grid: Schemas["Grid"];
  states: States;
  rows: readonly GridRow[];
  choose: (spot: Spot) => void;
}

/** The same facts as the canvas, as a table: the newest run first. */
export const GridTable = ({ grid, states, rows, choose }: Props) => {
  const t = useTexts(messages);
  const clock = useClock(grid.now);
  const order = grid.runs.map((_, n) => grid.runs.length - 1 - n);
  return (
    <div className="gridtable">
      <table className="dense">
        <thead>
          <tr>
            <th scope="col">{t("runs.when")}</th>
            <th scope="col" className="num">{t("runs.took")}</th>
            {rows.map((row) => <th key={row.id} scope="col"><span className="id">{row.label}</span></th>)}
          </tr>
        </thead>
        <tbody>
          {order.map((n) => {
            const run = grid.runs[n];
            if (!run) return null;
            return (
              <tr key={run.number}>
                <th scope="row" title={wholeTime(momentOf(run), clock)}>{shortTime(momentOf(run), clock)} <StateName state={stateOf(run.state)} /></th>
                <td className="num">{run.start === null ? "–" : duration((run.end ?? grid.now) - run.start)}</td>
                {rows.map((row, place) => {
                  const state = states.ofRow(n, row);
                  return <td key={row.id}>{state && <button type="button" className="btn quiet icon" onClick={() => { choose({ run: n, row: place }); }}><StateGlyph state={state} /></button>}</td>;
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
};
