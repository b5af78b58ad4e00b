/** Code as pieces with a look: `k` keywords and names, `s` strings, `n` numbers, `c` comments. Cheap, and never wrong about the text itself. */
export interface CodePiece {
  text: string;
  look: "" | "k" | "s" | "n" | "c";
}

export type CodeLanguage = "json" | "sql" | "bash" | "python" | "text";

const WORDS: Record<"sql" | "bash" | "python", RegExp> = {
  sql: /^(select|from|where|and|or|not|in|is|null|as|on|join|left|right|inner|outer|full|cross|group|order|by|having|limit|offset|union|all|distinct|insert|into|values|update|set|delete|create|replace|table|view|drop|alter|add|with|case|when|then|else|end|exists|between|like|over|partition|merge|using|copy|begin|commit)$/i,
  bash: /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|return|export|local|set|exit|echo|cd|source|exec|trap)$/,
  python: /^(def|class|return|if|elif|else|for|while|in|not|and|or|is|None|True|False|import|from|as|with|try|except|finally|raise|yield|lambda|pass|async|await)$/,
};

const TOKEN: Record<CodeLanguage, RegExp> = {
  json: /"(?:[^"\\]|\\.)*"|-?\b\d+(?:\.\d+)?(?:[eE][+-]?\d+)?\b|\b(?:true|false|null)\b/g,
  sql: /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^']|'')*'|"[^"]*"|\b\d+(?:\.\d+)?\b|\b[A-Za-z_]\w*\b/g,
  bash: /(?<=^|\s)#[^\n]*|'[^']*'|"(?:[^"\\]|\\.)*"|\$\{[^}\n]*\}|\$\w+|\b\d+\b|\b[A-Za-z_][\w-]*\b/g,
  python: /#[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|\b\d+(?:\.\d+)?\b|\b[A-Za-z_]\w*\b/g,
  text: /(?!)/g,
};
/** Longer texts are shown plain: no reader follows the colours of half a megabyte. */
const MOST = 100_000;

export const piecesOfCode = (text: string, language: CodeLanguage): CodePiece[] => {
  if (language === "text" || text.length > MOST) return [{ text, look: "" }];
  const pieces: CodePiece[] = [];
  const push = (part: string, look: CodePiece["look"]): void => {
    const last = pieces.at(-1);
    if (last?.look === look) last.text += part;
    else if (part) pieces.push({ text: part, look });
  };
  let at = 0;
  for (const match of text.matchAll(TOKEN[language])) {
    push(text.slice(at, match.index), "");
    push(match[0], lookOf(match[0], language, text.slice(match.index + match[0].length, match.index + match[0].length + 8)));
    at = match.index + match[0].length;
  }
  push(text.slice(at), "");
  return pieces;
};

const lookOf = (token: string, language: CodeLanguage, after: string): CodePiece["look"] => {
  if (language === "json") return token.startsWith('"') ? (/^\s*:/.test(after) ? "k" : "s") : /^[-\d]/.test(token) ? "n" : "k";
  if (/^(--|\/\*|#)/.test(token)) return "c";
  if (/^['"]/.test(token)) return "s";
  if (/^\d/.test(token)) return "n";
  if (token.startsWith("$")) return "k";
  return language !== "text" && WORDS[language].test(token) ? "k" : "";
};

/** What a rendered field most likely is, by its name and its text. */
export const languageOf = (name: string, text: string): CodeLanguage => {
  if (/sql|query/i.test(name)) return "sql";
  if (/bash|command|script|cmd/i.test(name)) return "bash";
  if (/python|callable_source/i.test(name)) return "python";
  if (/^\s*[{[]/.test(text) && isJson(text)) return "json";
  if (/^\s*(select|with|insert|create|update|delete|merge)\s/i.test(text)) return "sql";
  return "text";
};

const isJson = (text: string): boolean => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};
