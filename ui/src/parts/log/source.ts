/**
 * A log as it is read from the server: what is on screen is asked for, what comes is told to who listens, and a log that
 * grows is followed. One source is one try, looked at in some levels.
 */
import type { Schemas } from "../../api/client";
import { LogRowsModel, type LogRow } from "./model";
import type { Span } from "./scroll";

export type LogAnswer = Schemas["LogRows"];
export type LevelName = "debug" | "info" | "warning" | "error" | "critical";

export interface LogQuery {
  first?: number;
  line?: number;
  count?: number;
  counted?: boolean;
  bands?: boolean;
  whole?: boolean;
}

/** How a log is asked for. Each throws what the server says. */
export interface LogServer {
  rows: (query: LogQuery, signal: AbortSignal) => Promise<LogAnswer>;
  /** With `wait` the answer comes when the log has grown, or after a while. */
  growth: (query: { size: number; first: number; wait: boolean }, signal: AbortSignal) => Promise<LogAnswer>;
  search: (query: { text: string; from_line: number }, signal: AbortSignal) => Promise<Schemas["LogHits"]>;
  groupEnd: (line: number, signal: AbortSignal) => Promise<number>;
}

/** Says when it is worth asking whether a log has grown, and whether it will say so by itself. */
export interface Hearing {
  next: (signal: AbortSignal) => Promise<void>;
  readonly isTold: boolean;
}

const DEAF: Hearing = { next: () => Promise.resolve(), isTold: false };

export interface LogFacts {
  /** Rows of the levels that are looked at, as far as they are known. */
  total: number;
  /** Whether rows have their numbers: not while only the end of a long log is there. */
  isCounted: boolean;
  counts: readonly number[];
  bands: readonly number[][];
  size: number;
  exists: boolean;
  isOver: boolean;
  error: Error | null;
  /** Nothing is heard of a log that grows. */
  isStale: boolean;
  /** Grows with everything that is told. */
  version: number;
}

/** Rows at the end that are read before anything is counted. */
export const FIRST_ROWS = 200;
const AGAIN_MS = 2000;

const NOTHING: LogFacts = {
  total: 0, isCounted: false, counts: [0, 0, 0, 0, 0], bands: [], size: 0, exists: true, isOver: false, error: null, isStale: false, version: 0,
};

export class LogSource {
  facts: LogFacts = NOTHING;
  readonly model = new LogRowsModel();
  private readonly server: LogServer;
  private readonly ear: Hearing;
  private readonly listeners = new Set<() => void>();
  private ended = new AbortController();
  private asking: { span: Span; abort: AbortController }[] = [];

