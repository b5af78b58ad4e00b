import { expect, it } from "vitest";
import { fieldsOf, valueOf } from "./answers";

const one = (param: unknown) => {
  const [field] = fieldsOf({ p: param });
  if (!field) throw new Error("no field");
  return field;
};

it("a plain value says its kind, a schema says it better", () => {
  expect(one(3).kind).toBe("number");
  expect(one(true)).toMatchObject({ kind: "switch", first: "true" });
  expect(one({ a: 1 })).toMatchObject({ kind: "json", first: '{"a":1}' });
  expect(one({ value: null, schema: { type: ["null", "integer"], title: "Rows", description: "How many" } })).toMatchObject({ kind: "number", label: "Rows", hint: "How many", required: false, first: "" });
  expect(one({ value: "a", schema: { enum: ["a", 2] } })).toMatchObject({ kind: "choice", first: '"a"', options: ["a", 2] });
});

it("reads what was typed, and says what is wrong", () => {
  expect(valueOf(one(3), "4.5")).toEqual({ value: 4.5 });
  expect(valueOf(one(3), "x")).toEqual({ fault: "number" });
  expect(valueOf(one(3), "")).toEqual({ fault: "required" });
  expect(valueOf(one("text"), "")).toEqual({ value: "" });
  expect(valueOf(one({ value: null, schema: { type: ["null", "integer"] } }), " ")).toEqual({ value: null });
  expect(valueOf(one([1]), "[1,")).toEqual({ fault: "json" });
  expect(valueOf(one({ value: "a", schema: { enum: ["a", 2] } }), "2")).toEqual({ value: 2 });
});
