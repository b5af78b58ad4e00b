import { expect, it } from "vitest";
import { auditQuery, prettyExtra } from "./search";

it("an address becomes a query: names are looked for as they are typed, numbers exactly", () => {
  expect(auditQuery({ who: "kim_1", dag: "load", index: "-1", try: "x", after: "2026-11-22T00:00:00.000Z", from: "50" })).toEqual({
    owner_pattern: "kim\\_1", dag_id_pattern: "load", map_index: -1, after: "2026-11-22T00:00:00.000Z",
  });
  expect(auditQuery({})).toEqual({});
  expect([auditQuery({ people: "true" }), auditQuery({ people: "true", who: "kim" })]).toEqual([{ owner_pattern: "_" }, { owner_pattern: "kim" }]);
});

it("details are JSON beside the list", () => {
  expect(prettyExtra('{"a": 1}')).toBe('{\n  "a": 1\n}');
  expect([prettyExtra(null), prettyExtra("not json")]).toEqual(["", "not json"]);
});
