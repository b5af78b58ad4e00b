import { expect, it } from "vitest";
import { changedNames, type Conf, draftOf, fieldsOf, isSame, type Json, type Param, problemOf, readConf, refusedField, sentConf, setValue, shownIn, shownJson, typeIn, typeJson, written } from "./params";
import { random } from "./random";

const PARAMS: Record<string, Param> = {
  source: { value: "all", schema: { enum: ["all", "api", 3], values_display: { all: "Everything" } } },
  chunk: { value: 10_000, schema: { type: "integer", minimum: 1000, maximum: 1_000_000, section: "Size" }, description: "Rows at a time." },
  ratio: { value: null, schema: { type: ["number", "null"] } },
  name: { value: "x", schema: { type: "string", minLength: 2, examples: ["aa", "bb"] } },
  day: { value: null, schema: { type: "string", format: "date" } },
  tags: { value: ["a"], schema: { type: "array", items: { type: "string" } } },
  picks: { value: [], schema: { type: "array", examples: ["one", "two"] } },
  extra: { value: { a: 1 }, schema: { type: "object" } },
  full: { value: false, schema: { type: "boolean" } },
  plain: { value: 5 },
};
const FIELDS = fieldsOf(PARAMS);
const field = (name: string) => FIELDS.find((each) => each.name === name) as (typeof FIELDS)[number];

it("a param's schema says which field it has", () => {
  expect(Object.fromEntries(FIELDS.map((each) => [each.name, each.kind]))).toEqual({
    source: "choice", ratio: "number", name: "text", day: "date", tags: "lines", picks: "choices", extra: "json", full: "boolean", plain: "number", chunk: "integer",
  });
  expect(FIELDS.at(-1)).toMatchObject({ name: "chunk", section: "Size", minimum: 1000, description: "Rows at a time." });
  expect(field("source").choices).toEqual([{ value: "all", label: "Everything" }, { value: "api", label: "api" }, { value: 3, label: "3" }]);
  expect([field("day").required, field("ratio").required, field("ratio").nullable]).toEqual([true, false, true]);
  expect(fieldsOf({ both: { schema: { type: ["string", "integer"] } }, at: { schema: { type: "string", format: "date-time" } } }).map((each) => each.kind)).toEqual(["json", "date-time"]);
});

it("says what is wrong under the field, before it is sent", () => {
  const code = (name: string, text: string) => problemOf(typeIn(draftOf(FIELDS), field(name), text), field(name))?.code ?? null;
  expect(code("chunk", "12a")).toBe("integer");
  expect(code("chunk", "1.5")).toBe("integer");
  expect(code("chunk", "7")).toBe("minimum");
  expect(code("chunk", "1000001")).toBe("maximum");
  expect(code("chunk", "")).toBe("integer");
  expect(code("chunk", "2000")).toBe(null);
  expect(code("chunk", "12345678901234567890")).toBe("exact");
  expect(code("ratio", "")).toBe(null);
  expect(code("name", "a")).toBe("minLength");
  expect(code("day", "today")).toBe("date");
  expect(code("extra", "{")).toBe("json");
  expect(problemOf(draftOf(FIELDS), field("day"))?.code).toBe("required");
  expect(problemOf(setValue(draftOf(FIELDS), "source", "3"), field("source"))?.code).toBe("choice");
});

it("a number that would be sent as another one is not taken from JSON either", () => {
  expect(readConf('{"id": 12345678901234567890}')).toEqual({ problem: { code: "exact", wanted: "12345678901234567890" } });
  expect(readConf('{"id": "12345678901234567890", "x": 1.5e3}')).toEqual({ conf: { id: "12345678901234567890", x: 1500 } });
  expect(readConf("[1]")).toEqual({ problem: { code: "object" } });
});

const randomJson = (next: () => number, depth = 0): Json => {
  const pick = Math.floor(next() * (depth > 2 ? 5 : 7));
  switch (pick) {
    case 0: return null;
    case 1: return next() < 0.5;
    case 2: return Math.floor(next() * 2e6) - 1e6;
    case 3: return Math.round(next() * 1e6) / 1e3;
    case 4: return ["", "a\nb", '"', "한글", "\\", "__proto__", "1e3"][Math.floor(next() * 7)] ?? "";
    case 5: return Array.from({ length: Math.floor(next() * 3) }, () => randomJson(next, depth + 1));
    default: return Object.fromEntries(Array.from({ length: Math.floor(next() * 3) }, (_, n) => [`k${String(n)}`, randomJson(next, depth + 1)]));
  }
};
const TEXTS = ["", " ", "5", "-7", "1.50", "1e3", "12a", "x", "a\nb\n", "{", "{}", '{"b": [1, 2]}', "null", "true", "2026-11-22", "99999999999999999999"];
const JSONS = ["", "{", "[]", '{"chunk": 5}', '{ "plain" : 1 , "new": {"a":[]} }', '{"source":"api","chunk":null}', '{"n": 99999999999999999999}', '{"chunk": 1, "chunk": 2}'];

