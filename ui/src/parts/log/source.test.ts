import { expect, it } from "vitest";
import type { LogRow } from "./model";
import { hitFrom, type LogAnswer, LogSearch, type LogServer, LogSource } from "./source";

const row = (n: number): LogRow => ({ n, level: 1, at: null, text: `line ${n}`, kind: "line", source: "", cut: 0, rest: 0 });

/** A log in memory that answers as the server does. */
class Log implements LogServer {
  asked: string[] = [];
  length: number;
  isOver = true;
  isCounted = false;
  grown: () => void = () => undefined;

  constructor(length: number) {
    this.length = length;
  }

  rows = async (query: { first?: number; line?: number; count?: number; counted?: boolean }): Promise<LogAnswer> => {
    this.asked.push(JSON.stringify(query));
    const count = query.count ?? 200;
    const isQuick = query.first === undefined && query.line === undefined && !query.counted && !this.isCounted;
    const first = query.first ?? (query.line === undefined ? Math.max(0, this.length - count) : Math.max(0, query.line - 1 - Math.floor(count / 2)));
    if (query.counted) this.isCounted = true;
    return Promise.resolve(this.answer(first, count, isQuick));
  };

  growth = async ({ first }: { first: number }): Promise<LogAnswer> => {
    await new Promise<void>((resolve) => { this.grown = resolve; });
    return this.answer(first, 2000, false);
  };

  search = async ({ from_line }: { from_line: number }): Promise<{ lines: number[]; next_line: number | null }> =>
    Promise.resolve({ lines: [from_line], next_line: from_line < 3 ? from_line + 1 : null });

  groupEnd = async (line: number): Promise<number> => Promise.resolve(line + 5);

  private answer(first: number, count: number, isQuick: boolean): LogAnswer {
    const rows = Array.from({ length: Math.max(0, Math.min(count, this.length - first)) }, (_, place) => ({ ...row(first + place + 1), ...(isQuick ? { n: 0 } : {}) }));
    return {
      rows, first: isQuick ? null : first, total: isQuick ? null : this.length, counts: isQuick ? null : [0, this.length, 0, 0, 0], bands: null,
      size: this.length * 10, exists: true, is_over: this.isOver, try_number: 1,
    };
  }
}

it("the end is there before the rows are counted", async () => {
  const log = new Log(1_000_000);
  const source = new LogSource(log);
  const seen: [number, boolean][] = [];
  source.subscribe(() => { seen.push([source.facts.total, source.facts.isCounted]); });
  await source.start();
  expect(seen).toEqual([[200, false], [1_000_000, true]]);
  expect(source.model.at(999_999)?.n).toBe(1_000_000);
  expect(source.model.at(0)).toBeUndefined();
});

it("what is on screen is read once, and only around it", async () => {
  const log = new Log(1_000_000);
  const source = new LogSource(log);
  await source.start();
  log.asked = [];
  source.need({ from: 500_000, to: 500_100 });
  source.need({ from: 500_050, to: 500_150 });
  await new Promise((resolve) => setTimeout(resolve));
  expect(log.asked).toEqual(['{"first":500000,"count":200}']);
  expect((await source.rows({ from: 500_000, to: 500_003 })).map((each) => each.n)).toEqual([500_001, 500_002, 500_003]);
  expect(log.asked.length).toBe(1);
});

it("what is far from the screen by now is given up", async () => {
  const log = new Log(1_000_000);
  const source = new LogSource(log);
  await source.start();
  const signals: AbortSignal[] = [];
  const answer = log.rows;
  log.rows = async (query, signal?: AbortSignal) => {
    if (signal) signals.push(signal);
    return answer(query);
  };
  source.need({ from: 0, to: 100 });
  source.need({ from: 500_000, to: 500_100 });
  expect(signals.map((signal) => signal.aborted)).toEqual([true, false]);
});

it("a log that grows is followed until its try is over", async () => {
  const log = new Log(10);
  log.isOver = false;
  const source = new LogSource(log);
  const followed = source.start();
  await new Promise((resolve) => setTimeout(resolve));
  log.length = 14;
  log.grown();
  await new Promise((resolve) => setTimeout(resolve));
  expect([source.facts.total, source.model.at(13)?.n, source.facts.isOver]).toEqual([14, 14, false]);
  log.isOver = true;
  log.grown();
  await followed;
  expect(source.facts.isOver).toBe(true);
});

it("what goes wrong is told", async () => {
  const log = new Log(10);
  log.rows = async () => Promise.reject(new Error("no such try"));
  const source = new LogSource(log);
  await source.start();
  expect(source.facts.error?.message).toBe("no such try");
});

it("a search goes on until the log is looked at", async () => {
  const search = new LogSearch("x", new Log(10));
  await search.start();
  expect([search.lines, search.isDone]).toEqual([[1, 2, 3], true]);
});

it("from hit to hit, and round at the ends", () => {
  const lines = [3, 7, 9];
  expect([hitFrom(lines, 0, false), hitFrom(lines, 7, false), hitFrom(lines, 9, false)]).toEqual([3, 9, 3]);
  expect([hitFrom(lines, 9, true), hitFrom(lines, 3, true), hitFrom([], 3, true)]).toEqual([7, 9, undefined]);
});
