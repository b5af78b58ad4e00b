/** Drawing on canvas with the design tokens: a state is a fill and a mark that says it again without colour. */
import { type State, STATES, tokenOf } from "./states";

export interface Palette {
  fill: Record<State, string>;
  ink: Record<State, string>;
  mark: string;
  surface: string;
  line: string;
  line2: string;
  text: string;
  text2: string;
  text3: string;
  soft: string;
  hover: string;
  font: string;
  mono: string;
  edges: boolean;
}

/** The colours of the present theme. */
export const paletteOf = (element: Element): Palette => {
  const style = getComputedStyle(element);
  const value = (name: string): string => style.getPropertyValue(name).trim();
  const by = (suffix: string): Record<State, string> =>
    Object.fromEntries(STATES.map((state) => [state, value(`--s-${tokenOf(state)}${suffix}`)])) as Record<State, string>;
  return {
    fill: by(""), ink: by("-ink"), mark: value("--mark"), surface: value("--surface"), line: value("--line"),
    line2: value("--line-2"), text: value("--text"), text2: value("--text-2"), text3: value("--text-3"),
    soft: value("--accent-soft"), hover: value("--hover"), font: value("--font"), mono: value("--mono"), edges: value("--cell-edge") === "1",
  };
};

/** A canvas of this size in CSS pixels, sharp on any screen. */
export const sharp = (canvas: HTMLCanvasElement, width: number, height: number): CanvasRenderingContext2D | null => {
  const ratio = devicePixelRatio || 1;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  canvas.style.width = `${String(width)}px`;
  canvas.style.height = `${String(height)}px`;
  const pen = canvas.getContext("2d");
  pen?.setTransform(ratio, 0, 0, ratio, 0, 0);
  return pen;
};

const lines = (pen: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, ...points: number[]): void => {
  pen.beginPath();
  for (let n = 0; n + 3 < points.length; n += 4) {
    pen.moveTo(x + (points[n] ?? 0) * w, y + (points[n + 1] ?? 0) * h);
    pen.lineTo(x + (points[n + 2] ?? 0) * w, y + (points[n + 3] ?? 0) * h);
  }
  pen.stroke();
};

