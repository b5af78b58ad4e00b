/** Geometry of the small bars that stand for a Dag's last runs. */
import type { State } from "./states";

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
