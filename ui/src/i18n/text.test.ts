import { expect, it } from "vitest";
import { en, type Key } from "./en";
import { ko } from "./ko";
import { translate } from "./text";

const names = (message: unknown): string[] =>
  [...new Set([...JSON.stringify(message).matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ""))].sort();

it("every message has its Korean, with the same values in it", () => {
  expect(Object.keys(ko)).toEqual(Object.keys(en));
  for (const key of Object.keys(en) as Key[]) expect([key, names(ko[key])]).toEqual([key, names(en[key])]);
});

it("no Korean sentence puts a particle to a value, nor counts with spaces", () => {
  for (const [key, message] of Object.entries(ko)) {
    expect([key, /\}(을|를|이|가|은|는|와|과)(\s|$)/.test(JSON.stringify(message))]).toEqual([key, false]);
    expect([key, /\{count\} (개|건|회|대|분|초|시간|일)/.test(JSON.stringify(message))]).toEqual([key, false]);
  }
});

it("a count chooses the plural and is written with its separators", () => {
  expect(translate("en", "dags.broken", { count: 1 })).toBe("1 file could not be read");
  expect(translate("en", "dags.broken", { count: 1200 })).toBe("1,200 files could not be read");
  expect(translate("ko", "dag.failedInARow", { count: 3 })).toBe("3회 연속 실패");
});
