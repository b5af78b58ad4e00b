/** The picture of a graph on canvas: the part of it that is in sight. */
import type { Palette } from "../../lib/draw";
import { drawCell } from "../../lib/draw";
import { EDGE_LOOKS, type EdgeLook, edgeLook } from "./looks";
import type { Box, Change, Picture, Route, States } from "./types";
import type { Size, View } from "./view";

export interface Scene {
  picture: Picture;
  view: View;
  stage: Size;
  labels: ReadonlyMap<string, string>;
  kinds: ReadonlyMap<string, string>;
  states: States | undefined;
  changes: ReadonlyMap<string, Change> | undefined;
  found: ReadonlySet<string>;
  hovered: string | null;
  chosen: string | null;
}

/** Below this size text cannot be read, and nodes are areas of colour. */
const READABLE = 0.42;
/** Below this one, curves are not told from lines, nor round corners from square ones. */
const COARSE = 0.2;

export const paint = (pen: CanvasRenderingContext2D, scene: Scene, palette: Palette): void => {
  const { picture, view, stage } = scene;
  pen.clearRect(0, 0, stage.width, stage.height);
  pen.save();
  pen.translate(view.x, view.y);
  pen.scale(view.scale, view.scale);
  const seen = { left: -view.x / view.scale, top: -view.y / view.scale, right: (stage.width - view.x) / view.scale, bottom: (stage.height - view.y) / view.scale };
  const isSeen = (box: Box): boolean => box.x < seen.right && box.y < seen.bottom && box.x + box.width > seen.left && box.y + box.height > seen.top;
  for (const group of picture.groups) if (isSeen(group)) drawGroup(pen, group, scene, palette);
  drawRoutes(pen, scene, palette, seen);
  for (const box of picture.nodes) if (isSeen(box)) drawNode(pen, box, false, scene, palette);
  for (const box of picture.closed) if (isSeen(box)) drawNode(pen, box, true, scene, palette);
  pen.restore();
};

const drawGroup = (pen: CanvasRenderingContext2D, box: Box, { view, labels, hovered, chosen }: Scene, palette: Palette): void => {
  pen.strokeStyle = hovered === box.id || chosen === box.id ? palette.text3 : palette.line2;
  pen.lineWidth = 1 / Math.min(1, view.scale);
  pen.globalAlpha = 0.45;
  pen.fillStyle = palette.surface;
  pen.beginPath();
  pen.roundRect(box.x, box.y, box.width, box.height, 10);
  pen.fill();
  pen.globalAlpha = 1;
  pen.stroke();
  const size = Math.min(12 / Math.min(1, view.scale), box.height / 4, 60);
  if (size * view.scale < 7) return;
  pen.font = `500 ${String(size)}px ${palette.font}`;
  pen.textBaseline = "middle";
  pen.textAlign = "left";
  pen.fillStyle = palette.text2;
  pen.fillText(`▾ ${labels.get(box.id) ?? box.id}`, box.x + 10, box.y + size * 0.9, box.width - 20);
};

const colourOf = (look: EdgeLook, palette: Palette): string => {
  switch (look) {
    case "done": return palette.ink.success;
    case "block": return palette.ink.up_for_retry;
    case "off": return palette.line2;
    case "wait":
    case "plain": return palette.text3;
  }
};
const DASHES: Record<EdgeLook, number[]> = { plain: [], done: [], wait: [3, 4], block: [7, 4], off: [2, 5] };

interface Seen {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const drawRoutes = (pen: CanvasRenderingContext2D, scene: Scene, palette: Palette, seen: Seen): void => {
  const { picture, view, states, chosen, hovered } = scene;
  const byLook = new Map<EdgeLook, Route[]>(EDGE_LOOKS.map((look) => [look, []]));
  const marked: Route[] = [];
  for (const route of picture.routes) {
    if (!isInSight(route, seen)) continue;
    if (route.from === chosen || route.to === chosen || route.from === hovered || route.to === hovered) marked.push(route);
    byLook.get(states ? edgeLook(states.get(route.from)?.state, states.get(route.to)?.state) : "plain")?.push(route);
  }
  const thin = Math.max(1.4, 0.7 / view.scale);
  for (const [look, routes] of byLook) {
    if (!routes.length) continue;
    pen.strokeStyle = colourOf(look, palette);
    pen.globalAlpha = view.scale < READABLE ? 0.55 : 1;
    pen.lineWidth = look === "block" ? thin * 1.4 : thin;
    // Dashes that are thinner than a pixel only cost time.
    pen.setLineDash(view.scale > 0.3 ? DASHES[look] : []);
    pen.beginPath();
    for (const route of routes) {
      if (view.scale < COARSE) straight(pen, route);
      else trace(pen, route, picture.direction === "down");
    }
    pen.stroke();
    pen.setLineDash([]);
    pen.fillStyle = pen.strokeStyle;
    if (view.scale > 0.25) for (const route of routes) arrow(pen, route, picture.direction === "down");
  }
  pen.globalAlpha = 1;
  if (marked.length) {
    pen.strokeStyle = palette.text;
    pen.lineWidth = thin * 1.5;
    pen.beginPath();
    for (const route of marked) trace(pen, route, picture.direction === "down");
    pen.stroke();
  }
  if (view.scale < READABLE) return;
  pen.font = `11px ${palette.font}`;
  pen.textAlign = "center";
  pen.textBaseline = "middle";
  for (const route of picture.routes) {
    if (!route.label || !isInSight(route, seen)) continue;
    const at = labelSpot(route);
    pen.strokeStyle = palette.surface;
    pen.lineWidth = 4;
    pen.strokeText(route.label, at.x, at.y);
    pen.fillStyle = palette.text2;
    pen.fillText(route.label, at.x, at.y);
  }
};

/** A picture does not change, and is painted many times. */
const extents = new WeakMap<Route, Seen>();

const extentOf = (route: Route): Seen => {
  const known = extents.get(route);
  if (known) return known;
  const extent = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let n = 0; n < route.points.length; n += 2) {
    const [x, y] = [route.points[n] as number, route.points[n + 1] as number];
    extent.left = Math.min(extent.left, x);
    extent.right = Math.max(extent.right, x);
    extent.top = Math.min(extent.top, y);
    extent.bottom = Math.max(extent.bottom, y);
  }
  extents.set(route, extent);
  return extent;
};

