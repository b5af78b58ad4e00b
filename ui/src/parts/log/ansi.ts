/**
 * A line of a log as pieces of plain text with a look. Of what a terminal obeys, colours and weights alone count (SGR);
 * everything else that is no text is shown as a picture of itself: escapes, OSC 8 links, rewriting by `\r`, and the
 * marks that turn the direction of writing.
 */
export interface Piece {
  text: string;
  /** Names of classes: `f1` red letters, `b4` on blue, `bo` bold, …; `ctl` a picture of what is no text. */
  look: string;
  /** 1: found by the search. */
  mark?: boolean;
}

interface Look {
  front: number;
  back: number;
  marks: Set<string>;
}

// eslint-disable-next-line no-control-regex -- this is what is looked for
const SGR = /\u001b\[([0-9;:]*)m/y;
// eslint-disable-next-line no-control-regex -- these are what is looked for
const SPECIAL = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const ON: Record<number, string> = { 1: "bo", 2: "di", 3: "it", 4: "un", 7: "inv", 9: "stk" };
const OFF: Record<number, string[]> = { 22: ["bo", "di"], 23: ["it"], 24: ["un"], 27: ["inv"], 29: ["stk"] };

/** The pieces of a line. */
export const piecesOf = (line: string): Piece[] => {
  if (!SPECIAL.test(line)) return [{ text: line, look: "" }];
  const pieces: Piece[] = [];
  let look: Look = { front: -1, back: -1, marks: new Set() };
  let at = 0;
  const push = (text: string, name: string): void => {
    const last = pieces.at(-1);
    if (last?.look === name) last.text += text;
    else if (text) pieces.push({ text, look: name });
  };
  SPECIAL.lastIndex = 0;
  for (let found = SPECIAL.exec(line); found; found = SPECIAL.exec(line)) {
    push(line.slice(at, found.index), nameOf(look));
    SGR.lastIndex = found.index;
    const sgr = SGR.exec(line);
    if (sgr) {
      look = obeyed(look, sgr[1] ?? "");
      at = SPECIAL.lastIndex = SGR.lastIndex;
    } else {
      push(pictureOf(found[0]), "ctl");
      at = SPECIAL.lastIndex;
    }
  }
  SPECIAL.lastIndex = 0;
  push(line.slice(at), nameOf(look));
  return pieces;
};

/** What is read on screen: colours left out, pictures in. */
export const plainText = (line: string): string => piecesOf(line).map((piece) => piece.text).join("");

/** The same pieces, with what was searched marked in any case. */
export const marked = (pieces: Piece[], needle: string): Piece[] => {
  if (!needle) return pieces;
  const whole = pieces.map((piece) => piece.text).join("");
  const low = whole.toLowerCase();
  const wanted = needle.toLowerCase();
  // Some letters are longer in lower case; places would not be those of the text then.
  if (low.length !== whole.length) return pieces;
  const edges: [number, number][] = [];
  for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, at + wanted.length)) edges.push([at, at + wanted.length]);
  return edges.length ? cutAt(pieces, edges) : pieces;
};

const cutAt = (pieces: Piece[], edges: [number, number][]): Piece[] => {
  const result: Piece[] = [];
  let start = 0;
  for (const piece of pieces) {
    const end = start + piece.text.length;
    let at = start;
    for (const [from, to] of edges) {
      if (to <= at || from >= end) continue;
      if (from > at) result.push({ text: piece.text.slice(at - start, from - start), look: piece.look });
      const [first, last] = [Math.max(from, at), Math.min(to, end)];
      result.push({ text: piece.text.slice(first - start, last - start), look: piece.look, mark: true });
      at = last;
    }
    if (at < end) result.push({ text: piece.text.slice(at - start), look: piece.look });
    start = end;
  }
  return result;
};

const pictureOf = (character: string): string => {
  const code = character.charCodeAt(0);
  if (code < 32) return String.fromCharCode(0x2400 + code);
  if (code === 127) return "\u2421";
  return `\u27eaU+${code.toString(16).toUpperCase().padStart(4, "0")}\u27eb`;
};

const nameOf = (look: Look): string =>
  [look.front >= 0 ? `f${look.front}` : "", look.back >= 0 ? `b${look.back}` : "", ...look.marks].filter(Boolean).join(" ");

const obeyed = (look: Look, codes: string): Look => {
  const numbers = codes.split(/[;:]/).map(Number);
  const next: Look = { ...look, marks: new Set(look.marks) };
  for (let n = 0; n < numbers.length; n++) {
    const code = numbers[n] ?? 0;
    if (code === 0) Object.assign(next, { front: -1, back: -1, marks: new Set() });
    else if (ON[code]) next.marks.add(ON[code]);
    else if (OFF[code]) for (const mark of OFF[code]) next.marks.delete(mark);
    else if (code >= 30 && code <= 37) next.front = code - 30;
    else if (code >= 90 && code <= 97) next.front = code - 82;
    else if (code >= 40 && code <= 47) next.back = code - 40;
    else if (code >= 100 && code <= 107) next.back = code - 92;
    else if (code === 39) next.front = -1;
    else if (code === 49) next.back = -1;
    else if (code === 38 || code === 48) {
      const [colour, used] = longColour(numbers.slice(n + 1));
      if (code === 38) next.front = colour;
      else next.back = colour;
      n += used;
    }
  }
  return next;
};

/** 256 colours and true ones, as the nearest of the sixteen: these can be read on any ground. */
const longColour = ([kind, ...rest]: number[]): [number, number] => {
  if (kind === 2) return [nearest(rest[0] ?? 0, rest[1] ?? 0, rest[2] ?? 0), 4];
  if (kind !== 5) return [-1, 1];
  const code = rest[0] ?? 0;
  if (code < 16) return [code, 2];
  if (code >= 232) return [code < 244 ? 8 : 7, 2];
  const cube = code - 16;
  const step = (value: number): number => (value ? 55 + 40 * value : 0);
  return [nearest(step(Math.floor(cube / 36)), step(Math.floor(cube / 6) % 6), step(cube % 6)), 2];
};

const nearest = (red: number, green: number, blue: number): number => {
  const [high, low] = [Math.max(red, green, blue), Math.min(red, green, blue)];
  if (high - low < 40) return high < 96 ? 8 : 7;
  const middle = (high + low) / 2;
  return (red > middle ? 1 : 0) + (green > middle ? 2 : 0) + (blue > middle ? 4 : 0);
};
