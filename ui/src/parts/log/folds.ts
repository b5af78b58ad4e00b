/** Rows that are folded away: shown rows are counted without them. Folds do not overlap, and are sorted. */
export interface Fold {
  /** The first row that is away. */
  from: number;
  count: number;
}

/** With one more fold; those inside it go with it. */
export const folded = (folds: readonly Fold[], added: Fold): Fold[] => {
  const end = added.from + added.count;
  return [...folds.filter((fold) => fold.from + fold.count <= added.from || fold.from >= end), added].sort((a, b) => a.from - b.from);
};

/** Without the fold that begins here. */
export const unfolded = (folds: readonly Fold[], from: number): Fold[] => folds.filter((fold) => fold.from !== from);

/** Without a fold in which this row is away. */
export const opened = (folds: readonly Fold[], row: number): Fold[] => folds.filter((fold) => row < fold.from || row >= fold.from + fold.count);

export const awayIn = (folds: readonly Fold[]): number => folds.reduce((sum, fold) => sum + fold.count, 0);

/** The row that is shown at this place. */
export const rowAt = (folds: readonly Fold[], place: number): number => {
  let row = place;
  for (const fold of folds) {
    if (fold.from > row) break;
    row += fold.count;
  }
  return row;
};

/** The place at which a row is shown; of one that is away: the place of what stands for it. */
export const placeOf = (folds: readonly Fold[], row: number): number => {
  let away = 0;
  for (const fold of folds) {
    if (fold.from > row) break;
    if (row < fold.from + fold.count) return fold.from - 1 - away;
    away += fold.count;
  }
  return row - away;
};
