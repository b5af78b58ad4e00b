import { expect, it } from "vitest";
import { piecesOf, SENTENCES, whyText } from "./why";

const clock = { zone: "Asia/Seoul", language: "en", now: 0 };
const korean = { ...clock, language: "ko" };
const places = (sentence = ""): string[] => [...sentence.matchAll(/\{(\w+(?::\w+)?)\}/g)].map((place) => place[1] ?? "");

it("every sentence of the engine has its Korean, with the same values written the same way", () => {
  expect(Object.keys(SENTENCES.ko).sort()).toEqual(Object.keys(SENTENCES.en).sort());
  for (const [name, english] of Object.entries(SENTENCES.en)) {
    const [own, its] = [new Set(places(SENTENCES.ko[name])), new Set(places(english))];
    expect([name, [...own].sort()]).toEqual([name, [...its].sort()]);
  }
});

it("no Korean sentence puts a particle that depends on its sound to a value", () => {
  for (const [name, sentence] of Object.entries(SENTENCES.ko)) expect([name, /\}(을|를|이|가|은|는|와|과)(\s|$)/.test(sentence)]).toEqual([name, false]);
});

const holder = (dag_id: string, task_id: string, map_index = -1) => ({ dag_id, run_id: "r", task_id, map_index });
const full = (tasks: object[], more: number) => ({
  sentence: "what the server says",
  parts: [{ says: "pool_full", values: { pool: "db", free: 0, slots: 16, needs: 1, holders: { tasks, more } } }],
});

it("names who holds what, as tasks that a page can lead to", () => {
  const reason = full([holder("etl", "a"), holder("etl", "m", 3)], 0);
  expect(whyText(reason, clock)).toBe("Pool db has 0 of 16 slots free and it needs 1; held by etl.a, etl.m[3].");
  expect(whyText(reason, korean)).toBe("풀 db의 슬롯 16개 중 0개가 비어 있고 1개가 필요합니다. 사용 중: etl.a, etl.m[3].");
  expect(piecesOf(reason, clock)[1]).toEqual({ task: holder("etl", "a"), text: "etl.a" });
});

it("counts what it does not name: beyond the first, or of Dags that the reader may not see", () => {
  const six = ["a", "b", "c", "d", "e", "f"].map((name) => holder("etl", name));
  expect(whyText(full(six, 44), clock)).toContain("etl.e and 45 more.");
  expect(whyText(full(six, 44), korean)).toContain("etl.e 외 45개.");
  expect(whyText(full([], 16), clock)).toContain("held by 16 tasks.");
  expect(whyText(full([], 16), korean)).toContain("사용 중: 작업 16개.");
});

it("writes moments in the reader's zone", () => {
  const values = { try_number: 1, seconds: 5, at: "2026-11-26T08:26:49+00:00" };
  const reason = { sentence: "", parts: [{ says: "retry_timer", values }] };
  expect(whyText(reason, clock)).toBe("Try 1 failed; it is tried again in 5 s, at 2026-11-26 17:26:49 GMT+9.");
  expect(whyText(reason, korean)).toBe("1번째 시도가 실패했습니다. 5초 뒤 다시 시도합니다 (2026-11-26 17:26:49 GMT+9).");
});

it("writes long waits in a unit that can be read", () => {
  const reason = { sentence: "", parts: [{ says: "reschedule_timer", values: { seconds: 21_482, at: "2026-11-26T08:26:49+00:00" } }] };
  expect(whyText(reason, clock)).toBe("It looks again in 6 h, at 2026-11-26 17:26:49 GMT+9.");
  expect(whyText(reason, korean)).toBe("6시간 뒤 다시 확인합니다 (2026-11-26 17:26:49 GMT+9).");
});

it("says what follows on a sentence behind it", () => {
  const parts = [
    { says: "question", values: { subject: "Ship it?", options: ["yes", "no"] } },
    { says: "question.from", values: { people: ["ann", "bo"] } },
    { says: "question.command", values: { command: "tradewind hitl respond x" } },
  ];
  expect(whyText({ sentence: "", parts }, clock)).toBe("It waits for an answer to ‘Ship it?’: one of ‘yes’, ‘no’, from ann or bo. `tradewind hitl respond x` answers it.");
});

it("leaves a sentence that this page does not know as the server says it", () => {
  const unknown = { sentence: "Something new, at 2026-11-26T08:26:49Z.", parts: [{ says: "newer", values: {} }] };
  expect(whyText(unknown, korean)).toBe("Something new, at 2026-11-26 17:26:49 GMT+9.");
  expect(whyText({ sentence: "The scheduler does not answer.", parts: [] }, korean)).toBe("The scheduler does not answer.");
});

it("says what state an upstream is in, in the reader's language", () => {
  const reason = { sentence: "what the server says", parts: [{ says: "upstream", values: { upstream: { order: ["awaiting_input"], load: ["failed", "none"] } } }] };
  expect(whyText(reason, clock)).toBe("It waits for order (awaiting_input), load (failed/none).");
  expect(whyText(reason, korean)).toBe("선행 작업을 기다립니다: order (입력 대기), load (실패/상태 없음).");
});
