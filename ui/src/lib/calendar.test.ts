import { describe, expect, it } from "vitest";
import { boundsOf, byDay, daysOf, failedPart } from "./calendar";
import type { Clock } from "./time";

const clockIn = (zone: string): Clock => ({ zone, language: "en", now: 0 });
const at = (iso: string): number => Date.parse(iso) * 1000;
const HOUR = 3_600e6;

it("a year is whole weeks, each day once, the last week with the last day", () => {
  const days = daysOf("2026-11-26");
  expect(days).toHaveLength(53 * 7);
  expect(days[0]).toEqual({ key: "2025-11-24", week: 0, weekday: 0 });
  expect(days.at(-4)).toEqual({ key: "2026-11-26", week: 52, weekday: 3 });
  expect(new Set(days.map((day) => day.key)).size).toBe(days.length);
});

describe("around a change of clocks", () => {
  it.each([
    ["America/Los_Angeles", "2026-03-08", 23], ["America/Los_Angeles", "2026-11-01", 25], ["Asia/Seoul", "2026-03-08", 24],
    ["Australia/Lord_Howe", "2026-04-05", 24.5], ["Australia/Lord_Howe", "2026-10-04", 23.5], ["UTC", "2026-03-29", 24],
  ])("in %s the day %s has %s hours", (zone, key, hours) => {
    const [from, until] = boundsOf(key, clockIn(zone));
    expect((until - from) / HOUR).toBe(hours);
  });

  it("each run is on the day that clocks in the zone show", () => {
    const slices = [at("2026-03-08T07:45Z"), at("2026-03-08T08:00Z"), at("2026-03-09T06:45Z"), at("2026-03-09T07:00Z")].map((time) => ({ at: time, states: { success: 1 } }));
    const counts = (zone: string): [string, number][] => [...byDay(slices, [], clockIn(zone))].map(([key, day]) => [key, day.total]);
    expect(counts("America/Los_Angeles")).toEqual([["2026-03-07", 1], ["2026-03-08", 2], ["2026-03-09", 1]]);
    expect(counts("UTC")).toEqual([["2026-03-08", 2], ["2026-03-09", 2]]);
    expect(counts("Asia/Seoul")).toEqual([["2026-03-08", 2], ["2026-03-09", 2]]);
  });
});

it("a day says which part of what is over failed, and what is planned", () => {
  const days = byDay([{ at: 0, states: { failed: 1, success: 3, running: 2 } }], [{ run_after: 5, logical_date: null }], clockIn("UTC"));
  const day = days.get("1970-01-01");
  expect(day).toEqual({ states: { failed: 1, success: 3, running: 2 }, total: 6, planned: 1 });
  expect(day && failedPart(day)).toBe(0.25);
  expect(failedPart({ states: { running: 1 }, total: 1, planned: 0 })).toBeNull();
});
