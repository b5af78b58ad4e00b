import { expect, it } from "vitest";
import { runsQuery, tasksQuery, xcomsQuery } from "./search";

it("an address without filters asks for everything", () => {
  expect([runsQuery({ sort: "-duration" }), tasksQuery({}), xcomsQuery({})]).toEqual([{}, {}, {}]);
});

it("names are looked for as they are typed, states and pools exactly", () => {
  expect(runsQuery({ state: "failed,running", dag: "load_all", by: "kim" })).toEqual({ state: ["failed", "running"], dag_id_pattern: "load\\_all", triggering_user_name_pattern: "kim" });
  expect(tasksQuery({ pool: "db,api", queue: "gpu", task: "50%" })).toEqual({ pool: ["db", "api"], queue: ["gpu"], task_display_name_pattern: "50\\%" });
});

it("numbers that are none are not asked for", () => {
  expect(tasksQuery({ try: "2,x", index: "-1", longer: "90", shorter: "soon" })).toEqual({ try_number: [2], map_index: [-1], duration_gte: 90 });
  expect(xcomsQuery({ index: "x", key: "return_value" })).toEqual({ xcom_key_pattern: "return\\_value" });
});

it("times go to the server as they are in the address, in UTC", () => {
  expect(runsQuery({ after: "2026-11-22T00:00:00.000Z", logicalBefore: "2026-11-23T00:00:00.000Z" })).toEqual({
    run_after_gte: "2026-11-22T00:00:00.000Z", logical_date_lte: "2026-11-23T00:00:00.000Z",
  });
});
