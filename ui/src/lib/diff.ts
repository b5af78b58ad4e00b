/** How one text became another, line by line. */
export interface DiffLine {
  kind: "same" | "added" | "removed";
  text: string;
  /** Counted from 1; null where the text has no such line. */
  before: number | null;
  after: number | null;
}

/** Beyond so many differences the search for the fewest would take long; what is between is then exchanged as a whole. */
const MOST_CHANGES = 2000;

export const diffLines = (before: string, after: string): DiffLine[] => {
  const [a, b] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const lines: DiffLine[] = [];
  let [x, y] = [0, 0];
  const same = (count: number): void => { for (let n = 0; n < count; n++) lines.push({ kind: "same", text: a[x] as string, before: ++x, after: ++y }); };
  const removed = (): void => { lines.push({ kind: "removed", text: a[x] as string, before: ++x, after: null }); };
  const added = (): void => { lines.push({ kind: "added", text: b[y] as string, before: null, after: ++y }); };
  same(start);
  for (const step of steps(a.slice(start, a.length - end), b.slice(start, b.length - end))) {
    if (step === "same") same(1);
    else if (step === "removed") removed();
    else added();
  }
  same(end);
  return lines;
};

const linesOf = (text: string): string[] => {
  const lines = text.split(/\r?\n/);
  if (lines.at(-1) === "") lines.pop();
  return lines;
};

/** The fewest steps from one list to the other (Myers 1986), removals before additions. */
const steps = (a: readonly string[], b: readonly string[]): DiffLine["kind"][] => {
  const most = Math.min(a.length + b.length, MOST_CHANGES);
  const reach = new Map<number, number>([[1, 0]]);
  const trace: Map<number, number>[] = [];
  for (let changes = 0; changes <= most; changes++) {
    trace.push(new Map(reach));
    for (let k = -changes; k <= changes; k += 2) {
      const isDown = k === -changes || (k !== changes && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
      let x = isDown ? (reach.get(k + 1) ?? 0) : (reach.get(k - 1) ?? 0) + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      reach.set(k, x);
      if (x >= a.length && x - k >= b.length) return walkedBack(trace, a.length, b.length);
    }
  }
  return [...a.map((): DiffLine["kind"] => "removed"), ...b.map((): DiffLine["kind"] => "added")];
};

const walkedBack = (trace: readonly Map<number, number>[], x: number, y: number): DiffLine["kind"][] => {
  const found: DiffLine["kind"][] = [];
  for (let changes = trace.length - 1; changes >= 0; changes--) {
    const reach = trace[changes] as Map<number, number>;
    const k = x - y;
    const isDown = k === -changes || (k !== changes && (reach.get(k - 1) ?? -1) < (reach.get(k + 1) ?? -1));
    const before = isDown ? k + 1 : k - 1;
    const [px, py] = changes === 0 ? [0, 0] : [reach.get(before) ?? 0, (reach.get(before) ?? 0) - before];
    for (; x > px && y > py; x--, y--) found.push("same");
    if (changes > 0) found.push(isDown ? "added" : "removed");
    [x, y] = [px, py];
  }
  return found.reverse();
};

export interface Hunk {
  lines: DiffLine[];
  /** Lines that are left out before it. */
  skipped: number;
}

/** Changes with a few lines around them; what is the same in between is left out. */
export const hunksOf = (lines: readonly DiffLine[], around = 3): { hunks: Hunk[]; rest: number } => {
  const near = new Uint8Array(lines.length);
  lines.forEach((line, n) => {
    if (line.kind !== "same") near.fill(1, Math.max(0, n - around), n + around + 1);
  });
  const hunks: Hunk[] = [];
  let skipped = 0;
  lines.forEach((line, n) => {
    if (!near[n]) skipped++;
    else if (n > 0 && near[n - 1] && hunks.length) hunks.at(-1)?.lines.push(line);
    else {
      hunks.push({ lines: [line], skipped });
      skipped = 0;
    }
  });
  return { hunks, rest: skipped };
};
