import { expect, it } from "vitest";
import { nameOf, stepOf } from "./keys";

const press = (key: string, more: object = {}) => nameOf({ key, ctrlKey: false, metaKey: false, altKey: false, ...more });
const KNOWN = ["g d", "g h", "?", "mod+k"];

it("names keys, and not those of a syllable that is being composed", () => {
  expect(press("K", { metaKey: true })).toBe("mod+k");
  expect(press("?")).toBe("?");
  expect([press("g", { isComposing: true }), press("g", { altKey: true }), press("Escape")]).toEqual(["", "", ""]);
});

it("waits for the second key of a sequence, and forgets it when another comes", () => {
  expect(stepOf(KNOWN, "", "g")).toEqual({ chosen: null, begun: "g" });
  expect(stepOf(KNOWN, "g", "d")).toEqual({ chosen: "g d", begun: "" });
  expect(stepOf(KNOWN, "g", "?")).toEqual({ chosen: "?", begun: "" });
  expect(stepOf(KNOWN, "g", "z")).toEqual({ chosen: null, begun: "" });
  expect(stepOf(KNOWN, "g", "g")).toEqual({ chosen: null, begun: "g" });
});
