import { expect, it } from "vitest";
import { en } from "./en";
import { ko } from "./ko";
import { sayIn, type Texts, texts } from "./texts";

const features = import.meta.glob<Record<string, unknown>>(["../features/*/text.ts", "../parts/*text.ts", "../parts/*/text.ts", "../app/*text.ts"], { eager: true });
const isTexts = (value: unknown): value is Texts<string> => typeof value === "object" && value !== null && "en" in value && "ko" in value;
const all: [string, Texts<string>][] = [
  ["every page", { en, ko }],
  ...Object.entries(features).flatMap(([file, module]) => Object.values(module).filter(isTexts).map((found): [string, Texts<string>] => [file, found])),
];

const names = (message: unknown): string[] =>
  [...new Set([...JSON.stringify(message).matchAll(/\{(\w+)\}/g)].map((match) => match[1] ?? ""))].sort();

it.each(all)("every message of %s has its Korean, with the same values in it", (_, own) => {
  expect(Object.keys(own.ko).sort()).toEqual(Object.keys(own.en).sort());
  for (const key of Object.keys(own.en)) expect([key, names(own.ko[key])]).toEqual([key, names(own.en[key])]);
});

it.each(all)("no Korean sentence of %s puts a particle to a value, nor counts with spaces", (_, own) => {
  for (const [key, message] of Object.entries(own.ko)) {
    expect([key, /\}(을|를|이|가|은|는|와|과)(\s|$)/.test(JSON.stringify(message))]).toEqual([key, false]);
    expect([key, /\{count\} (개|건|회|대|분|초|시간|일)/.test(JSON.stringify(message))]).toEqual([key, false]);
  }
});

it("a feature says its own messages, and those of every page", () => {
  const say = sayIn(texts({ "pool.full": "{count} of {size} taken" }, { "pool.full": "{size}개 중 {count}개 사용" }), "ko");
  expect(say("pool.full", { count: 3, size: 16 })).toBe("16개 중 3개 사용");
  expect(say("nav.home")).toBe("홈");
});

it("a count chooses the plural and is written with its separators", () => {
  const runs = texts({ failed: { one: "{count} run failed", other: "{count} runs failed" } }, { failed: "{count}회 실패" });
  expect(sayIn(runs, "en")("failed", { count: 1 })).toBe("1 run failed");
  expect(sayIn(runs, "en")("failed", { count: 1200 })).toBe("1,200 runs failed");
  expect(sayIn(runs, "ko")("failed", { count: 3 })).toBe("3회 실패");
});
