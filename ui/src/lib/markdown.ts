/**
 * Markdown as authors of Dags write it, as a tree that is drawn without any HTML of theirs: headings, paragraphs, lists, quotes, code,
 * tables, rules; emphasis, code and links inside. What is not known stays the text that it is.
 */
export type Inline =
  | { kind: "text"; text: string }
  | { kind: "code"; text: string }
  | { kind: "strong" | "em" | "strike"; parts: Inline[] }
  | { kind: "link"; href: string; parts: Inline[] }
  | { kind: "break" };

export type Block =
  | { kind: "heading"; level: number; parts: Inline[] }
  | { kind: "paragraph"; parts: Inline[] }
  | { kind: "code"; language: string; text: string }
  | { kind: "list"; isOrdered: boolean; items: Block[][] }
  | { kind: "quote"; blocks: Block[] }
  | { kind: "table"; head: Inline[][]; rows: Inline[][][] }
  | { kind: "rule" };

const DEEPEST = 12;

export const markdown = (text: string): Block[] => blocksOf(unindented(text.replaceAll("\t", "    ").split(/\r?\n/)), 0);

/** A doc string is indented like the code around it. */
const unindented = (lines: string[]): string[] => {
  const full = lines.filter((line, n) => line.trim() && n > 0);
  const least = Math.min(...full.map((line) => line.search(/\S/)), lines[0]?.trim() ? lines[0].search(/\S/) : Infinity);
  return Number.isFinite(least) && least > 0 ? lines.map((line) => line.slice(Math.min(least, line.search(/\S|$/)))) : lines;
};

