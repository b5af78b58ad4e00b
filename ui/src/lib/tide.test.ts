import { expect, it } from "vitest";
import { movedOn, tideOf, totals } from "./tide";

const HOUR = 3600e6;
const chart = { start: 0, step: HOUR, until: 10 * HOUR, bars: [{ place: 0, success: 10, failed: 0 }, { place: 7, success: 5, failed: 1 }], planned: [[0, 4], [1, 2]] };

it("bars stand where their time is, and what failed lies on top", () => {
  const tide = tideOf(chart, 8 * HOUR, 1000, 104, 6);
  expect(tide.nowX).toBe(800);
  expect(tide.marks.map(({ x, kind }) => [x, kind])).toEqual([[0, "success"], [700, "success"], [700, "failed"], [800, "planned"], [900, "planned"]]);
  const [whole, half, failed] = tide.marks;
  expect(whole?.height).toBe(tide.base - 14);
  expect(half?.height).toBe((whole?.height ?? 0) / 2);
  expect((failed?.y ?? 0) + (failed?.height ?? 0) + 2).toBe(half?.y);
});

it("ticks are at whole hours, and an empty day has no marks", () => {
  expect(tideOf(chart, 8 * HOUR, 1000, 104, 6).ticks.map(({ at }) => at / HOUR)).toEqual([0, 2, 4, 6, 8, 10]);
  const empty = { ...chart, bars: [], planned: [] };
  expect(tideOf(empty, 8 * HOUR, 1000, 104, 6).marks).toEqual([]);
  expect(totals(chart)).toEqual({ success: 15, failed: 1, planned: 6 });
});

it("moves on with time: what is too old is gone, and what is planned stays where it is", () => {
  const later = movedOn(chart, 2.5 * HOUR);
  expect([later.start, later.until, later.bars]).toEqual([2 * HOUR, 12 * HOUR, [{ place: 5, success: 5, failed: 1 }]]);
  const tide = tideOf(later, 10.5 * HOUR, 1000, 104, 6, 8 * HOUR);
  expect(tide.nowX).toBe(850);
  expect(tide.marks.map(({ x, kind }) => [x, kind])).toEqual([[500, "success"], [500, "failed"], [600, "planned"], [700, "planned"]]);
  expect(movedOn(chart, HOUR / 2)).toBe(chart);
});