const isInSight = (route: Route, seen: Seen): boolean => {
  const { left, top, right, bottom } = extentOf(route);
  return left <= seen.right && right >= seen.left && top <= seen.bottom && bottom >= seen.top;
};

const straight = (pen: CanvasRenderingContext2D, { points }: Route): void => {
  pen.moveTo(points[0] as number, points[1] as number);
  for (let n = 2; n < points.length; n += 2) pen.lineTo(points[n] as number, points[n + 1] as number);
};

type Path = Pick<CanvasRenderingContext2D, "moveTo" | "lineTo" | "bezierCurveTo">;

/** Lines and curves by turns; curves leave and arrive along the direction. */
export const trace = (path: Path, { points }: Route, isDown: boolean): void => {
  path.moveTo(points[0] as number, points[1] as number);
  for (let n = 2; n < points.length; n += 2) {
    const [x0, y0, x1, y1] = [points[n - 2] as number, points[n - 1] as number, points[n] as number, points[n + 1] as number];
    const isCurve = (n / 2) % 2 === 0;
    if (!isCurve) path.lineTo(x1, y1);
    else if (isDown) path.bezierCurveTo(x0, (y0 + y1) / 2, x1, (y0 + y1) / 2, x1, y1);
    else path.bezierCurveTo((x0 + x1) / 2, y0, (x0 + x1) / 2, y1, x1, y1);
  }
};

const arrow = (pen: CanvasRenderingContext2D, { points }: Route, isDown: boolean): void => {
  const [x, y] = [points.at(-2) as number, points.at(-1) as number];
  const [px, py] = [points.at(-4) as number, points.at(-3) as number];
  const turn = (isDown ? y < py : x < px) ? -1 : 1;
  pen.beginPath();
  pen.moveTo(x, y);
  if (isDown) {
    pen.lineTo(x - 3, y - 7 * turn);
    pen.lineTo(x + 3, y - 7 * turn);
  } else {
    pen.lineTo(x - 7 * turn, y - 3);
    pen.lineTo(x - 7 * turn, y + 3);
  }
  pen.fill();
};

/** In the middle of the last curve of an edge, where its own node is near. */
export const labelSpot = ({ points }: Route): { x: number; y: number } => ({
  x: ((points.at(-2) as number) + (points.at(-4) as number)) / 2,
  y: ((points.at(-1) as number) + (points.at(-3) as number)) / 2,
});

const drawNode = (pen: CanvasRenderingContext2D, box: Box, isGroup: boolean, scene: Scene, palette: Palette): void => {
  const { view, states, labels, kinds, found, hovered, chosen, changes } = scene;
  const own = states?.get(box.id);
  const { x, y, width, height } = box;
  if (view.scale >= COARSE) {
    pen.fillStyle = palette.surface;
    pen.strokeStyle = hovered === box.id ? palette.text3 : palette.line2;
    pen.lineWidth = 1 / Math.min(1, view.scale);
    pen.beginPath();
    pen.roundRect(x, y, width, height, 6);
    pen.fill();
    pen.stroke();
  }
  if (view.scale < READABLE) {
    if (own) drawCell(pen, own.state, x, y, width, height, palette);
    else {
      pen.fillStyle = palette.line2;
      pen.fillRect(x, y, width, height);
    }
  } else {
    if (own) {
      pen.fillStyle = palette.fill[own.state];
      pen.fillRect(x, y + 1, 6, height - 2);
      drawCell(pen, own.state, x + width - 22, y + 7, 13, 13, palette);
    }
    pen.textAlign = "left";
    pen.textBaseline = "alphabetic";
    pen.fillStyle = palette.text;
    pen.font = `500 12px ${palette.mono}`;
    pen.fillText(cut(pen, `${isGroup ? "▸ " : ""}${labels.get(box.id) ?? box.id}`, width - 46), x + 16, y + 17);
    pen.fillStyle = palette.text3;
    pen.font = `12px ${palette.font}`;
    const side = own?.side ?? "";
    pen.fillText(cut(pen, own?.note ?? kinds.get(box.id) ?? "", width - 32 - side.length * 6), x + 16, y + 33);
    pen.textAlign = "right";
    if (side) pen.fillText(side, x + width - 8, y + 33);
  }
  const change = changes?.get(box.id);
  if (change || found.has(box.id) || chosen === box.id) {
    pen.lineWidth = (chosen === box.id ? 2 : 2.5) / Math.min(1, view.scale);
    pen.strokeStyle = chosen === box.id ? palette.text : change === "removed" ? palette.ink.failed : change ? palette.ink.success : palette.ink.up_for_retry;
    if (change === "rewired") pen.setLineDash([5, 4]);
    pen.strokeRect(x - 2, y - 2, width + 4, height + 4);
    pen.setLineDash([]);
  }
};

const widths = new Map<string, number>();
/** A text that fits; widths are measured once for each font. */
const cut = (pen: CanvasRenderingContext2D, text: string, room: number): string => {
  const one = widths.get(pen.font) ?? pen.measureText("abcdefghij_0123456789").width / 21;
  widths.set(pen.font, one);
  const most = Math.max(1, Math.floor(room / one));
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
};
