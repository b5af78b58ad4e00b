import { expect, it } from "vitest";
import { type Pool, sharesOf, slotsOf } from "./slots";

const pool = (change: Partial<Pool>): Pool => ({
  name: "db", slots: 10, description: null, include_deferred: false, occupied_slots: 0, running_slots: 0, queued_slots: 0,
  scheduled_slots: 0, open_slots: 10, deferred_slots: 0, team_name: null, ...change,
});

it("the bar has a part for what holds slots, of all there are", () => {
  expect(sharesOf(pool({ running_slots: 4, queued_slots: 1, occupied_slots: 5, deferred_slots: 3 }))).toEqual([
    { state: "running", slots: 4, part: 0.4 },
    { state: "queued", slots: 1, part: 0.1 },
  ]);
});

it("deferred tasks are in it where they keep their slots", () => {
  expect(sharesOf(pool({ include_deferred: true, deferred_slots: 5, occupied_slots: 5 }))).toEqual([{ state: "deferred", slots: 5, part: 0.5 }]);
});

it("a pool that was made smaller, or has no limit, is never wider than its bar", () => {
  expect(sharesOf(pool({ slots: 2, running_slots: 4, occupied_slots: 4 }))[0]?.part).toBe(1);
  expect(sharesOf(pool({ slots: -1, open_slots: -1, running_slots: 3, queued_slots: 1, occupied_slots: 4 })).map((share) => share.part)).toEqual([0.75, 0.25]);
});

it("slots are a whole number, or -1 for no limit", () => {
  expect(["8", " 0 ", "-1", "-2", "1.5", "many", ""].map(slotsOf)).toEqual([8, 0, -1, null, null, null, null]);
});
