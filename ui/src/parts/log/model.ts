/** The rows of a log that are at hand, of however many there are. Places count from 0 among the rows looked at. */
import type { Schemas } from "../../api/client";
import { plainText } from "./ansi";
import type { Span } from "./scroll";

export type LogRow = Schemas["LogRow"];

/** Rows that are asked for together. */
export const CHUNK = 200;
/** Rows that are kept. */
export const KEPT = 60_000;
const MOST_ASKED = 2000;

export class LogRowsModel {
  total = 0;
  private readonly chunks = new Map<number, (LogRow | undefined)[]>();

  get size(): number {
    return this.chunks.size * CHUNK;
  }

  at(place: number): LogRow | undefined {
    return this.chunks.get(Math.floor(place / CHUNK))?.[place % CHUNK];
  }

  clear(): void {
    this.chunks.clear();
  }

  put(first: number, rows: readonly LogRow[]): void {
    rows.forEach((row, offset) => {
      const place = first + offset;
      const number = Math.floor(place / CHUNK);
      const chunk = this.chunks.get(number) ?? [];
      if (offset === 0 || place % CHUNK === 0) {
        this.chunks.delete(number); // the one put last is the last to go
        this.chunks.set(number, chunk);
      }
      chunk[place % CHUNK] = row;
    });
    for (const number of this.chunks.keys()) {
      if (this.size <= KEPT) break;
      this.chunks.delete(number);
    }
  }

  /** What to ask for so that these rows are there. */
  missing({ from, to }: Span): Span[] {
    const asked: Span[] = [];
    const end = Math.min(to, this.total);
    for (let number = Math.floor(Math.max(0, from) / CHUNK); number * CHUNK < end; number++) {
      const span = { from: number * CHUNK, to: Math.min((number + 1) * CHUNK, this.total) };
      if (this.has(number, span.to - span.from)) continue;
      const last = asked.at(-1);
      if (last?.to === span.from && span.to - last.from <= MOST_ASKED) last.to = span.to;
      else asked.push(span);
    }
    return asked;
  }

  private has(number: number, count: number): boolean {
    const chunk = this.chunks.get(number);
    if (!chunk) return false;
    for (let place = 0; place < count; place++) if (!chunk[place]) return false;
    return true;
  }
}

/** The lines that an address names: `L12`, `L10-L40`. */
export const linesIn = (hash: string): [number, number] | null => {
  const found = /^L([1-9]\d{0,14})(?:-L([1-9]\d{0,14}))?$/.exec(hash);
  if (!found) return null;
  const [first, last] = [Number(found[1]), Number(found[2] ?? found[1])];
  return first <= last ? [first, last] : [last, first];
};

export const linesText = (one: number, other: number): string =>
  one === other ? `L${one}` : `L${Math.min(one, other)}-L${Math.max(one, other)}`;

/** What is read in these rows, from a character of the first to one of the last. */
export const textBetween = (rows: readonly LogRow[], start: number, end: number): string => {
  const texts = rows.map((row) => plainText(row.text));
  const last = texts.length - 1;
  if (last >= 0) texts[last] = (texts[last] ?? "").slice(0, end);
  if (last >= 0) texts[0] = (texts[0] ?? "").slice(start);
  return texts.join("\n");
};
