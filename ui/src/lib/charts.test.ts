import { describe, expect, it } from "vitest";
import { axisOf, bandOf, barsOf, heightOf, lineOf, middleOf, movedOn, placeAt, rateOf, ticksOf } from "./charts";
import type { Clock } from "./time";

const FRAME = { left: 0, right: 40, top: 0, bottom: 100 };
const TEN = { low: 0, high: 10, marks: [0, 5, 10] };
const inZone = (zone: string): Clock => ({ zone, language: "en", now: 0 });
const at = (iso: string): number => Date.parse(iso) * 1000;

describe("steps", () => {
  it("have a middle, and are found where one points", () => {
    expect([0, 1, 2, 3].map((place) => middleOf(place, 4, FRAME))).toEqual([5, 15, 25, 35]);
    expect([-1, 0, 9.9, 10, 39.9, 40].map((x) => placeAt(x, 4, FRAME))).toEqual([null, 0, 0, 1, 3, null]);
  });
  it("move to the left as time goes on, and what is new is not known", () => {
    expect(movedOn([1, 2, 3], 0, 0)).toEqual([1, 2, 3]);
    expect(movedOn([1, 2, 3], 1, null)).toEqual([2, 3, null]);
    expect(movedOn([1, 2, 3], 9, 0)).toEqual([0, 0, 0]);
  });
});

describe("a success rate", () => {
  it("is of what succeeded or failed, and of nothing else there is none", () => {
    expect(rateOf([3, 0, 0, 1], [1, 2, 0, 0])).toEqual([75, 0, null, 100]);
  });
});

describe("an axis", () => {
  it("ends at a round number that holds all", () => {
    expect(axisOf([[7, 3], [null]], "count").high).toBe(8);
    expect(axisOf([[0]], "count").high).toBe(2);
    expect(axisOf([[101]], "count").high).toBe(200);
    expect(axisOf([[61e6]], "duration").high).toBe(120e6);
    expect(axisOf([[3200]], "duration").high).toBe(5000);
    expect(axisOf([[30 * 3600e6]], "duration").high).toBe(48 * 3600e6);
    expect(axisOf([[1.3e9]], "bytes").high).toBe(2e9);
    expect(axisOf([[0.3]], "bytes").high).toBe(0.5);
  });
  it("of a rate begins below the least", () => {
    expect(axisOf([[99, 100]], "percent")).toEqual({ low: 90, high: 100, marks: [90, 95, 100] });
    expect(axisOf([[90]], "percent").low).toBe(80);
    expect(axisOf([[60]], "score").low).toBe(50);
    expect(axisOf([[0]], "percent").low).toBe(0);
    expect(axisOf([[]], "percent").low).toBe(0);
  });
  it("puts values between its ends", () => {
    expect([0, 5, 10, 20].map((value) => heightOf(value, TEN, FRAME))).toEqual([100, 50, 0, 0]);
  });
});

describe("a line", () => {
  it("is broken where there are no values, and shows what stands alone as a point", () => {
    const { path, points } = lineOf([0, 5, null, 10], TEN, FRAME);
    expect(path).toBe("M5.0 100.0L15.0 50.0M35.0 0.0");
    expect(points.map(({ x }) => x)).toEqual([35]);
  });
  it("goes on to the next value where it bridges", () => {
    const { path, points } = lineOf([0, null, null, 10], TEN, FRAME, true);
    expect(path).toBe("M5.0 100.0L35.0 0.0");
    expect(points).toHaveLength(2);
  });
  it("has an area to another one where both are", () => {
    expect(bandOf([0, 0, null, 0], [10, 5, 5, 5], TEN, FRAME)).toBe("M5.0 0.0L15.0 50.0L15.0 100.0L5.0 100.0Z");
    expect(bandOf([null], [1], TEN, FRAME)).toBe("");
  });
});

describe("bars", () => {
  it("stand on top of each other", () => {
    const [first, second] = barsOf([[5, 0, 0, 0], [5, 0, 0, 1]], TEN, FRAME);
    expect(first).toBe("M0.50 100.0v-50.0h9.00v50.0Z");
    expect(second).toBe("M0.50 50.0v-50.0h9.00v50.0ZM30.50 100.0v-10.0h9.00v10.0Z");
  });
  it("are seen however little they are", () => {
    expect(barsOf([[1]], { low: 0, high: 1e6, marks: [] }, FRAME)[0]).toContain("v-1.0");
  });
});

describe("ticks", () => {
  it("are round moments of the reader's clocks", () => {
    const [start, end] = [at("2026-11-25T00:10:00Z"), at("2026-11-26T00:10:00Z")];
    expect(ticksOf(start, end, 5, inZone("UTC"))).toEqual(["06", "12", "18"].map((hour) => at(`2026-11-25T${hour}:00:00Z`)).concat(at("2026-11-26T00:00:00Z")));
    expect(ticksOf(start, end, 5, inZone("Asia/Seoul"))[0]).toBe(at("2026-11-25T03:00:00Z"));
    expect(ticksOf(start, end, 5, inZone("Asia/Kathmandu"))[0]).toBe(at("2026-11-25T00:15:00Z"));
  });
  it("of a week are midnights, also where clocks jump", () => {
    const days = ticksOf(at("2026-10-22T00:00:00Z"), at("2026-10-29T00:00:00Z"), 8, inZone("Europe/Berlin"));
    expect(days).toHaveLength(7);
    expect((days[3] ?? 0) - (days[2] ?? 0)).toBe(25 * 3600e6);
  });
});
