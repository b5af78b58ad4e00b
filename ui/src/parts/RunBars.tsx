import { BAR_GAP, BAR_WIDTH, BARS_HEIGHT, barsFor, pathsOf } from "../lib/bars";
import type { State } from "../lib/states";

interface Props {
  runs: readonly { state: State; micros: number }[];
  places: number;
  label: string;
}

/** The last runs as bars. */
export const RunBars = ({ runs, places, label }: Props) => (
  <svg width={places * (BAR_WIDTH + BAR_GAP) - BAR_GAP} height={BARS_HEIGHT} role="img" aria-label={label} className="runbars">
    {pathsOf(barsFor(runs, places)).map(({ ink, isLine, d }) => (isLine
      ? <path key={`${ink} line`} d={d} fill="none" stroke={`var(--${ink})`} strokeWidth="1.5" />
      : <path key={ink} d={d} fill={`var(--${ink})`} />))}
  </svg>
);
