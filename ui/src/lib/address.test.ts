import { expect, it } from "vitest";
import { nextSort, patternOf, placeOf, severalOf } from "./address";

it("several values are told apart by commas", () => {
  expect(severalOf("failed, running,")).toEqual(["failed", "running"]);
  expect(severalOf(undefined)).toEqual([]);
});

it("a place that is none is the first", () => {
  expect(["100", "-1", "1.5", "x", "1e12"].map(placeOf)).toEqual([100, 0, 0, 0, 0]);
});

it("a column sorts upwards, downwards, and not at all", () => {
  expect([nextSort(undefined, "key"), nextSort("key", "key"), nextSort("-key", "key"), nextSort("-key", "value")]).toEqual(["key", "-key", "", "value"]);
});

it("what is typed is looked for as it is", () => {
  expect([patternOf("load_orders"), patternOf("100%"), patternOf("a\\b")]).toEqual(["load\\_orders", "100\\%", "a\\\\b"]);
});
