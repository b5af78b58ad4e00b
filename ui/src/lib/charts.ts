/** Charts of one time axis: where their steps, lines, bars and figures lie. */
import { type Clock, type Micros, wholeTime } from "./time";

export type Values = readonly (number | null)[];
export type Unit = "count" | "duration" | "percent" | "score" | "bytes";

/** Of each step the part that `good` is of both; null where there is neither. */
export const rateOf = (good: Values, bad: Values): (number | null)[] =>
  good.map((count, n) => {
    const all = (count ?? 0) + (bad[n] ?? 0);
    return all ? (100 * (count ?? 0)) / all : null;
  });

/** The same values after so many steps: what was moves to the left, and of what is new nothing is known yet. */
export const movedOn = <T extends number | null>(values: readonly T[], steps: number, nothing: T): T[] =>
  steps <= 0 ? [...values] : [...values.slice(steps), ...Array.from({ length: Math.min(steps, values.length) }, () => nothing)];

const SECONDS = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400];
const decimal = (value: number, steps: readonly number[]): number => {
  const size = 10 ** Math.floor(Math.log10(value));
  return (steps.find((step) => step * size >= value * (1 - 1e-9)) ?? 10) * size;
};

export interface Axis {
  low: number;
  high: number;
  marks: number[];
}

/** An axis that holds all values, from a round number to a round number. */
export const axisOf = (lines: readonly Values[], unit: Unit): Axis => {
  const known = lines.flat().filter((value): value is number => value !== null);
  const most = Math.max(0, ...known);
  if (unit === "percent" || unit === "score") {
    // What is nearly always at the top would be a line at the edge: the axis begins below the least.
    const least = Math.min(100, ...known);
    const low = known.length ? ([90, 80, 50].find((each) => each < least) ?? 0) : 0;
    return { low, high: 100, marks: [low, (low + 100) / 2, 100] };
  }
  const high = unit === "duration" ? durationTop(most) : unit === "bytes" ? (most ? decimal(most, [1, 2, 5]) : 1e6) : Math.max(2, most ? decimal(most, [1, 2, 4, 6, 8]) : 2);
  return { low: 0, high, marks: [0, high / 2, high] };
};

const durationTop = (micros: number): number => {
  if (micros <= 0) return 1e6;
  if (micros <= 1e6) return Math.max(1000, decimal(micros, [1, 2, 5]));
  return (SECONDS.find((step) => step * 1e6 >= micros) ?? Math.ceil(micros / 86_400e6) * 86_400) * 1e6;
};

export interface Frame {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

/** The middle of a step. */
export const middleOf = (place: number, places: number, frame: Frame): number => frame.left + ((place + 0.5) / places) * (frame.right - frame.left);

/** The step at a point; null beside the chart. */
export const placeAt = (x: number, places: number, frame: Frame): number | null => {
  const place = Math.floor(((x - frame.left) / (frame.right - frame.left)) * places);
  return place >= 0 && place < places ? place : null;
};

export const heightOf = (value: number, axis: Axis, frame: Frame): number =>
  frame.bottom - ((Math.min(axis.high, Math.max(axis.low, value)) - axis.low) / (axis.high - axis.low)) * (frame.bottom - frame.top);

export interface Drawn {
  path: string;
  /** Values with no other beside them, which no line would show. */
  points: { x: number; y: number }[];
}

/** A line through the values, broken where there are none; `bridges`: it goes on to the next one instead. */
export const lineOf = (values: Values, axis: Axis, frame: Frame, bridges = false): Drawn => {
  const at = values.flatMap((value, place) => (value === null ? [] : [{ place, x: middleOf(place, values.length, frame), y: heightOf(value, axis, frame) }]));
  const joins = (n: number): boolean => n > 0 && n < at.length && (bridges || (at[n]?.place ?? 0) - (at[n - 1]?.place ?? 0) === 1);
  return {
    path: at.map(({ x, y }, n) => `${joins(n) ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join(""),
    points: at.filter((_, n) => bridges || (!joins(n) && !joins(n + 1))),
  };
};

/** The area between two lines, where both are. */
export const bandOf = (low: Values, high: Values, axis: Axis, frame: Frame): string => {
  const parts: string[] = [];
  let from = 0;
  for (let n = 0; n <= low.length; n += 1) {
    if (n < low.length && low[n] !== null && high[n] !== null) continue;
    if (n - from > 1) {
      const places = Array.from({ length: n - from }, (_, k) => from + k);
      const point = (values: Values) => (place: number): string => `${middleOf(place, low.length, frame).toFixed(1)} ${heightOf(values[place] ?? 0, axis, frame).toFixed(1)}`;
      parts.push(`M${[...places.map(point(high)), ...places.reverse().map(point(low))].join("L")}Z`);
    }
    from = n + 1;
  }
  return parts.join("");
};

/** Bars on top of each other, one path for each series. What there is is at least a pixel high. */
export const barsOf = (stack: readonly Values[], axis: Axis, frame: Frame): string[] => {
  const places = stack[0]?.length ?? 0;
  const wide = (frame.right - frame.left) / Math.max(1, places);
  const gap = wide > 5 ? 1 : wide > 2.5 ? 0.5 : 0;
  const tops = Array.from({ length: places }, () => frame.bottom);
  return stack.map((values) =>
    values.map((value, place) => {
      if (!value) return "";
      const foot = tops[place] ?? frame.bottom;
      const high = Math.max(1, frame.bottom - heightOf(value, axis, frame));
      tops[place] = foot - high;
      return `M${(frame.left + place * wide + gap / 2).toFixed(2)} ${foot.toFixed(1)}v${(-high).toFixed(1)}h${(wide - gap).toFixed(2)}v${high.toFixed(1)}Z`;
    }).join(""));
};

const HOURS = [0.25, 0.5, 1, 2, 3, 6, 12, 24, 48];

/** Round moments of the reader's clocks between the ends, at most so many. */
export const ticksOf = (start: Micros, end: Micros, most: number, clock: Clock): Micros[] => {
  const round = (HOURS.map((hours) => hours * 3600e6).find((each) => (end - start) / each <= most) ?? 48 * 3600e6);
  // Looked for quarter by quarter: clocks jump, and some zones are ahead by three quarters.
  const quarter = 900e6;
  const found: Micros[] = [];
  for (let at = Math.ceil(start / quarter) * quarter; at < end; at += quarter) {
    const text = wholeTime(at, clock);
    const [day, hour, minute] = [Number(text.slice(8, 10)), Number(text.slice(11, 13)), Number(text.slice(14, 16))];
    const ofDay = (hour * 60 + minute) * 60e6;
    if (round > 24 * 3600e6 ? ofDay === 0 && day % 2 === 0 : ofDay % round === 0) found.push(at);
  }
  return found;
};
