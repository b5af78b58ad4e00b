/** Where a reader looks at a picture from, and what is under a pointer. Pure. */
import type { Box, Picture } from "./types";

export interface View {
  /** Where the picture's corner is on the stage, and how large it is drawn. */
  x: number;
  y: number;
  scale: number;
}

export interface Size {
  width: number;
  height: number;
}

export const LARGEST = 1.6;
const MARGIN = 24;

/** The whole picture in the middle, never larger than life. */
export const fitted = (picture: Size, stage: Size): View => {
  const scale = Math.min(1, (stage.width - 2 * MARGIN) / Math.max(picture.width, 1), (stage.height - 2 * MARGIN) / Math.max(picture.height, 1));
  const safe = Math.max(scale, 0.005);
  return { scale: safe, x: (stage.width - picture.width * safe) / 2, y: (stage.height - picture.height * safe) / 2 };
};

/** Larger or smaller by a factor, round a point of the stage that stays where it is. */
export const zoomed = (view: View, factor: number, at: { x: number; y: number }, least: number): View => {
  const scale = Math.max(Math.min(least, 0.2), Math.min(LARGEST, view.scale * factor));
  const by = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * by, y: at.y - (at.y - view.y) * by };
};

/** Moved as little as shows a box whole. */
export const showing = (view: View, box: Box, stage: Size): View => {
  const near = view.scale < 0.45 ? { ...view, scale: 0.8 } : view;
  const [left, top] = [near.x + box.x * near.scale, near.y + box.y * near.scale];
  if (near !== view) {
    return { scale: near.scale, x: stage.width / 2 - (box.x + box.width / 2) * near.scale, y: stage.height / 2 - (box.y + box.height / 2) * near.scale };
  }
  const shift = (start: number, length: number, room: number): number =>
    start < MARGIN ? MARGIN - start : start + length > room - MARGIN ? Math.min(room - MARGIN - start - length, 0) : 0;
  return { ...view, x: view.x + shift(left, box.width * view.scale, stage.width), y: view.y + shift(top, box.height * view.scale, stage.height) };
};

/** Seen so that a box is where it was when this was taken of another picture; null where there is none. */
export const anchored = (picture: Picture, anchor: { id: string; x: number; y: number; scale: number }): View | null => {
  const box = [...boxesOf(picture), ...picture.groups].find((each) => each.id === anchor.id);
  return box ? { scale: anchor.scale, x: anchor.x - box.x * anchor.scale, y: anchor.y - box.y * anchor.scale } : null;
};

export const boxesOf = (picture: Picture): Box[] => [...picture.nodes, ...picture.closed];

export type Hit = { box: Box; what: "node" | "closed" | "group" };

/** The node at a point of the stage, or the name of an open group. */
export const hit = (picture: Picture, view: View, x: number, y: number): Hit | null => {
  const [px, py] = [(x - view.x) / view.scale, (y - view.y) / view.scale];
  const holds = (box: Box, top = 0, height = box.height): boolean => px >= box.x && px < box.x + box.width && py >= box.y + top && py < box.y + top + height;
  const node = picture.nodes.find((box) => holds(box));
  if (node) return { box: node, what: "node" };
  const closed = picture.closed.find((box) => holds(box));
  if (closed) return { box: closed, what: "closed" };
  const group = [...picture.groups].reverse().find((box) => holds(box, -10, 24));
  return group ? { box: group, what: "group" } : null;
};

const STEPS: Readonly<Record<string, readonly [number, number]>> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** Where an arrow key leads from a box: the nearest one in that direction, straight ahead before aside. */
export const stepped = (boxes: readonly Box[], from: Box | undefined, key: string): Box | undefined => {
  const step = STEPS[key];
  if (!step) return undefined;
  const [dx, dy] = step;
  if (!from) return boxes[0];
  const middle = (box: Box): [number, number] => [box.x + box.width / 2, box.y + box.height / 2];
  const [x, y] = middle(from);
  let best: Box | undefined;
  let least = Infinity;
  for (const box of boxes) {
    const [bx, by] = middle(box);
    const ahead = (bx - x) * dx + (by - y) * dy;
    if (ahead < 1) continue;
    const aside = Math.abs((bx - x) * dy) + Math.abs((by - y) * dx);
    const cost = ahead + 2.5 * aside;
    if (cost < least) [best, least] = [box, cost];
  }
  return best;
};
