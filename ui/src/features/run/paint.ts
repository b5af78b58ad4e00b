/** The picture of a timeline: the part of it that a viewport shows. */
import { type Palette } from "../../lib/draw";
import { AXIS, type Bar, type Span, xOf, ROW } from "../../lib/gantt";
import type { State } from "../../lib/states";

export interface PaintRow {
  kind: "group" | "task" | "instance" | "rest";
  state: State;
  bars: readonly Bar[];
  /** Of a mapped task that is closed: a line for each instance that is shown. */
  lines: readonly Bar[];
  isCritical: boolean;
}

export interface Colours extends Palette {
  accent: string;
  critical: string;
}

export interface Picture {
  span: Span;
  now: number;
  isOpen: boolean;
  rows: readonly PaintRow[];
  ticks: readonly { at: number; text: string }[];
  /** How many tasks run at once, wherever that changes. */
  counts: readonly (readonly [number, number])[];
  /** What is written in the head: the most at once, the present. */
  most: string;
  present: string;
  /** The whole drawing's width, and the viewport's place in it. */
  width: number;
  left: number;
  top: number;
  view: { width: number; height: number };
  hovered: number;
  chosen: number;
}

const HEAD = 52;
/** Of the steps in the head: what is written above them has its own line. */
const TALLEST = 34;

export const coloursOf = (palette: Palette, element: Element): Colours => {
  const style = getComputedStyle(element);
  return { ...palette, accent: style.getPropertyValue("--accent").trim(), critical: style.getPropertyValue("--critical").trim() };
};

/** Draw all of it. Costs what is on screen, whatever the run's size. */
export const paint = (pen: CanvasRenderingContext2D, picture: Picture, colours: Colours): void => {
  const { view } = picture;
  pen.clearRect(0, 0, view.width, view.height);
  const x = (at: number): number => xOf(at, picture.span, picture.width) - picture.left;
  const first = Math.max(0, Math.floor(picture.top / ROW));
  const last = Math.min(picture.rows.length, Math.ceil((picture.top + view.height - AXIS) / ROW));
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, view.width, view.height - AXIS);
  pen.clip();
  for (const [row, colour] of [[picture.chosen, colours.soft], [picture.hovered, colours.hover]] as const) {
    if (row < 0) continue;
    pen.fillStyle = colour;
    pen.fillRect(0, AXIS + row * ROW - picture.top, view.width, ROW);
  }
  pen.fillStyle = colours.line;
  for (const tick of picture.ticks) pen.fillRect(Math.round(x(tick.at)), AXIS, 1, view.height - AXIS);
  for (let n = first; n < last; n++) {
    const row = picture.rows[n];
    if (row) drawRow(pen, row, AXIS + n * ROW - picture.top, x, colours, view.width);
  }
  if (picture.isOpen) {
    pen.fillStyle = colours.text2;
    pen.fillRect(Math.round(x(Math.min(picture.now, picture.span.to))), AXIS, 1, view.height - AXIS);
  }
  pen.restore();
  drawHead(pen, picture, colours, x);
};

const drawRow = (pen: CanvasRenderingContext2D, row: PaintRow, y: number, x: (at: number) => number, colours: Colours, width: number): void => {
  if (row.lines.length) {
    const high = Math.max(1, 16 / row.lines.length - 0.6);
    row.lines.forEach((bar, n) => {
      const [from, to] = [Math.max(-2, x(bar.from)), Math.min(width + 2, x(bar.to))];
      if (to < -2 || from > width + 2 || bar.kind !== "run") return;
      pen.fillStyle = colours.fill[bar.state];
      pen.fillRect(from, y + 4 + (n * 16) / row.lines.length, Math.max(1.5, to - from), high);
    });
    return;
  }
  const runs = row.bars.filter((bar) => bar.kind === "run");
  for (const bar of row.bars) {
    const [from, to] = [x(bar.from), x(bar.to)];
    if (to < -4 || from > width + 4) continue;
    if (bar.kind === "run") drawRun(pen, row, bar, from, Math.max(to, from + 3), y, colours);
    else dashes(pen, from, to, y + 11, bar.kind === "queue" ? colours.ink.queued : colours.ink.up_for_retry, bar.kind === "queue" ? [3, 2] : [4, 4]);
  }
  if (row.isCritical && runs.length) {
    const [first, last] = [runs[0] as Bar, runs.at(-1) as Bar];
    for (const bar of first === last ? [first] : runs) outline(pen, x(bar.from), Math.max(x(bar.to), x(bar.from) + 3), y, colours);
  }
};

