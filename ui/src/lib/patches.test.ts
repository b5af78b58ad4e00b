import { QueryClient, QueryObserver } from "@tanstack/react-query";
import { describe, expect, it } from "vitest";
import { Mender, PAUSE_MS } from "./mender";
import { States } from "./grid";
import { keysOf, keysOfTopic, patchedGrid } from "./patches";
import { codeOf } from "./states";
import type { Change } from "./stream";

const moved = (task: string, state: string, more: Partial<Change> = {}): Change => ({
  seq: 1, kind: "task.moved", dag_id: "etl", run_id: "one", task_id: task, map_index: -1, try_number: 1, state, at: 50, ...more,
});
const run = (state: string, at: number): Change => moved("", state, { kind: "run.moved", at });

const grid = () => ({
  dag_id: "etl",
  tasks: ["extract", "load"],
  runs: [
    { run_id: "zero", number: 1, state: "success", start: 1, end: 2 },
    { run_id: "one", number: 2, state: "queued", start: null as number | null, end: null as number | null },
  ],
  states: btoa(String.fromCharCode(codeOf("success"), codeOf("failed"), codeOf("none"), 255)),
  mapped: { "1": { load: 3 } },
  now: 10,
});

describe("patchedGrid", () => {
  it("has the new states where they are, and all else as it was", () => {
    const before = grid();
    const after = patchedGrid(before, [run("running", 20), moved("extract", "running"), moved("extract", "success")]);
    const states = new States(after?.states ?? "", 2);
    expect([states.at(0, 0), states.at(0, 1), states.at(1, 0), states.at(1, 1)]).toEqual(["success", "failed", "success", null]);
    expect(after?.runs[1]).toEqual({ run_id: "one", number: 2, state: "running", start: 20, end: null });
    expect(after?.now).toBe(50);
    expect(before).toEqual(grid());
  });

  it("knows when a run began and ended", () => {
    const after = patchedGrid(grid(), [run("running", 20), run("success", 30)]);
    expect(after?.runs[1]).toMatchObject({ state: "success", start: 20, end: 30 });
    expect(patchedGrid(after ?? grid(), [run("running", 40)])?.runs[1]).toMatchObject({ start: 20, end: null });
  });

  it.each([
    ["a run that it does not have", moved("extract", "running", { run_id: "two" })],
    ["a task that it does not have", moved("audit", "running")],
    ["one instance of several", moved("extract", "running", { map_index: 2 })],
    ["a task of several instances", moved("load", "running", { run_id: "zero" })],
    ["what is no move", moved("", "", { kind: "run.created" })],
  ])("asks anew for %s", (_, change) => {
    expect(patchedGrid(grid(), [change])).toBeNull();
  });
});

describe("keysOf", () => {
  it("names the answers that show it", () => {
    expect(keysOf(moved("load", "failed"))).toEqual([
      ["grid", "etl"], ["run", "etl", "one"], ["run", "etl", "newest"], ["why", "etl", "one"], ["tasks"], ["task", "etl", "one", "load"],
    ]);
    expect(keysOf(run("failed", 1))).toContainEqual(["dags"]);
    expect(keysOf({ ...moved("", ""), kind: "pool.set", dag_id: "", run_id: "" })).toEqual([["pools"]]);
    expect(keysOf({ ...moved("", ""), kind: "unheard.of" })).toEqual([]);
  });

  it("is covered by the keys of the topics that tell of it", () => {
    const covers = (topic: string, change: Change, first: string): boolean =>
      keysOf(change).filter((key) => key[0] === first).every((key) => keysOfTopic(topic).some((each) => each.every((part, n) => part === key[n])));
    expect(covers("dags", run("failed", 1), "dags")).toBe(true);
    expect(covers("dag:etl", moved("load", "failed"), "grid")).toBe(true);
    expect(covers("run:etl/one", moved("load", "failed"), "run")).toBe(true);
    expect(covers("log:etl/a/b/load/-1/1", moved("load", "failed", { run_id: "a/b" }), "task")).toBe(true);
    expect(keysOfTopic("pool")).toEqual([["pools"]]);
  });
});

