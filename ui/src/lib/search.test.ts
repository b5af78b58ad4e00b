import { expect, it } from "vitest";
import { Checked, only, toggled, words } from "./search";

it("an address is taken only as what it can be", () => {
  const from = new Checked({ run: "x", number: 12, many: ["a", 3, "b"], none: [], page: 2, half: 1.5, on: true, off: "true", day: "2026-02-28", noDay: "2026-13-41", dir: "down", up: "up" });
  expect({ ...from.text("run"), ...from.text("number"), ...from.text("on"), ...from.text("missing") }).toEqual({ run: "x", number: "12", on: "true" });
  expect({ ...from.texts("many"), ...from.texts("none"), ...from.texts("run") }).toEqual({ many: ["a", "b"] });
  expect({ ...from.whole("page"), ...from.whole("half") }).toEqual({ page: 2 });
  expect({ ...from.flag("on"), ...from.flag("off") }).toEqual({ on: true });
  expect({ ...from.day("day"), ...from.day("noDay"), ...from.day("run") }).toEqual({ day: "2026-02-28" });
  expect({ ...from.oneOf("dir", ["down", "right"]), ...from.oneOf("up", ["down"]) }).toEqual({ dir: "down" });
});

it("a page is handed what it takes, and nothing else that an address says", () => {
  const read = words("q", "run", "yes", "empty", "list");
  expect(read({ q: "load", run: 5, odd: "x", yes: true, empty: "", list: ["a"] })).toEqual({ q: "load", run: "5", yes: "true" });
  expect(only(() => ({}))({ odd: "x" })).toEqual({ odd: undefined });
});

it("a value of a list comes and goes", () => {
  expect(toggled(undefined, "a")).toEqual(["a"]);
  expect(toggled(["a"], "b")).toEqual(["a", "b"]);
  expect(toggled(new Set(["a", "b"]), "a")).toEqual(["b"]);
  expect(toggled(["a"], "a")).toBeUndefined();
});
