import { expect, it } from "vitest";
import { columnsOf, type GridRun } from "./columns";

const HOUR = 3_600e6;
const at = (text: string): number => Date.parse(text) * 1000;
const clock = { zone: "UTC", language: "en", now: at("2026-11-27T00:00:00Z") };
const marks = (from: string, hours: readonly number[]): string[] =>
  columnsOf(hours.map((hour, n) => ({ number: n, run_id: String(n), state: "success", logical_date: at(from) + hour * HOUR, run_after: 0, start: null, end: null, version: "1" }) as unknown as GridRun), clock).map((column) => column.mark);
const range = (count: number, step = 1): number[] => Array.from({ length: count }, (_, n) => n * step);

it("a day's name stands where the day begins, and no hour or other name runs into it", () => {
  const found = marks("2026-11-24T20:00:00Z", range(30));
  expect(found.flatMap((mark, n) => (mark ? [`${String(n)} ${mark}`] : []))).toEqual(["0 20:00", "4 Wed, Nov 25", "10 06:00", "16 12:00", "22 18:00", "28 Thu, Nov 26"]);
});

it("the first run says its day where there is room for it", () => {
  expect(marks("2026-11-24T00:00:00Z", range(8))).toEqual(["Tue, Nov 24", "", "", "", "", "", "06:00", ""]);
  expect(marks("2026-11-24T00:00:00Z", [0])).toEqual(["Tue, Nov 24"]);
  expect(columnsOf([], clock)).toEqual([]);
});

it("of days that follow closely every few are named", () => {
  expect(marks("2026-11-02T00:00:00Z", range(9, 24)).map((mark) => Boolean(mark))).toEqual([false, true, false, false, false, false, false, true, false]);
});
