/**
 * Where a log is scrolled to. Rows are 18 px high; where all of them are higher than a browser lets an element be, the
 * scroll bar stands for the whole by proportion.
 */
export const ROW = 18;
export const MOST_HEIGHT = 15_000_000;

export interface Extent {
  /** What all rows take, in px. */
  content: number;
  /** What the scrolled element has. */
  height: number;
  viewport: number;
}

/** `tail`: room below the last row, so that it can come to the top where rows are higher than 18 px. */
export const extentOf = (rows: number, viewport: number, tail = 0): Extent => {
  const content = rows * ROW + tail;
  return { content, height: Math.min(content, MOST_HEIGHT), viewport };
};

export const isScaled = (extent: Extent): boolean => extent.height < extent.content;
export const lastTop = (extent: Extent): number => Math.max(0, extent.content - extent.viewport);
const lastScroll = (extent: Extent): number => Math.max(0, extent.height - extent.viewport);

/** How far the content is scrolled, by how far the element is. */
export const topOf = (scrolled: number, extent: Extent): number =>
  isScaled(extent) ? Math.min(1, scrolled / lastScroll(extent)) * lastTop(extent) : Math.min(scrolled, lastTop(extent));

/** The other way round. */
export const scrolledOf = (top: number, extent: Extent): number =>
  isScaled(extent) ? (top / lastTop(extent)) * lastScroll(extent) : top;

export const held = (top: number, extent: Extent): number => Math.min(Math.max(0, top), lastTop(extent));

export interface Span {
  from: number;
  /** Not included. */
  to: number;
}

/** The rows on screen, and `around` above and below them. */
export const rowsAt = (top: number, extent: Extent, rows: number, around = 0): Span => ({
  from: Math.max(0, Math.floor(top / ROW) - around),
  to: Math.min(rows, Math.ceil((top + extent.viewport) / ROW) + around),
});

/** Where to scroll so that a row is seen: as little as needed, or to the middle where it is far away. */
export const topFor = (row: number, top: number, extent: Extent): number => {
  const at = row * ROW;
  if (at >= top + ROW && at + 2 * ROW <= top + extent.viewport) return top;
  return held(at - (extent.viewport - ROW) / 2, extent);
};
