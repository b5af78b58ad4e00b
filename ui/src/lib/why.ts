/** Why something waits: the engine's sentences and their values, written for the reader. */
import type { Schemas } from "../api/client";
import { en } from "../i18n/en";
import { ko } from "../i18n/ko";
import { reasons } from "../i18n/reasons";
import { reasonsKo } from "../i18n/reasons.ko";
import { fill, type Language } from "../i18n/text";
import { stateOf } from "./states";
import { type Clock, span, wholeTime } from "./time";
import { bytesText } from "./words";
import { momentOfIso, withMoments } from "./zoned";

export type Reason = Schemas["Reason"];

/** A task instance that a sentence names. */
export interface NamedTask {
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
}

/** A piece of a sentence: words, or a task or run that a page may lead to. */
export type Piece = string | { task: NamedTask; text: string } | { run: string };

export const SENTENCES: Record<Language, Readonly<Record<string, string>>> = { en: reasons, ko: reasonsKo };

const WORDS = {
  en: { more: " and {count} more", tasks: { one: "{count} task", other: "{count} tasks" }, or: " or ", in: "{task} in {run}", of: "of {at}" },
  ko: { more: " 외 {count}개", tasks: "작업 {count}개", or: " 또는 ", in: "{task} ({run})", of: "{at}" },
} as const;

/** Tasks that a sentence names; how many more there are is said. */
const MOST_NAMED = 5;
/** Seconds with their unit: many of them are written in a larger one. */
const SECONDS = /\{seconds\}(?: s\b|초)/g;
const PLACE = /\{(\w+)(?::(\w+))?\}/g;

/** A reason in pieces. What the engine says in words of its own, or newer than this page, is its English sentence. */
export const piecesOf = (reason: Pick<Reason, "sentence" | "parts">, clock: Clock): Piece[] => {
  const language: Language = clock.language === "ko" ? "ko" : "en";
  const sentences = SENTENCES[language];
  const own = (): Piece[] => [withMoments(reason.sentence, (at) => wholeTime(at, clock))];
  if (!reason.parts.length || !reason.parts.every((part) => part.says in sentences)) return own();
  return joined(reason.parts.flatMap((part) => filled((sentences[part.says] ?? "").replace(SECONDS, "{seconds:span}"), part.values, clock, language)));
};

/** The same as one text: for hovers and lists. */
export const whyText = (reason: Pick<Reason, "sentence" | "parts">, clock: Clock): string =>
  piecesOf(reason, clock).map((piece) => (typeof piece === "string" ? piece : "run" in piece ? piece.run : piece.text)).join("");

const filled = (sentence: string, values: Record<string, unknown>, clock: Clock, language: Language): Piece[] => {
  const pieces: Piece[] = [];
  let from = 0;
  for (const place of sentence.matchAll(PLACE)) {
    pieces.push(sentence.slice(from, place.index), ...written(values[place[1] ?? ""], place[2] ?? "", clock, language));
    from = place.index + place[0].length;
  }
  return [...pieces, sentence.slice(from)];
};

const written = (value: unknown, kind: string, clock: Clock, language: Language): Piece[] => {
  const words = WORDS[language];
  switch (kind) {
    case "moment": return [momentText(value, clock)];
    case "span": return [spanWords(Number(value), language)];
    case "size": return [bytesText(Number(value))];
    case "names": return listed(texts(value), 0, language);
    case "list": return [texts(value).join(", ")];
    case "either": return [texts(value).join(words.or)];
    case "slashed": return [texts(value).join("/")];
    case "quoted": return [texts(value).map((text) => `‘${text}’`).join(", ")];
    case "states": return [Object.entries(value as Record<string, unknown>).map(([name, states]) => `${name} (${texts(states).map((state) => stateText(state, language)).join("/")})`).join(", ")];
    case "run": return runPieces(value as { run_id: string | null; at: string }, clock, language);
    case "tasks":
    case "tasks_in_runs": {
      const { tasks, more } = value as { tasks: NamedTask[]; more: number };
      return listed(tasks.map((task) => ({ task, text: nameOf(task, kind === "tasks_in_runs", language) })), more, language);
    }
    default: return [textOf(value)];
  }
};

/** English sentences are the engine's own, which has the states' names. */
const stateText = (state: string, language: Language): string => {
  const name = `state.${stateOf(state)}` as const;
  return language === "ko" && name in ko ? textOf(ko[name]) : state;
};

const textOf = (value: unknown): string => (typeof value === "string" ? value : typeof value === "number" ? String(value) : "");
const texts = (value: unknown): string[] => (Array.isArray(value) ? value.map(textOf) : [textOf(value)]);

/** 45 s, 38 min, 6 h; the moment itself stands beside it. */
const spanWords = (seconds: number, language: Language): string => {
  const { count, unit } = span(seconds * 1e6);
  return fill(language, { en, ko }[language][`time.${unit}`], { count });
};

const momentText = (value: unknown, clock: Clock): string => {
  const at = typeof value === "string" ? momentOfIso(value) : null;
  return at === null ? textOf(value) || "?" : wholeTime(at, clock);
};

const runPieces = (run: { run_id: string | null; at: string }, clock: Clock, language: Language): Piece[] =>
  run.run_id === null ? [fill(language, WORDS[language].of, { at: momentText(run.at, clock) })] : [{ run: run.run_id }];

const nameOf = (task: NamedTask, inRun: boolean, language: Language): string => {
  const name = `${task.dag_id ? `${task.dag_id}.` : ""}${task.task_id}${task.map_index < 0 ? "" : `[${String(task.map_index)}]`}`;
  return inRun && task.run_id ? fill(language, WORDS[language].in, { task: name, run: task.run_id }) : name;
};

/** The first few, and how many more. */
const listed = (all: Piece[], more: number, language: Language): Piece[] => {
  const words = WORDS[language];
  const rest = Math.max(all.length - MOST_NAMED, 0) + more;
  if (!all.length) return rest ? [fill(language, words.tasks, { count: rest })] : [];
  const shown = all.slice(0, MOST_NAMED).flatMap((piece, n) => (n ? [", ", piece] : [piece]));
  return rest ? [...shown, fill(language, words.more, { count: rest })] : shown;
};

/** Neighbouring words as one. */
const joined = (pieces: Piece[]): Piece[] => {
  const out: Piece[] = [];
  for (const piece of pieces) {
    const last = out.at(-1);
    if (piece === "") continue;
    if (typeof piece === "string" && typeof last === "string") out[out.length - 1] = last + piece;
    else out.push(piece);
  }
  return out;
};
