/** Geometry of the small bars that stand for a Dag's last runs. */
import { type State, tokenOf } from "./states";

export interface RunBar {
  x: number;
  y: number;
  height: number;
  state: State;
}

export const BAR_WIDTH = 5;
export const BAR_GAP = 2;
export const BARS_HEIGHT = 24;

/** Bars from left (oldest) to right; height is duration, the longest as high as there is room, none below 4 px. */
export const barsFor = (runs: readonly { state: State; micros: number }[], places: number): RunBar[] => {
  const longest = Math.max(1, ...runs.map((run) => run.micros));
  const empty = places - runs.length;
  return runs.map((run, n) => {
    const height = Math.max(4, (run.micros / longest) ** 0.8 * (BARS_HEIGHT - 2));
    return { x: (empty + n) * (BAR_WIDTH + BAR_GAP), y: BARS_HEIGHT - height, height, state: run.state };
  });
};

/** What is drawn in one colour, as one path: a list of many Dags has a thousand bars. */
export interface BarsPath {
  /** The name of the colour among the design tokens. */
  ink: string;
  /** Lines rather than areas. */
  isLine: boolean;
  d: string;
}

/** A failed bar has a broken tip, a running one is an open frame that is half full, a queued one two dashes. */
export const pathsOf = (bars: readonly RunBar[]): BarsPath[] => {
  const paths = new Map<string, BarsPath>();
  const draw = (ink: string, d: string, isLine = false): void => {
    const path = paths.get(`${ink} ${String(isLine)}`);
    if (path) path.d += d;
    else paths.set(`${ink} ${String(isLine)}`, { ink, isLine, d });
  };
  for (const { x, y, height, state } of bars) {
    const fill = `s-${tokenOf(state)}`;
    switch (state) {
      case "failed":
        draw(fill, area(x, Math.min(y + 5, BARS_HEIGHT - 3), Math.max(height - 5, 3)) + `M${two(x - 0.5)} ${two(y - 0.5)}l${BAR_WIDTH + 1} 3.6v-3.6Z`);
        break;
      case "running":
        draw(`${fill}-ink`, `M${x + 0.75} ${BARS_HEIGHT}V${two(y + 0.75)}h${BAR_WIDTH - 1.5}V${BARS_HEIGHT}`, true);
        draw(fill, area(x, BARS_HEIGHT - height / 2, height / 2));
        break;
      case "queued":
        draw(`${fill}-ink`, area(x, BARS_HEIGHT - 2, 2) + area(x, BARS_HEIGHT - 6, 2));
        break;
      default:
        draw(fill, area(x, y, height));
    }
  }
  return [...paths.values()];
};

const area = (x: number, y: number, height: number): string => `M${x} ${two(y)}h${BAR_WIDTH}v${two(height)}h-${BAR_WIDTH}Z`;
/** Hundredths of a pixel are enough. */
const two = (value: number): number => Math.round(100 * value) / 100;