const drawRun = (pen: CanvasRenderingContext2D, row: PaintRow, bar: Bar, from: number, to: number, y: number, colours: Colours): void => {
  const [top, high] = row.kind === "group" ? [y + 9, 6] : [y + 5, 14];
  pen.fillStyle = colours.fill[bar.state];
  pen.strokeStyle = colours.ink[bar.state];
  pen.globalAlpha = row.kind === "group" ? 0.75 : 1;
  switch (row.kind === "group" ? "success" : bar.state) {
    case "failed": {
      const tip = Math.min(5, (to - from) / 2);
      pen.beginPath();
      pen.moveTo(from, top);
      pen.lineTo(to - tip, top);
      pen.lineTo(to, top + high / 2);
      pen.lineTo(to - tip, top + high);
      pen.lineTo(from, top + high);
      pen.fill();
      break;
    }
    case "deferred": case "awaiting_input": case "up_for_reschedule":
      pen.globalAlpha = 0.2;
      pen.fillRect(from, top, to - from, high);
      pen.globalAlpha = 1;
      pen.lineWidth = 1;
      pen.strokeRect(from + 0.5, top + 0.5, Math.max(1, to - from - 1), high - 1);
      break;
    case "running": case "restarting":
      pen.globalAlpha = 0.6;
      pen.fillRect(from, top, to - from, high);
      pen.globalAlpha = 1;
      stripes(pen, from, to, top, high, colours.fill[bar.state]);
      pen.fillStyle = colours.ink[bar.state];
      pen.fillRect(to - 2, top, 2, high);
      break;
    default:
      pen.fillRect(from, top, to - from, high);
  }
  pen.globalAlpha = 1;
};

const stripes = (pen: CanvasRenderingContext2D, from: number, to: number, top: number, high: number, colour: string): void => {
  pen.save();
  pen.beginPath();
  pen.rect(from, top, to - from, high);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 4;
  pen.beginPath();
  for (let at = Math.max(from, -20) - high; at < Math.min(to, 8_000) + high; at += 9) {
    pen.moveTo(at, top + high);
    pen.lineTo(at + high / 2, top);
  }
  pen.stroke();
  pen.restore();
};

const outline = (pen: CanvasRenderingContext2D, from: number, to: number, y: number, colours: Colours): void => {
  pen.lineWidth = 1.5;
  pen.strokeStyle = colours.surface;
  pen.strokeRect(from - 0.75, y + 4.25, to - from + 1.5, 15.5);
  pen.strokeStyle = colours.critical;
  pen.beginPath();
  pen.roundRect(from - 2.25, y + 2.75, to - from + 4.5, 18.5, 3);
  pen.stroke();
};

const dashes = (pen: CanvasRenderingContext2D, from: number, to: number, y: number, colour: string, pattern: number[]): void => {
  if (to - from < 1) return;
  pen.strokeStyle = colour;
  pen.lineWidth = 3;
  pen.setLineDash(pattern);
  pen.beginPath();
  pen.moveTo(from, y + 1.5);
  pen.lineTo(to, y + 1.5);
  pen.stroke();
  pen.setLineDash([]);
};

const drawHead = (pen: CanvasRenderingContext2D, picture: Picture, colours: Colours, x: (at: number) => number): void => {
  const { view } = picture;
  pen.clearRect(0, 0, view.width, AXIS);
  const most = Math.max(1, ...picture.counts.map(([, count]) => count));
  const y = (count: number): number => HEAD - (count / most) * TALLEST;
  if (picture.counts.length) {
    pen.beginPath();
    pen.moveTo(x(picture.counts[0]?.[0] ?? 0), HEAD);
    let before = HEAD;
    for (const [at, count] of picture.counts) {
      pen.lineTo(x(at), before);
      before = y(count);
      pen.lineTo(x(at), before);
    }
    pen.lineTo(x(picture.span.to), before);
    pen.lineTo(x(picture.span.to), HEAD);
    pen.globalAlpha = 0.16;
    pen.fillStyle = colours.accent;
    pen.fill();
    pen.globalAlpha = 1;
    pen.strokeStyle = colours.accent;
    pen.lineWidth = 1.3;
    pen.stroke();
  }
  pen.fillStyle = colours.line2;
  pen.fillRect(0, HEAD, view.width, 1);
  pen.fillRect(0, AXIS - 1, view.width, 1);
  pen.font = `11px ${colours.font}`;
  pen.textBaseline = "alphabetic";
  pen.textAlign = "left";
  pen.fillStyle = colours.text3;
  for (const tick of picture.ticks) {
    pen.fillText(tick.text, x(tick.at) + 4, 70);
    pen.fillStyle = colours.line;
    pen.fillRect(Math.round(x(tick.at)), HEAD, 1, AXIS - HEAD);
    pen.fillStyle = colours.text3;
  }
  pen.fillText(picture.most, 6, 11);
  if (picture.isOpen) {
    pen.textAlign = "right";
    pen.fillStyle = colours.text;
    pen.font = `600 11px ${colours.font}`;
    pen.fillText(picture.present, Math.min(view.width - 4, x(Math.min(picture.now, picture.span.to)) - 4), 12);
  }
};
