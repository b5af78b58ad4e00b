import { expect, it } from "vitest";
import { problemOf, read, type Variable, written } from "./file";

const variable = (key: string, value: string | null, description: string | null = null): Variable => ({ key, value, description, is_encrypted: true, team_name: null });

it("an export can be imported, and gives the same", () => {
  const { text } = written([variable("plain", "5"), variable("object", '{"a": [1, 2]}'), variable("said", "x", "why it is so"), variable("odd", "{not json")]);
  expect(read(text)).toEqual([
    { key: "plain", value: "5" },
    { key: "object", value: { a: [1, 2] } },
    { key: "said", value: "x", description: "why it is so" },
    { key: "odd", value: "{not json" },
  ]);
});

it("secrets are left out and counted, also those within a value, so that no import writes a mask", () => {
  const { text, count, leftOut } = written([variable("api_token", "***"), variable("lost", null), variable("service", '{"password": "***", "host": "x"}'), variable("stars", "a *** b")]);
  expect([JSON.parse(text), count, leftOut]).toEqual([{ stars: "a *** b" }, 1, 3]);
});

it("a value that has a description and more is a value", () => {
  expect(read('{"a": {"value": 1, "description": "d", "more": 2}, "b": {"description": "d"}}')).toEqual([
    { key: "a", value: { value: 1, description: "d", more: 2 } },
    { key: "b", value: { description: "d" } },
  ]);
});

it("a file that is no object is refused", () => {
  for (const text of ["[1]", "null", "5", "{", ""]) expect(() => read(text)).toThrow();
});

it("text that looks like JSON is checked, other text is not", () => {
  expect([problemOf('{"a": 1}'), problemOf("plain"), problemOf("")]).toEqual(["", "", ""]);
  expect(problemOf('{"a": 1,}')).not.toBe("");
});
