/** The picture of a grid: the part of it that a viewport shows. */
import { AXIS, axisTop, BAR, type GridRow, type Layout, ROW, type Spot, type States } from "../../lib/grid";
import { drawBar, drawCell, type Palette } from "../../lib/draw";
import type { State } from "../../lib/states";

export interface RunColumn {
  state: State;
  micros: number;
  /** What is written above the first run of a day or of a six-hour mark; empty for most. */
  mark: string;
  isDay: boolean;
  isNewVersion: boolean;
}

export interface Picture {
  layout: Layout;
  rows: readonly GridRow[];
  runs: readonly RunColumn[];
  states: States;
  /** Scrolled by, and size of the viewport. */
  left: number;
  top: number;
  width: number;
  height: number;
  hovered: Spot | null;
  chosen: Spot | null;
}

/** Draw all of it. Costs what is on screen, whatever the grid's size. */
export const paint = (pen: CanvasRenderingContext2D, picture: Picture, palette: Palette): void => {
  const { layout, left, width, height } = picture;
  pen.clearRect(0, 0, width, height);
  const first = Math.max(0, Math.floor((left - layout.left) / layout.column));
  const last = Math.min(picture.runs.length, Math.ceil((left + width - layout.left) / layout.column));
  const x = (run: number): number => layout.left + run * layout.column - left;
  bands(pen, picture, palette, x);
  pen.save();
  pen.beginPath();
  pen.rect(0, AXIS, width, height - AXIS);
  pen.clip();
  cells(pen, picture, palette, first, last, x);
  pen.restore();
  head(pen, picture, palette, first, last, x);
};

const bands = (pen: CanvasRenderingContext2D, picture: Picture, palette: Palette, x: (run: number) => number): void => {
  const across = (spot: Spot, colour: string): void => {
    pen.fillStyle = colour;
    pen.fillRect(x(spot.run) - 1, 16, picture.layout.column, picture.height);
    const y = AXIS + spot.row * ROW - picture.top;
    if (spot.row >= 0 && y > AXIS - ROW) pen.fillRect(0, Math.max(y, AXIS), picture.width, ROW - Math.max(0, AXIS - y));
  };
  if (picture.chosen) across(picture.chosen, palette.soft);
  if (picture.hovered) across(picture.hovered, palette.hover);
};

const cells = (pen: CanvasRenderingContext2D, picture: Picture, palette: Palette, first: number, last: number, x: (run: number) => number): void => {
  const { layout, rows, states, top, height } = picture;
  const from = Math.max(0, Math.floor(top / ROW));
  const to = Math.min(rows.length, Math.ceil((top + height - AXIS) / ROW));
  for (let n = from; n < to; n++) {
    const row = rows[n];
    if (!row) continue;
    const y = AXIS + n * ROW - top;
    for (let run = first; run < last; run++) {
      const state = states.ofRow(run, row);
      if (state === null) continue;
      if (row.is_group && state !== "none") drawGroup(pen, state, x(run), y, layout.cell, palette);
      else if (state === "success") drawCell(pen, state, x(run), y + 5, layout.cell, 12, palette);
      else drawCell(pen, state, x(run), y + 3, layout.cell, 16, palette);
    }
  }
  if (picture.chosen && picture.chosen.row >= 0) {
    pen.strokeStyle = palette.text;
    pen.lineWidth = 2;
    pen.strokeRect(x(picture.chosen.run) - 2, AXIS + picture.chosen.row * ROW - top + 1, layout.cell + 4, ROW - 2);
  }
};

const drawGroup = (pen: CanvasRenderingContext2D, state: State, x: number, y: number, w: number, palette: Palette): void => {
  if (state === "success") {
    pen.fillStyle = palette.fill.success;
    pen.fillRect(x, y + 8, w, 6);
  } else drawCell(pen, state, x, y + 7, w, 8, palette);
};

const head = (pen: CanvasRenderingContext2D, picture: Picture, palette: Palette, first: number, last: number, x: (run: number) => number): void => {
  const { layout, runs, width, height } = picture;
  const top = axisTop(Math.max(1, ...runs.map((run) => run.micros)));
  pen.lineWidth = 1;
  pen.font = `11px ${palette.font}`;
  pen.textAlign = "left";
  pen.textBaseline = "middle";
  for (const part of [1, 0.5]) {
    const y = Math.round(AXIS - 10 - BAR * part) + 0.5;
    pen.strokeStyle = palette.line;
    pen.beginPath();
    pen.moveTo(0, y);
    pen.lineTo(width, y);
    pen.stroke();
  }
  for (let run = first; run < last; run++) {
    const column = runs[run];
    if (!column) continue;
    const at = x(run);
    if (column.isDay) {
      pen.strokeStyle = palette.line2;
      pen.beginPath();
      pen.moveTo(Math.round(at) - 1.5, 4);
      pen.lineTo(Math.round(at) - 1.5, height);
      pen.stroke();
    }
    if (column.mark) {
      pen.fillStyle = column.isDay ? palette.text2 : palette.text3;
      pen.fillText(column.mark, at + (column.isDay ? 5 : 0), 9);
    }
    drawBar(pen, column.state, at, AXIS - 10, layout.cell, Math.max(3, (column.micros / top) * BAR), palette);
    if (column.isNewVersion) {
      pen.fillStyle = palette.text3;
      pen.beginPath();
      pen.moveTo(at + layout.cell / 2 - 3, AXIS - 7);
      pen.lineTo(at + layout.cell / 2 + 3, AXIS - 7);
      pen.lineTo(at + layout.cell / 2, AXIS - 2);
      pen.fill();
    }
  }
  pen.strokeStyle = palette.line2;
  pen.beginPath();
  pen.moveTo(0, AXIS - 0.5);
  pen.lineTo(width, AXIS - 0.5);
  pen.stroke();
};
