import { expect, it } from "vitest";
import { planText } from "./backfills";

const say = (sentence: string): string | null => planText(sentence, (key, values) => (key.startsWith("state.") ? key.slice(6).toUpperCase() : `${key} ${JSON.stringify(values)}`));
const run = "backfill__2026-11-25T03:00:00+00:00";

it("knows each sentence of the planner, with its values", () => {
  expect(say(`its run ${run} is running already`)).toBe(`plan.open {"run":"${run}","state":"RUNNING"}`);
  expect(say(`its run ${run} was failed`)).toBe(`plan.again {"run":"${run}","state":"FAILED"}`);
  expect(say(`its run ${run} was failed, and runs that are over stay as they are`)).toBe(`plan.stays {"run":"${run}","state":"FAILED"}`);
  expect(say(`its run ${run} was success, and runs that are successful stay as they are`)).toBe(`plan.staysGood {"run":"${run}","state":"SUCCESS"}`);
  expect(say("Backfill 86 of etl is not over, and a Dag has one at a time; `tradewind backfill cancel 86` ends it.")).toBe('plan.another {"id":"86"}');
  expect(say("etl has no run by its schedule (0 0 * * *) from 2026-01-01T00:00:00+00:00 to 2026-01-01T01:00:00+00:00 that is due by now; choose another range.")).toBe('plan.noDates {"schedule":"0 0 * * *"}');
  expect(say("A backfill takes at most 10000 runs; choose a shorter range than this.")).toBe('plan.tooMany {"most":"10000"}');
  expect(say("load of etl looks at the run before, so it cannot be run backwards.")).toBe('plan.looksBack {"task":"load"}');
  expect(say("etl cannot be backfilled: its schedule (None) names no dates; `tradewind dags trigger etl -l DATE` makes the run of one date.")).toBe('plan.noSchedule {"schedule":"None"}');
  expect(say("etl cannot be backfilled: the past dates of Weekdays are known to its code alone; `x` makes the run of one date.")).toBe('plan.codeAlone {"what":"Weekdays"}');
});

it("says nothing of what it does not know", () => {
  expect(say("Something newer.")).toBeNull();
  expect(say("")).toBeNull();
});