describe("Mender", () => {
  const stage = () => {
    const queries = new QueryClient({ defaultOptions: { queries: { staleTime: Infinity } } });
    const timers: { ms: number; call: () => void }[] = [];
    const asked: string[] = [];
    let [now, gate] = [0, Promise.resolve()];
    /** Answers come when what is returned is called, after so long. */
    const slow = () => {
      let open = (): void => undefined;
      gate = new Promise((done) => { open = done; });
      return (took: number) => { now += took; open(); };
    };
    const show = async (key: readonly string[], data: unknown, meta?: { some: string[] }) => {
      const queryFn = async () => { asked.push(key.join(" ")); await gate; return data; };
      const observer = new QueryObserver(queries, { queryKey: key, queryFn, ...(meta ? { meta } : {}) });
      observer.subscribe(() => undefined);
      await observer.refetch();
    };
    const mender = new Mender(queries, { later: (ms, call) => { timers.push({ ms, call }); }, random: () => 0, now: () => now });
    const pass = async (ms: number) => {
      timers.splice(0).forEach((timer) => { if (timer.ms <= ms) timer.call(); else timers.push(timer); });
      await new Promise((done) => setTimeout(done, 0));
    };
    return { queries, mender, asked, show, pass, slow };
  };

  it("mends a grid in place and asks nothing about it", async () => {
    const { queries, mender, asked, show, pass } = stage();
    await show(["grid", "etl", "50"], grid());
    await show(["task", "etl", "one", "extract"], {});
    asked.length = 0;
    mender.changed([moved("extract", "failed")]);
    const after = queries.getQueryData<ReturnType<typeof grid>>(["grid", "etl", "50"]);
    expect(new States(after?.states ?? "", 2).at(1, 0)).toBe("failed");
    await pass(0);
    expect(asked).toEqual(["task etl one extract"]);
  });

  it("asks once for what changes often, and once more at the end", async () => {
    const { mender, asked, show, pass } = stage();
    await show(["dags", "all"], []);
    asked.length = 0;
    for (let n = 0; n < 20; n++) mender.changed([run("running", n)]);
    await pass(0);
    expect(asked).toEqual(["dags all"]);
    await pass(PAUSE_MS);
    await pass(0);
    expect(asked).toEqual(["dags all", "dags all"]);
    await pass(PAUSE_MS);
    await pass(0);
    expect(asked).toHaveLength(2);
  });

  it("after a greeting asks for what is older than it, and for nothing else", async () => {
    const { mender, asked, show, pass } = stage();
    await show(["dags", "all"], []);
    await show(["dag", "etl"], []);
    asked.length = 0;
    mender.resync(["dags"], Date.now() + 1000);
    await pass(0);
    expect(asked).toEqual(["dags all"]);
    mender.resync(["dags"], Date.now() - 60_000);
    await pass(0);
    expect(asked).toEqual(["dags all"]);
  });

  it("after a gap asks for all that is on screen", async () => {
    const { mender, asked, show, pass } = stage();
    await show(["dags", "all"], []);
    await show(["pools"], []);
    asked.length = 0;
    mender.everything();
    await pass(2_000);
    expect(asked.sort()).toEqual(["dags all", "pools"]);
  });

  const some = (topic: string): Change => ({ ...moved("", topic), kind: "some", seq: 0, dag_id: "", run_id: "", task_id: "" });

  it("asks for sums when anything of their topic happens, and for nothing else", async () => {
    const { mender, asked, show, pass } = stage();
    await show(["counts"], {}, { some: ["dags", "question"] });
    await show(["pools"], [], { some: ["task"] });
    asked.length = 0;
    mender.changed([some("task"), some("pool")]);
    await pass(0);
    expect(asked).toEqual(["pools"]);
    mender.changed([some("dags"), some("question"), some("dags")]);
    await pass(0);
    expect(asked).toEqual(["pools", "counts"]);
  });

  it("asks for nothing while nobody looks, and then for what has become old, once", async () => {
    const { mender, asked, show, pass } = stage();
    await show(["dags", "all"], []);
    await show(["pools"], []);
    asked.length = 0;
    mender.hide();
    mender.changed([run("running", 1), run("success", 2)]);
    mender.everything();
    await pass(PAUSE_MS);
    expect(asked).toEqual([]);
    mender.show();
    await pass(0);
    expect(asked.sort()).toEqual(["dags all", "pools"]);
    mender.hide();
    mender.show();
    await pass(0);
    expect(asked).toHaveLength(2);
  });

  it("waits for an answer that takes long, rests in proportion, and asks again for what happened meanwhile", async () => {
    const { mender, asked, show, pass, slow } = stage();
    await show(["dags", "all"], []);
    asked.length = 0;
    const answer = slow();
    mender.changed([run("running", 1)]);
    await pass(0);
    mender.changed([run("running", 2)]);
    await pass(PAUSE_MS);
    expect(asked).toEqual(["dags all"]);
    answer(3_000);
    await pass(0);
    await pass(3_000);
    expect(asked).toHaveLength(1);
    await pass(12_000);
    await pass(0);
    expect(asked).toHaveLength(2);
  });
});
