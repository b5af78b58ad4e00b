/** What is usual among durations, and what is not. */
export const quantile = (values: readonly number[], part: number): number | null => {
  if (!values.length) return null;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(part * sorted.length) - 1))] ?? null;
};

/** Before so many others nothing is usual yet. */
const ENOUGH = 5;
const LOOKED_BACK = 25;
/** What takes a moment may take two. */
const LEAST = 1e6;

/** Which took more than twice the middle of those before. */
export const regressions = (lengths: readonly (number | null)[]): boolean[] => {
  const before: number[] = [];
  return lengths.map((length) => {
    if (length === null) return false;
    const usual = before.length >= ENOUGH ? quantile(before.slice(-LOOKED_BACK), 0.5) : null;
    before.push(length);
    return usual !== null && length > 2 * usual && length - usual > LEAST;
  });
};
