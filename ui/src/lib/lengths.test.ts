import { expect, it } from "vitest";
import { quantile, regressions } from "./lengths";

const s = (seconds: number): number => seconds * 1e6;

it("quantiles are values that occurred", () => {
  expect(quantile([], 0.5)).toBeNull();
  expect(quantile([s(3), s(1), s(2)], 0.5)).toBe(s(2));
  expect(quantile(Array.from({ length: 100 }, (_, n) => n + 1), 0.95)).toBe(95);
});

it("a regression took more than twice the usual, once something is usual", () => {
  expect(regressions([s(9), s(1)])).toEqual([false, false]);
  expect(regressions([s(10), s(11), s(9), null, s(10), s(10), s(21), s(19)])).toEqual([false, false, false, false, false, false, true, false]);
  expect(regressions([1e5, 1e5, 1e5, 1e5, 1e5, 4e5])).toEqual(Array(6).fill(false)); // tenths of a second are no news
});
