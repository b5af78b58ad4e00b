import { describe, expect, it } from "vitest";
import { sayIn } from "../../i18n/texts";
import { noticesQuery } from "./search";
import { lengthText, noticeText, readSentence, ruleText, runIn, type T } from "./sentences";
import { messages } from "./text";

const en = sayIn(messages, "en") as T;
const ko = sayIn(messages, "ko") as T;
const clock = { zone: "Asia/Seoul", language: "en", now: Date.UTC(2026, 0, 1, 12) * 1000 };
const HOUR = 3_600e6;

/** Every sentence that the engine writes of a notice, by what it says. */
const SENTENCES: [string, string, string, string][] = [
  ["failures", "1 of 1 run of the Dag etl failed within 1 d, 100 %; the limit is 10 %.", "1 of 1 run failed within 1 d, 100 %; the limit is 10 %.", "1일 동안 실행 1건 중 1건 실패(100%). 한도 10%."],
  ["failures", "3 of 20 runs of all Dags failed within 1 h 30 min, 15 %; the limit is 12.5 %.", "3 of 20 runs of all Dags failed within 1 h 30 min, 15 %; the limit is 12.5 %.", "1시간 30분 동안 모든 Dag의 실행 20건 중 3건 실패(15%). 한도 12.5%."],
  ["running", "The run took of the Dag etl has run for 1 h; the limit is 45.5 s.", "The run has run for 1 h; the limit is 45.5 s.", "실행이 1시간째 이어지고 있습니다. 한도 45.5초."],
  ["took", "The run r1 of the Dag etl took 2 min 3 s.", "The run took 2 min 3 s.", "실행에 2분 3초 걸렸습니다."],
  ["metric", "quality_score (source=sea, of=x) of the Dag etl, run r1, task check is 79; the least is 80.", "quality_score is 79; the least is 80.", "quality_score 값 79. 하한 80."],
  ["metric", "rows of nobody's Dag is 1e+06; the limit is 5.", "rows is 1e+06; the limit is 5.", "rows 값 1e+06. 한도 5."],
  ["machine", "91.2 % of the disk of the worker w 1 is in use; the limit is 90 %.", "91.2 % of the disk is in use; the limit is 90 %.", "디스크 사용률 91.2%. 한도 90%."],
  ["gone", "The worker w 1 is gone.", "The worker is gone.", "워커가 사라졌습니다."],
  ["late", "The run r1 of the Dag etl was not over by 2026-01-01 08:00:00 UTC.", "The run was not over by 17:00.", "실행이 기한(17:00)까지 끝나지 않았습니다."],
  ["lateOver", "The task load of the run r1 of the Dag etl is over now; it was to be by 2026-01-01 08:00:00 UTC.", "The task is over now; it was to be by 17:00.", "기한(17:00)이 지나 작업이 끝났습니다."],
  ["notStarted", "A run of the Dag etl was due at 2026-01-01 08:00:00 UTC and was not made, and has not started within 1 h.", "A run was due at 17:00 and has not started within 1 h.", "17:00 예정이던 실행이 1시간 안에 시작되지 않았습니다."],
  ["settled", "The run r1 of the Dag etl, due at 2026-01-01 08:00:00 UTC, is waited for no longer: it has started.", "The run that was due at 17:00 is waited for no longer: it has started.", "17:00 예정이던 실행을 더 기다리지 않습니다: 시작됨."],
  ["stale", "The asset s3://sea was last updated 7 h ago, at 2026-01-01 08:00:00 UTC; the limit is 6 h.", "Last updated 7 h ago, at 17:00; the limit is 6 h.", "마지막 갱신이 7시간 전(17:00)입니다. 한도 6시간."],
  ["never", "The asset sea was never updated in the 6 h that it is watched; the limit is 6 h.", "Never updated in the 6 h that it is watched; the limit is 6 h.", "지켜본 6시간 동안 한 번도 갱신되지 않았습니다. 한도 6시간."],
];

describe("notices", () => {
  it.each(SENTENCES)("are said in the reader's language and zone: %s", (says, sentence, english, korean) => {
    expect([readSentence(sentence)?.says, noticeText(sentence, en, clock), noticeText(sentence, ko, clock)]).toEqual([says, english, korean]);
  });

  it("a sentence that is not known here is shown as it stands", () => {
    expect(noticeText("Something {new} happened.", ko, clock)).toBe("Something {new} happened.");
  });

  it("the run that a sentence names is found", () => {
    expect(runIn("quality_score of the Dag etl, run manual__1, task check is 79; the least is 80.")).toBe("manual__1");
    expect(runIn("A run of the Dag etl was due at 2026-01-01 08:00:00 UTC and was not made, and has not started within 1 h.")).toBe("");
  });
});

describe("rules", () => {
  const said = (kind: string, asks: object, hold = 0): string[] => [en, ko].map((t) => ruleText({ kind, hold, asks: asks as never }, t));

  it("are one sentence of their fields", () => {
    expect(said("failure_rate", { at_least: 12.5, window: 6 * HOUR, minimum_runs: 5, together: false }, 300e6)).toEqual([
      "12.5 % or more of a Dag's runs have failed within 6 h, once there are 5 runs, for 5 min without a break.",
      "6시간 동안 한 Dag의 실행 중 12.5% 이상 실패, 실행 5건 이상일 때, 5분 동안 계속될 때",
    ]);
    expect(said("run_longer_than", { limit: HOUR })[0]).toBe("A run takes 1 h or longer.");
    expect(said("run_longer_than", { times: 3, last_runs: 10 })[0]).toBe("A run takes 3 times the average of its Dag's last 10 runs.");
    expect(said("run_longer_than", { limit: 90e6, times: 3, last_runs: 10 })[1]).toBe("실행이 1분 30초 이상, 또는 같은 Dag의 최근 10건 평균의 3배 이상 걸림");
    expect(said("metric", { metric: "quality_score", bound: 80, is_below: true })).toEqual(["A task says that quality_score is below 80.", "작업이 기록한 quality_score 값이 80 미만"]);
    expect(said("machine", { resource: "disk", at_least: 90 })[1]).toBe("워커 디스크 사용률 90% 이상");
    expect(said("data_stale", { after: 6 * HOUR, assets: ["sea_*"] })[0]).toBe("sea_* was not updated for 6 h.");
    expect(said("data_stale", { after: 6 * HOUR, assets: ["*"] })[0]).toBe("An asset was not updated for 6 h.");
    expect(said("deadline_missed", {})[0]).toBe("A run or a task was not over by its deadline.");
    expect(said("run_did_not_start", { after: HOUR })[1]).toBe("예정 시각부터 1시간 안에 실행이 시작되지 않음");
  });

  it("lengths are said to their two largest units", () => {
    expect([90e6, 86_400e6 + HOUR + 60e6, 1.5e6, 0].map((micros) => lengthText(micros, en))).toEqual(["1 min 30 s", "1 d 1 h", "1.5 s", "0 s"]);
  });
});

it("an address asks for what notices can be, and nothing else", () => {
  expect(noticesQuery({ rule: "a_b", dag: "etl", severity: "critical", status: "firing", delivery: "given_up", open: "x" })).toEqual({
    rule: "a\\_b", dag: "etl", severity: "critical", status: "firing", state: "given_up",
  });
  expect(noticesQuery({ severity: "bad", status: "x", delivery: "" })).toEqual({});
});
