import { ApiError } from "../api/client";
import type { Key } from "../i18n/en";
import { refusalsKo } from "../i18n/refusals.ko";

const KEYS: Readonly<Record<number, Key>> = {
  400: "refused.input", 401: "refused.login", 403: "refused.rights", 404: "refused.notFound", 409: "refused.state", 413: "refused.large",
  422: "refused.input", 429: "refused.often", 503: "refused.away", 504: "refused.slow",
};

/** Why a call was not done. What the server says most often is said in the reader's language; of anything else it is what kind of
 * refusal that is, before the server's own sentence. */
export const refusalText = (error: Error, t: (key: Key, values?: { said: string }) => string): string => {
  if (!(error instanceof ApiError)) return error.message;
  if (error.status === 0) return t("error.network");
  const known = t("refused.language") === "ko" ? inKorean(error.message) : undefined;
  if (known !== undefined) return known;
  return t(KEYS[error.status] ?? (error.status < 500 ? "refused.input" : "refused.fault"), { said: error.message }).trim();
};

const HOLE = /\{(\w+)\}/g;
const literally = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** For each sentence a pattern with a group for each of its values, and what those are called. */
const patterns = (): (readonly [RegExp, string[], string])[] =>
  Object.entries(refusalsKo).map(([said, korean]) => [new RegExp(`^${said.split(HOLE).map((part, n) => (n % 2 ? "(.+?)" : literally(part))).join("")}$`), [...said.matchAll(HOLE)].map((hole) => hole[1] ?? ""), korean]);
let compiled: ReturnType<typeof patterns> | undefined;

const inKorean = (said: string): string | undefined => {
  compiled ??= patterns();
  for (const [pattern, names, korean] of compiled) {
    const found = pattern.exec(said);
    if (found) return korean.replace(HOLE, (_, name: string) => unquoted(found[names.indexOf(name) + 1] ?? ""));
  }
  return undefined;
};

/** A value without the quotes that the server writes around names. */
const unquoted = (value: string): string => /^(['"])(.*)\1$/.exec(value)?.[2] ?? value;
