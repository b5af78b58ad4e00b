import { expect, it } from "vitest";
import { eventText } from "./events";

const say = (extra: object): string => eventText(JSON.stringify(extra), (state) => `<${state}>`);

it("says how a thing moved in the reader's words, and why", () => {
  expect(say({ before: "running", after: "up_for_retry", reason: "ConnectionError: refused" })).toBe("<running> → <up_for_retry> · ConnectionError: refused");
  expect(say({ before: "running", after: "success", reason: "success" })).toBe("<running> → <success>");
  expect(say({ after: "queued", reason: "backfill", run_id: "r" })).toBe("→ <queued> · backfill");
});

it("names the other facts, and leaves away what is empty or has a column", () => {
  expect(say({ name: "orders", number: 28, users: [], note: "", dag_id: "d", map_index: 3 })).toBe("name: orders · number: 28");
  expect(say({ after: { is_paused: true } })).toBe('→ {"is_paused":true}');
  expect(say({ before: 3 })).toBe("before: 3");
});

it("leaves what is no object as it stands", () => {
  for (const extra of ["plain words", "[1,2]", "7"]) expect(eventText(extra, String)).toBe(extra);
  expect(eventText(null, String)).toBe("");
});
