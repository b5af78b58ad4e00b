/** How well a text answers what was typed: 0 not at all, more is better. */
export const scoreOf = (typed: string, text: string): number => {
  const [want, have] = [typed.trim().toLowerCase(), text.toLowerCase()];
  if (!want) return 1;
  if (have === want) return 100;
  if (have.startsWith(want)) return 80;
  const at = have.indexOf(want);
  if (at > 0) return /[\s_\-./:]/.test(have[at - 1] ?? "") ? 60 : 40;
  const words = want.split(/\s+/);
  if (words.length > 1 && words.every((word) => have.includes(word))) return 30;
  return isInOrder(want.replace(/\s+/g, ""), have) ? 10 : 0;
};

/** Whether the letters occur in this order: "edp" in "etl_daily_pipeline". */
const isInOrder = (letters: string, text: string): boolean => {
  if (letters.length < 2) return false;
  let from = 0;
  for (const letter of letters) {
    from = text.indexOf(letter, from) + 1;
    if (!from) return false;
  }
  return true;
};

/** The best answers first; those that are equally good stay in their order. */
export const best = <T>(typed: string, all: readonly T[], texts: (item: T) => readonly string[]): T[] =>
  all.map((item) => ({ item, score: Math.max(...texts(item).map((text) => scoreOf(typed, text))) }))
    .filter(({ score }) => score > 0)
    .sort((one, other) => other.score - one.score)
    .map(({ item }) => item);

export interface Wish {
  verb: "run" | "pause" | "unpause" | null;
  /** What is left of the text: the name of an object. */
  rest: string;
}

const VERBS: Partial<Record<string, Wish["verb"]>> = Object.assign(Object.create(null) as object, {
  run: "run", start: "run", trigger: "run", 실행: "run",
  pause: "pause", stop: "pause", off: "pause", 중지: "pause", 끄기: "pause",
  unpause: "unpause", resume: "unpause", on: "unpause", 재개: "unpause", 켜기: "unpause",
} as const);

/** A verb and its object: "run orders" and "orders 실행" both ask to run. */
export const wishOf = (typed: string): Wish => {
  const words = typed.trim().split(/\s+/);
  if (words.length > 1) {
    const [first, last] = [words[0]?.toLowerCase() ?? "", words.at(-1)?.toLowerCase() ?? ""];
    if (VERBS[first]) return { verb: VERBS[first], rest: words.slice(1).join(" ") };
    if (VERBS[last]) return { verb: VERBS[last], rest: words.slice(0, -1).join(" ") };
  }
  return { verb: null, rest: typed.trim() };
};
