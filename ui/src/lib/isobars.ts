/** Lines of equal pressure of a made-up weather: what the sign-in page shows beside its form. */

export interface Isobar {
  level: number;
  isMain: boolean;
  /** Pieces of the line, four numbers each: from x, y to x, y. */
  pieces: number[];
}

const [LOWEST, HIGHEST, BETWEEN, MAIN] = [-39, 39, 3, 12];
const CELL = 8;
/** Highs and lows: where, as parts of width and height, how wide, how strong. */
const CENTRES = [[0.3, 0.36, 0.3, 30], [0.86, 0.8, 0.34, -34], [0.95, 0.1, 0.28, 18], [0.1, 0.95, 0.3, -14]] as const;

/** The pressure at a place of an area of this size. */
export const pressure = (x: number, y: number, width: number, height: number): number => {
  const across = Math.max(width, 500);
  const of = ([cx, cy, reach, strength]: (typeof CENTRES)[number]): number =>
    strength * Math.exp(-((x - cx * across) ** 2 + (y - cy * height) ** 2) / (reach * across) ** 2);
  return CENTRES.reduce((sum, centre) => sum + of(centre), (x / across) * 8 - (y / height) * 6);
};

/** The lines of an area of this size, each cut into pieces as long as a cell. */
export const isobarsOf = (width: number, height: number): Isobar[] => {
  const [columns, rows] = [Math.ceil(width / CELL), Math.ceil(height / CELL)];
  const field = Array.from({ length: rows + 1 }, (_, row) => Array.from({ length: columns + 1 }, (__, column) => pressure(column * CELL, row * CELL, width, height)));
  const at = (column: number, row: number): number => field[row]?.[column] ?? 0;
  const found: Isobar[] = [];
  for (let level = LOWEST; level <= HIGHEST; level += BETWEEN) {
    const pieces: number[] = [];
    for (let row = 0; row < rows; row++) for (let column = 0; column < columns; column++) pieces.push(...crossing(column, row, at, level));
    if (pieces.length) found.push({ level, isMain: level % MAIN === 0, pieces });
  }
  return found;
};

/** Where a line crosses a cell: from edge to edge; where it crosses all four, two pieces. */
const crossing = (column: number, row: number, at: (column: number, row: number) => number, level: number): number[] => {
  const corners = [[column, row], [column + 1, row], [column + 1, row + 1], [column, row + 1]] as const;
  const points: number[] = [];
  corners.forEach(([x, y], n) => {
    const [toX, toY] = corners[(n + 1) % 4] ?? corners[0];
    const [here, there] = [at(x, y) - level, at(toX, toY) - level];
    if (here < 0 === there < 0) return;
    const part = here / (here - there);
    points.push((x + (toX - x) * part) * CELL, (y + (toY - y) * part) * CELL);
  });
  return points;
};