  constructor(server: LogServer, ear: Hearing = DEAF) {
    this.server = server;
    this.ear = ear;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LogFacts => this.facts;

  /** Read the end, or around a line, then count, then follow until the try is over. */
  async start(line?: number): Promise<void> {
    this.ended = new AbortController();
    const { signal } = this.ended;
    try {
      const first = await this.server.rows(line === undefined ? { count: FIRST_ROWS } : { line, count: FIRST_ROWS, bands: true }, signal);
      this.take(first);
      if (first.total === null || line === undefined) this.take(await this.server.rows({ count: FIRST_ROWS, counted: true, bands: true }, signal));
    } catch (error) {
      if (!signal.aborted) this.tell({ error: error as Error });
      return;
    }
    await this.follow(signal);
  }

  stop(): void {
    this.ended.abort();
    for (const each of this.asking) each.abort.abort();
    this.asking = [];
  }

  /** Have these rows read. What was asked for and is far from them is given up. */
  need(span: Span): void {
    if (!this.facts.isCounted) return;
    const far = 2000;
    this.asking = this.asking.filter((each) => {
      const isNear = each.span.to + far > span.from && each.span.from - far < span.to;
      if (!isNear) each.abort.abort();
      return isNear;
    });
    for (const wanted of this.model.missing(span)) {
      if (this.asking.some((each) => each.span.from <= wanted.from && each.span.to >= wanted.to)) continue;
      void this.ask(wanted);
    }
  }

  /** These rows, read where they are not there. */
  async rows(span: Span): Promise<LogRow[]> {
    for (const wanted of this.model.missing(span)) {
      const answer = await this.server.rows({ first: wanted.from, count: wanted.to - wanted.from }, this.ended.signal);
      this.take(answer);
    }
    const rows: LogRow[] = [];
    for (let place = span.from; place < Math.min(span.to, this.facts.total); place++) {
      const row = this.model.at(place);
      if (row) rows.push(row);
    }
    return rows;
  }

  /** The place of the row with this number, or of the first one after it. */
  async placeOf(line: number, isWhole: boolean): Promise<number> {
    if (isWhole) return Math.min(line - 1, this.facts.total - 1);
    const answer = await this.server.rows({ line, count: FIRST_ROWS }, this.ended.signal);
    this.take(answer);
    const offset = answer.rows.findIndex((row) => row.n >= line);
    return (answer.first ?? 0) + (offset < 0 ? answer.rows.length - 1 : offset);
  }

  async groupEnd(line: number): Promise<number> {
    return this.server.groupEnd(line, this.ended.signal);
  }

  /** All of one long row. */
  async whole(row: LogRow): Promise<void> {
    const answer = await this.server.rows({ line: row.n, count: 1, whole: true }, this.ended.signal);
    this.take(answer);
  }

  private async ask(span: Span): Promise<void> {
    const asked = { span, abort: new AbortController() };
    this.asking.push(asked);
    try {
      this.take(await this.server.rows({ first: span.from, count: span.to - span.from }, asked.abort.signal));
    } catch (error) {
      if (!asked.abort.signal.aborted) this.tell({ error: error as Error });
    } finally {
      this.asking = this.asking.filter((each) => each !== asked);
    }
  }

  private async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.facts.isOver) {
      await this.ear.next(signal);
      if (signal.aborted) return;
      try {
        const answer = await this.server.growth({ size: this.facts.size, first: this.facts.total, wait: !this.ear.isTold }, signal);
        this.take(answer);
      } catch {
        if (signal.aborted) return;
        this.tell({ isStale: true });
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }
  }

  private take(answer: LogAnswer): void {
    const total = answer.total ?? answer.rows.length;
    if (this.facts.isCounted && answer.total === null) return;
    // A log that became shorter was written anew; an answer that is older than what is known says nothing of its length.
    if (!this.facts.isCounted) this.model.clear(); // until it is counted, the end stands where the beginning belongs
    this.model.total = this.facts.isCounted ? Math.max(total, this.facts.total) : total;
    this.model.put(answer.first ?? 0, answer.rows);
    const isNewer = answer.size >= this.facts.size;
    this.tell({
      total: this.model.total,
      isCounted: answer.total !== null,
      exists: answer.exists,
      error: null,
      isStale: false,
      ...(answer.counts && isNewer ? { counts: answer.counts, size: answer.size } : {}),
      ...(answer.bands ? { bands: answer.bands } : {}),
      isOver: this.facts.isOver || answer.is_over,
    });
  }

  private tell(change: Partial<LogFacts>): void {
    this.facts = { ...this.facts, ...change, version: this.facts.version + 1 };
    for (const listener of this.listeners) listener();
  }
}

/** What a search has found so far; it goes on by itself until the whole log was looked at. */
export class LogSearch {
  lines: number[] = [];
  isDone = false;
  error: Error | null = null;
  version = 0;
  readonly text: string;
  private readonly server: Pick<LogServer, "search">;
  private readonly listeners = new Set<() => void>();
  private ended = new AbortController();

  constructor(text: string, server: Pick<LogServer, "search">) {
    this.text = text;
    this.server = server;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): number => this.version;

  async start(): Promise<void> {
    this.ended = new AbortController();
    const { signal } = this.ended;
    let from: number | null = 1;
    this.lines = [];
    try {
      while (from !== null && !signal.aborted) {
        const found: Schemas["LogHits"] = await this.server.search({ text: this.text, from_line: from }, signal);
        this.lines = this.lines.concat(found.lines);
        from = found.next_line;
        this.isDone = from === null;
        this.tell();
      }
    } catch (error) {
      if (signal.aborted) return;
      this.error = error as Error;
      this.isDone = true;
      this.tell();
    }
  }

  stop(): void {
    this.ended.abort();
  }

  private tell(): void {
    this.version++;
    for (const listener of this.listeners) listener();
  }
}

/** The next hit after a line, or the one before it; round at the ends. */
export const hitFrom = (lines: readonly number[], line: number, back: boolean): number | undefined =>
  back ? (lines.findLast((each) => each < line) ?? lines.at(-1)) : (lines.find((each) => each > line) ?? lines[0]);
