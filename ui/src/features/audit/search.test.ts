import { expect, it } from "vitest";
import { auditQuery, prettyExtra, shortExtra } from "./search";

it("an address becomes a query: names are looked for as they are typed, numbers exactly", () => {
  expect(auditQuery({ who: "kim_1", dag: "load", index: "-1", try: "x", after: "2026-11-22T00:00:00.000Z", from: "50" })).toEqual({
    owner_pattern: "kim\\_1", dag_id_pattern: "load", map_index: -1, after: "2026-11-22T00:00:00.000Z",
  });
  expect(auditQuery({})).toEqual({});
});

it("details are one line in the list and JSON beside it", () => {
  const extra = '{"dag_id": "a", "is_paused": true, "note": "why", "none": null, "slots": {"x": 1}}';
  expect(shortExtra(extra)).toBe('is_paused true · note why · slots {"x":1}');
  expect(prettyExtra('{"a": 1}')).toBe('{\n  "a": 1\n}');
  expect([shortExtra(null), shortExtra("not json"), prettyExtra("not json")]).toEqual(["", "not json", "not json"]);
});
