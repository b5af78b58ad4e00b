import { BAR_GAP, BAR_WIDTH, BARS_HEIGHT, barsFor, type RunBar } from "../lib/bars";
import { type State, tokenOf } from "../lib/states";

interface Props {
  runs: readonly { state: State; micros: number }[];
  places: number;
  label: string;
}

/** The last runs as bars: a failed one has a broken tip, a running one is an open frame, a queued one two dashes. */
export const RunBars = ({ runs, places, label }: Props) => (
  <svg width={places * (BAR_WIDTH + BAR_GAP) - BAR_GAP} height={BARS_HEIGHT} role="img" aria-label={label} className="runbars">
    {barsFor(runs, places).map((bar) => <Bar key={bar.x} {...bar} />)}
  </svg>
);

const Bar = ({ x, y, height, state }: RunBar) => {
  const [fill, ink] = [`var(--s-${tokenOf(state)})`, `var(--s-${tokenOf(state)}-ink)`];
  switch (state) {
    case "failed":
      return (
        <>
          <rect x={x} y={Math.min(y + 5, BARS_HEIGHT - 3)} width={BAR_WIDTH} height={Math.max(height - 5, 3)} fill={fill} />
          <path d={`M${x - 0.5} ${y - 0.5}l${BAR_WIDTH + 1} 3.6v-3.6Z`} fill={fill} />
        </>
      );
    case "running":
      return (
        <>
          <path d={`M${x + 0.75} ${BARS_HEIGHT}V${y + 0.75}h${BAR_WIDTH - 1.5}V${BARS_HEIGHT}`} fill="none" stroke={ink} strokeWidth="1.5" />
          <rect x={x} y={BARS_HEIGHT - height / 2} width={BAR_WIDTH} height={height / 2} fill={fill} />
        </>
      );
    case "queued":
      return (
        <>
          <rect x={x} y={BARS_HEIGHT - 2} width={BAR_WIDTH} height={2} fill={ink} />
          <rect x={x} y={BARS_HEIGHT - 6} width={BAR_WIDTH} height={2} fill={ink} />
        </>
      );
    default:
      return <rect x={x} y={y} width={BAR_WIDTH} height={height} fill={fill} />;
  }
};