const FENCE = /^ {0,3}(```+|~~~+)\s*([\w+-]*)/;
const HEADING = /^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$/;
const RULE = /^ {0,3}([-*_])\s*(?:\1\s*){2,}$/;
const ITEM = /^( {0,3})([-*+]|\d{1,9}[.)])( {1,4})(?=\S)/;
const QUOTE = /^ {0,3}> ?/;
const DIVIDER = /^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)*\|?\s*$/;

const blocksOf = (lines: readonly string[], depth: number): Block[] => {
  const blocks: Block[] = [];
  let n = 0;
  const at = (k: number): string => lines[k] ?? "";
  while (n < lines.length) {
    const line = at(n);
    const fence = FENCE.exec(line);
    const heading = HEADING.exec(line);
    if (!line.trim()) n++;
    else if (fence) {
      const close = new RegExp(`^ {0,3}${(fence[1] ?? "").slice(0, 1)}{${(fence[1] ?? "").length},}\\s*$`);
      const from = ++n;
      while (n < lines.length && !close.test(at(n))) n++;
      blocks.push({ kind: "code", language: fence[2] ?? "", text: lines.slice(from, n).join("\n") });
      n++;
    } else if (heading) {
      blocks.push({ kind: "heading", level: (heading[1] ?? "#").length, parts: inline(heading[2] ?? "") });
      n++;
    } else if (RULE.test(line)) {
      blocks.push({ kind: "rule" });
      n++;
    } else if (QUOTE.test(line) && depth < DEEPEST) {
      const from = n;
      while (n < lines.length && QUOTE.test(at(n))) n++;
      blocks.push({ kind: "quote", blocks: blocksOf(lines.slice(from, n).map((each) => each.replace(QUOTE, "")), depth + 1) });
    } else if (ITEM.test(line) && depth < DEEPEST) {
      const list = listAt(lines, n, depth);
      blocks.push(list.block);
      n = list.end;
    } else if (line.includes("|") && DIVIDER.test(at(n + 1)) && at(n + 1).includes("-")) {
      const from = n + 2;
      n = from;
      while (n < lines.length && at(n).includes("|")) n++;
      const cells = (text: string): Inline[][] => text.trim().replace(/^\||\|$/g, "").split(/(?<!\\)\|/).map((cell) => inline(cell.trim().replaceAll("\\|", "|")));
      const head = cells(line);
      blocks.push({ kind: "table", head, rows: lines.slice(from, n).map((row) => cells(row).slice(0, head.length)) });
    } else if (/^ {4}/.test(line)) {
      const from = n;
      while (n < lines.length && (/^ {4}/.test(at(n)) || !at(n).trim())) n++;
      blocks.push({ kind: "code", language: "", text: lines.slice(from, n).map((each) => each.slice(4)).join("\n").trimEnd() });
    } else {
      const from = n++;
      while (n < lines.length && at(n).trim() && !FENCE.test(at(n)) && !HEADING.test(at(n)) && !ITEM.test(at(n)) && !QUOTE.test(at(n))) n++;
      blocks.push({ kind: "paragraph", parts: inline(lines.slice(from, n).map((each) => each.trimStart()).join("\n")) });
    }
  }
  return blocks;
};

const listAt = (lines: readonly string[], from: number, depth: number): { block: Block; end: number } => {
  const isOrdered = /\d/.test(ITEM.exec(lines[from] ?? "")?.[2] ?? "");
  const items: Block[][] = [];
  let n = from;
  for (let item = ITEM.exec(lines[n] ?? ""); item && /\d/.test(item[2] ?? "") === isOrdered; item = ITEM.exec(lines[n] ?? "")) {
    const width = item[0].length;
    const own = [(lines[n] ?? "").slice(width)];
    n++;
    while (n < lines.length) {
      const line = lines[n] ?? "";
      const indent = line.search(/\S|$/);
      const goesOn = line.trim() ? indent >= Math.min(width, 2) : (lines[n + 1] ?? "").search(/\S|$/) >= width && Boolean((lines[n + 1] ?? "").trim());
      if (!goesOn && (!line.trim() || ITEM.test(line) || !own.at(-1)?.trim() || FENCE.test(line) || HEADING.test(line))) break;
      own.push(line.slice(Math.min(width, indent)));
      n++;
    }
    items.push(blocksOf(own, depth + 1));
    while (n < lines.length && !(lines[n] ?? "").trim() && ITEM.test(lines[n + 1] ?? "")) n++;
  }
  return { block: { kind: "list", isOrdered, items }, end: n };
};

const TOKEN =
  /\\([\\`*_{}[\]()#+.!|~<>-])|(`+)(.+?)\2(?!`)|!?\[([^\]\n]*)\]\(\s*<?([^\s)>]+)>?(?:\s+"[^"]*")?\s*\)|<(https?:\/\/[^\s<>]+)>|\*\*(?=\S)(.+?\S|\S)\*\*|__(?=\S)(.+?\S|\S)__(?!\w)|~~(?=\S)(.+?)~~|\*(?=[^\s*])(.+?[^\s*]|[^\s*])\*(?!\*)|(?<!\w)_(?=[^\s_])(.+?[^\s_]|[^\s_])_(?!\w)|(https?:\/\/[^\s<>()]+[^\s<>().,:;!?'"])|( {2,}|\\)\n/s;

/** Emphasis, code, links. Anything that looks like HTML is text. */
export const inline = (text: string, depth = 0): Inline[] => {
  const parts: Inline[] = [];
  let rest = text;
  while (rest) {
    const found = depth < DEEPEST ? TOKEN.exec(rest) : null;
    if (!found) break;
    if (found.index) parts.push({ kind: "text", text: rest.slice(0, found.index) });
    parts.push(token(found, depth + 1));
    rest = rest.slice(found.index + found[0].length);
  }
  if (rest) parts.push({ kind: "text", text: rest });
  return parts;
};

const token = (found: RegExpExecArray, depth: number): Inline => {
  const [whole, escaped, , code, label, href, auto, strong, strong2, strike, em, em2, bare] = found;
  if (escaped !== undefined) return { kind: "text", text: escaped };
  if (code !== undefined) return { kind: "code", text: code.trim() || code };
  if (href !== undefined) return linked(href, inline(label ?? "", depth), whole);
  if (auto !== undefined) return linked(auto, [{ kind: "text", text: auto }], whole);
  if (strong !== undefined || strong2 !== undefined) return { kind: "strong", parts: inline(strong ?? strong2 ?? "", depth) };
  if (strike !== undefined) return { kind: "strike", parts: inline(strike, depth) };
  if (em !== undefined || em2 !== undefined) return { kind: "em", parts: inline(em ?? em2 ?? "", depth) };
  if (bare !== undefined) return linked(bare, [{ kind: "text", text: bare }], whole);
  return { kind: "break" };
};

/** A link to where links may lead; otherwise the text as it was written. */
const linked = (href: string, parts: Inline[], whole: string): Inline =>
  isSafe(href) ? { kind: "link", href, parts: parts.length ? parts : [{ kind: "text", text: href }] } : { kind: "text", text: whole };

export const isSafe = (href: string): boolean => {
  try {
    return ["http:", "https:", "mailto:"].includes(new URL(href).protocol);
  } catch {
    return false;
  }
};
