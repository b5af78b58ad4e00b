import { describe, expect, it } from "vitest";
import type { Clock } from "./time";
import { fromLocal, microsOf, toIso, toLocal } from "./zone";

const clock = (zone: string, language = "en"): Clock => ({ zone, language, now: 0 });
const moment = (local: string, zone: string): string | null => {
  const at = fromLocal(local, clock(zone));
  return at === null ? null : toIso(at);
};

describe("an input's moment", () => {
  it("is that of the reader's zone", () => {
    expect(moment("2026-11-22T14:05", "Asia/Seoul")).toBe("2026-11-22T05:05:00.000Z");
    expect(moment("2026-07-01T00:00", "America/Los_Angeles")).toBe("2026-07-01T07:00:00.000Z");
    expect(toLocal(microsOf("2026-11-22T05:05:09Z"), clock("Asia/Seoul"))).toBe("2026-11-22T14:05");
  });

  it("is none while its year is being typed", () => {
    for (const year of ["0002", "0020", "0202", "20210"]) expect(moment(`${year}-01-01T00:00`, "Asia/Seoul")).toBeNull();
  });

  it("is the first where clocks show it twice", () => {
    expect(moment("2026-11-01T01:30", "America/Los_Angeles")).toBe("2026-11-01T08:30:00.000Z");
    expect(moment("2026-04-05T01:45", "Australia/Lord_Howe")).toBe("2026-04-04T14:45:00.000Z");
  });

  it("lies after the jump where clocks skip it", () => {
    expect(moment("2026-03-08T02:30", "America/Los_Angeles")).toBe("2026-03-08T10:30:00.000Z");
  });

  it("comes back as it was written", () => {
    for (const [zone, language] of [["UTC", "en"], ["Asia/Seoul", "ko"], ["Asia/Kolkata", "en"], ["Australia/Lord_Howe", "ko"], ["America/St_Johns", "en"]] as const) {
      for (const local of ["2026-01-31T23:59", "2026-06-15T00:00", "2026-10-04T03:05"]) {
        expect(toLocal(fromLocal(local, clock(zone, language)) ?? 0, clock(zone, language))).toBe(local);
      }
    }
  });

  it("is none where the text is none", () => {
    expect(moment("yesterday", "UTC")).toBe(null);
  });
});
