import { describe, expect, it } from "vitest";
import { type Clock, clockTime, dayKey, duration, isZone, shortTime, span, weekdayName, wholeTime } from "./time";

const at = (text: string): number => Date.parse(text) * 1000;
const clock = (zone: string, language = "en"): Clock => ({ zone, language, now: at("2026-11-22T05:30:00Z") });

describe("times", () => {
  it("are written in the chosen zone, also around a change of the clocks", () => {
    expect(wholeTime(at("2026-11-22T05:05:09Z"), clock("Asia/Seoul"))).toBe("2026-11-22 14:05:09 GMT+9");
    expect(wholeTime(at("2026-11-01T08:30:00Z"), clock("America/Los_Angeles"))).toBe("2026-11-01 01:30:00 GMT-7");
    expect(wholeTime(at("2026-11-01T09:30:00Z"), clock("America/Los_Angeles"))).toBe("2026-11-01 01:30:00 GMT-8");
    expect(wholeTime(at("2026-10-03T15:40:00Z"), clock("Australia/Lord_Howe"))).toBe("2026-10-04 02:40:00 GMT+11");
    expect(clockTime(at("2026-11-22T15:00:00Z"), clock("UTC"))).toBe("15:00:00");
    expect(wholeTime(at("2026-01-02T03:04:05Z"), clock("UTC", "ko"))).toBe("2026-01-02 03:04:05 UTC");
  });

  it("are written anew for each zone, second and language", () => {
    const moment = at("2026-05-05T05:05:05Z");
    const written = (): string[] => [clock("UTC"), clock("Asia/Seoul"), clock("UTC", "ko")].map((each) => wholeTime(moment, each));
    expect(written()).toEqual(["2026-05-05 05:05:05 UTC", "2026-05-05 14:05:05 GMT+9", "2026-05-05 05:05:05 UTC"]);
    expect(written()).toEqual(["2026-05-05 05:05:05 UTC", "2026-05-05 14:05:05 GMT+9", "2026-05-05 05:05:05 UTC"]);
    expect(wholeTime(moment + 1e6, clock("UTC"))).toBe("2026-05-05 05:05:06 UTC");
    expect([weekdayName(0, "en"), weekdayName(3, "ko", "short")]).toEqual(["Sunday", "수"]);
  });

  it("fall on the day that it is in the zone", () => {
    expect(dayKey(at("2026-11-22T20:00:00Z"), clock("Asia/Seoul"))).toBe("2026-11-23");
    expect(wholeTime(at("2026-01-02T03:04:05Z"), clock("Europe/London"))).toMatch(/^2026-01-02 03:04:05 GMT(\+0)?$/);
    expect(dayKey(at("2026-11-22T20:00:00Z"), clock("UTC"))).toBe("2026-11-22");
  });

  it("leave the day out on the present day", () => {
    expect(shortTime(at("2026-11-22T04:00:00Z"), clock("UTC"))).toBe("04:00");
    expect(shortTime(at("2026-11-20T04:00:00Z"), clock("UTC"))).toBe("Fri 04:00");
    expect(shortTime(at("2026-06-20T04:00:00Z"), clock("UTC"))).toBe("Jun 20 04:00");
    expect(shortTime(at("2026-06-20T04:00:00Z"), clock("UTC", "ko"))).toBe("6월 20일 04:00");
    expect(shortTime(at("2025-06-20T04:00:00Z"), clock("UTC"))).toBe("2025-06-20 04:00");
  });
});

describe("durations", () => {
  it("are as exact as a reader needs", () => {
    expect(duration(0)).toBe("< 1 ms");
    expect(duration(4_200)).toBe("4 ms");
    expect(duration(3_240_000)).toBe("3.2 s");
    expect(duration(9_960_000)).toBe("0:10");
    expect(duration(128e6)).toBe("2:08");
    expect(duration(3682e6)).toBe("1:01:22");
  });

  it("have one unit in a sentence", () => {
    expect(span(59e6)).toEqual({ count: 59, unit: "second" });
    expect(span(60e6)).toEqual({ count: 1, unit: "minute" });
    expect(span(-3600e6)).toEqual({ count: 1, unit: "hour" });
    expect(span(86_400e6 * 3)).toEqual({ count: 3, unit: "day" });
  });
});

it("a zone that nobody knows is none", () => {
  expect(isZone("Asia/Seoul")).toBe(true);
  expect(isZone("Asia/Nowhere")).toBe(false);
});