/** One cell. Every state differs from every other without colour. */
export const drawCell = (pen: CanvasRenderingContext2D, state: State, x: number, y: number, w: number, h: number, palette: Palette): void => {
  const [fill, ink] = [palette.fill[state], palette.ink[state]];
  pen.lineWidth = 1.25;
  pen.fillStyle = fill;
  pen.strokeStyle = ink;
  const box = (): void => { pen.fillRect(x, y, w, h); };
  const edge = (): void => { pen.strokeRect(x + 0.6, y + 0.6, w - 1.2, h - 1.2); };
  const dot = (): void => {
    pen.fillStyle = ink;
    pen.fillRect(x + w / 2 - 1, y + h / 2 - 1, 2, 2);
  };
  const pale = (opacity: number): void => {
    pen.globalAlpha = opacity;
    box();
    pen.globalAlpha = 1;
  };
  switch (state) {
    case "none":
      pen.globalAlpha = 0.55;
      dot();
      pen.globalAlpha = 1;
      break;
    case "scheduled":
      edge();
      dot();
      break;
    case "removed":
      pen.setLineDash([2, 2]);
      edge();
      pen.setLineDash([]);
      lines(pen, x, y, w, h, 0.3, 0.5, 0.7, 0.5);
      break;
    case "failed":
      box();
      pen.strokeStyle = palette.mark;
      pen.lineWidth = 1.75;
      lines(pen, x, y, w, h, 0.28, 0.28, 0.72, 0.72, 0.72, 0.28, 0.28, 0.72);
      break;
    case "upstream_failed":
      box();
      hatch(pen, x, y, w, h, palette.surface);
      pen.strokeStyle = ink;
      pen.lineWidth = 1.25;
      edge();
      break;
    case "running":
      pale(0.3);
      pen.fillStyle = fill;
      pen.beginPath();
      pen.moveTo(x + w * 0.28, y + h * 0.18);
      pen.lineTo(x + w * 0.82, y + h * 0.5);
      pen.lineTo(x + w * 0.28, y + h * 0.82);
      pen.fill();
      edge();
      break;
    case "queued":
      pale(0.4);
      lines(pen, x, y, w, h, 0.22, 0.34, 0.78, 0.34, 0.22, 0.66, 0.78, 0.66);
      break;
    case "skipped":
      pale(0.55);
      lines(pen, x, y, w, h, 0.25, 0.8, 0.75, 0.2);
      break;
    case "up_for_retry":
      pen.beginPath();
      pen.moveTo(x, y);
      pen.lineTo(x + w * 0.5, y);
      pen.lineTo(x + w, y + h * 0.5);
      pen.lineTo(x + w, y + h);
      pen.lineTo(x, y + h);
      pen.closePath();
      pen.fill();
      pen.stroke();
      break;
    case "up_for_reschedule":
      edge();
      pen.fillRect(x, y, w, h * 0.42);
      break;
    case "deferred":
      edge();
      pen.fillRect(x, y, w / 2, h);
      break;
    case "awaiting_input":
      box();
      pen.fillStyle = palette.mark;
      pen.font = `600 ${String(Math.round(h * 0.8))}px ${palette.font}`;
      pen.textAlign = "center";
      pen.textBaseline = "middle";
      pen.fillText("?", x + w / 2, y + h / 2 + 0.5);
      break;
    case "restarting":
      box();
      pen.strokeStyle = "#fff";
      pen.lineWidth = 1.75;
      lines(pen, x, y, w, h, 0.5, 0.15, 0.5, 0.55);
      pen.lineWidth = 1.25;
      lines(pen, x, y, w, h, 0.25, 0.75, 0.75, 0.75);
      break;
    case "success":
      box();
  }
  if (palette.edges && !["none", "removed", "scheduled", "up_for_retry"].includes(state)) {
    pen.strokeStyle = ink;
    pen.lineWidth = 1.25;
    edge();
  }
};

const hatch = (pen: CanvasRenderingContext2D, x: number, y: number, w: number, h: number, colour: string): void => {
  pen.save();
  pen.beginPath();
  pen.rect(x, y, w, h);
  pen.clip();
  pen.strokeStyle = colour;
  pen.lineWidth = 1.6;
  pen.beginPath();
  for (let at = -h; at < w; at += 4.4) {
    pen.moveTo(x + at, y + h);
    pen.lineTo(x + at + h, y);
  }
  pen.stroke();
  pen.restore();
};

/** A run as a bar that stands on `floor`: a failed one has a broken tip, a running one is an open frame filling up. */
export const drawBar = (pen: CanvasRenderingContext2D, state: State, x: number, floor: number, w: number, height: number, palette: Palette): void => {
  const top = floor - height;
  pen.fillStyle = palette.fill[state];
  switch (state) {
    case "failed": {
      const tip = Math.min(7, height / 2);
      pen.fillRect(x, top + tip, w, height - tip);
      pen.beginPath();
      pen.moveTo(x - 0.5, top);
      pen.lineTo(x + w + 0.5, top + tip * 0.64);
      pen.lineTo(x + w + 0.5, top);
      pen.fill();
      break;
    }
    case "running":
      pen.strokeStyle = palette.ink.running;
      pen.lineWidth = 1.5;
      pen.strokeRect(x + 0.75, top + 0.75, w - 1.5, height);
      pen.fillRect(x, floor - height * 0.7, w, height * 0.7);
      break;
    case "queued":
      pen.fillStyle = palette.ink.queued;
      pen.fillRect(x, floor - 2, w, 2);
      pen.fillRect(x, floor - 6, w, 2);
      break;
    default:
      pen.fillRect(x, top, w, height);
  }
};
