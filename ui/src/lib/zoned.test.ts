import { expect, it } from "vitest";
import { isoIn, localText, momentOfIso, momentOfLocal, offsetAt, withMoments } from "./zoned";
import { random } from "./random";

const ZONES = ["UTC", "Asia/Seoul", "America/Los_Angeles", "Australia/Lord_Howe", "Asia/Kathmandu"];
const utc = (text: string): number => Date.parse(text) * 1000;

it("what is typed in a zone is the moment that its clocks show, on random moments of each zone", () => {
  const next = random(4);
  for (const zone of ZONES) {
    for (let n = 0; n < 40; n++) {
      const at = Math.floor(next() * 2e9) * 1e6;
      const back = momentOfLocal(localText(at, zone), zone) ?? Number.NaN;
      // In an hour that comes twice the first is meant.
      expect([zone, localText(back, zone)]).toEqual([zone, localText(at, zone)]);
      expect(momentOfIso(isoIn(at, zone))).toBe(at);
    }
  }
});

it("knows the offset, also of half an hour and where the clocks have been set", () => {
  expect(offsetAt(utc("2026-07-01T00:00:00Z"), "America/Los_Angeles")).toBe(-7 * 3_600e6);
  expect(offsetAt(utc("2026-12-01T00:00:00Z"), "America/Los_Angeles")).toBe(-8 * 3_600e6);
  expect(isoIn(utc("2026-11-22T05:00:00Z"), "Asia/Kathmandu")).toBe("2026-11-22T10:45:00+05:45");
});

it("an hour that is left out is the one after it, one that comes twice is the first", () => {
  expect(momentOfLocal("2026-03-08T02:30", "America/Los_Angeles")).toBe(utc("2026-03-08T10:30:00Z"));
  expect(momentOfLocal("2026-11-01T01:30", "America/Los_Angeles")).toBe(utc("2026-11-01T08:30:00Z"));
});

it("a sentence has its moments as the page writes them, and all else as it is", () => {
  const sentence = "Try 1 failed; it is tried again in 2 s, at 2026-11-26T08:26:49.238064+00:00.";
  expect(withMoments(sentence, (at) => localText(at, "Asia/Seoul"))).toBe("Try 1 failed; it is tried again in 2 s, at 2026-11-26T17:26:49.");
  expect(withMoments("since 2026-11-26", () => "x")).toBe("since 2026-11-26");
});

it("what is no date is none", () => {
  for (const text of ["", "2026-02-30T10:00", "2026-11-22", "tomorrow", "2026-11-22T25:00"]) expect(momentOfLocal(text, "UTC")).toBe(null);
  for (const text of ["2026-11-22T10:00:00", "x", "2026-11-22"]) expect(momentOfIso(text)).toBe(null);
});