it("after any edits in both tabs, what stands in the JSON tab and in the fields is what is sent, or nothing is", () => {
  const wrong: unknown[] = [];
  for (let seed = 1; seed <= 300; seed++) {
    const next = random(seed);
    const choose = <T>(some: readonly T[]): T => some[Math.floor(next() * some.length)] as T;
    let draft = draftOf(FIELDS, next() < 0.3 ? { chunk: 7, more: [1] } : {});
    for (let edit = 0; edit < 12; edit++) {
      const [kind, where] = [next(), choose(FIELDS)];
      if (kind < 0.5) draft = typeIn(draft, where, choose(TEXTS));
      else if (kind < 0.7) draft = setValue(draft, where.name, randomJson(next));
      else if (kind < 0.85) draft = typeJson(draft, choose(JSONS));
      else draft = typeJson(draft, JSON.stringify(Object.fromEntries(FIELDS.map((each) => [each.name, randomJson(next)]))));
      const sent = sentConf(draft);
      if (sent === null) {
        // Whatever keeps it from being sent stands on the screen as it was typed.
        const isBad = (draft.jsonProblem !== null && "problem" in readConf(shownJson(draft))) || FIELDS.some((each) => problemOf(draft, each) && draft.typed[each.name]?.text === shownIn(draft, each));
        if (!isBad) wrong.push([seed, edit, "nothing keeps it"]);
        continue;
      }
      if (!isSame(JSON.parse(shownJson(draft)) as Json, JSON.parse(JSON.stringify(sent)) as Json)) wrong.push([seed, edit, shownJson(draft), sent]);
      for (const each of FIELDS) {
        // The text in a field, typed again, is the value that is sent.
        const again = typeIn(draft, each, shownIn(draft, each));
        const [fits, typed] = [shownFits(each.kind, sent[each.name]), sentConf(again)?.[each.name]];
        if (fits && !isSame(typed, sent[each.name])) wrong.push([seed, edit, each.name, typed, sent[each.name]]);
      }
    }
  }
  expect(wrong).toEqual([]);
});

/** Values that a field of this kind can show as its own; others (from JSON) are shown as JSON and kept as they are. */
const shownFits = (kind: string, value: Json | undefined): boolean => {
  if (value === null || value === undefined) return false;
  switch (kind) {
    case "number": return typeof value === "number";
    case "integer": return typeof value === "number" && Number.isInteger(value);
    case "json": return true;
    case "lines": return Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === "string" && !each.includes("\n")) && value.join("\n") !== "";
    case "text": case "date": return typeof value === "string";
    default: return false;
  }
};

it("half a text in one tab never changes what the other has, and mending it frees the form", () => {
  const half = typeJson(draftOf(FIELDS), '{"chunk": ');
  expect([sentConf(half), shownIn(half, field("chunk")), shownJson(half)]).toEqual([null, "10000", '{"chunk": ']);
  const mended = typeJson(half, '{"chunk": 5000}');
  expect([sentConf(mended), shownIn(mended, field("chunk"))]).toEqual([{ chunk: 5000 }, "5000"]);
  const both = typeIn(typeIn(draftOf(FIELDS), field("chunk"), "5x"), field("name"), "zz");
  expect([sentConf(both), shownIn(both, field("chunk")), shownIn(both, field("name"))]).toEqual([null, "5x", "zz"]);
  expect(sentConf(typeIn(both, field("chunk"), "5000"))).toMatchObject({ chunk: 5000, name: "zz" });
});

it("a number stays as somebody types it, so that 1. can become 1.5", () => {
  const draft = typeIn(draftOf(FIELDS), field("plain"), "1.");
  expect([shownIn(draft, field("plain")), sentConf(draft)?.plain]).toEqual(["1.", 1]);
  expect(shownIn(setValue(draft, "plain", 2), field("plain"))).toBe("2");
  expect(shownIn(typeJson(draft, '{"plain": 3}'), field("plain"))).toBe("3");
});

it("JSON stays as somebody wrote it until a field changes it", () => {
  const draft = typeJson(draftOf(FIELDS), '{ "chunk":5000 }');
  expect(shownJson(draft)).toBe('{ "chunk":5000 }');
  expect(shownJson(typeIn(draft, field("chunk"), "6000"))).toBe(written({ chunk: 6000 }));
});

it("what is not the Dag's own value is marked, also what the form has no field for", () => {
  expect([...changedNames(draftOf(FIELDS), FIELDS)]).toEqual([]);
  const draft = typeIn(setValue(draftOf(FIELDS, { more: 1 }), "extra", { a: 1 }), field("chunk"), "1x");
  expect([...changedNames(draft, FIELDS)].sort()).toEqual(["chunk", "more"]);
});

it("a refusal of the server is shown at the field that it names", () => {
  const sentence = "Dag 'etl': conf gives param 'chunk', but 7 is less than the minimum of 1000 (wanted: {}).";
  expect(refusedField(sentence, FIELDS)).toBe("chunk");
  expect(refusedField("Dag 'etl' needs a value for its param 'day' (wanted: …)", FIELDS)).toBe("day");
  expect(refusedField("run id 'x' is taken", FIELDS)).toBe(null);
});

it("a name like __proto__ is a name like any other", () => {
  const odd = fieldsOf(JSON.parse('{"__proto__": {"value": 1}}') as Record<string, Param>);
  const draft = setValue(draftOf(odd), "__proto__", 2);
  expect(JSON.stringify(sentConf(draft) as Conf)).toBe('{"__proto__":2}');
});
