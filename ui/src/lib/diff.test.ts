import { expect, it } from "vitest";
import { diffLines, hunksOf } from "./diff";

const said = (before: string, after: string): string =>
  diffLines(before, after).map((line) => `${{ same: " ", added: "+", removed: "-" }[line.kind]}${line.text}`).join("\n");

it("the fewest lines are added and removed", () => {
  expect(said("a\nb\nc\n", "a\nc\nd\n")).toBe(" a\n-b\n c\n+d");
  expect(said("", "x\ny")).toBe("+x\n+y");
  expect(said("x", "")).toBe("-x");
  expect(said("a\r\nb\r\n", "a\nb\n")).toBe(" a\n b");
});

it("applying a diff to the one text gives the other, whatever they are", () => {
  let at = 11;
  const draw = (most: number): number => (at = (at * 48_271) % 2_147_483_647) % most;
  for (let round = 0; round < 200; round++) {
    const before = Array.from({ length: draw(30) }, () => "abcd"[draw(4)]).join("\n");
    const after = Array.from({ length: draw(30) }, () => "abcd"[draw(4)]).join("\n");
    const lines = diffLines(before, after);
    expect(lines.filter((line) => line.kind !== "added").map((line) => line.text).join("\n")).toBe(before);
    expect(lines.filter((line) => line.kind !== "removed").map((line) => line.text).join("\n")).toBe(after);
    const numbers = lines.flatMap((line) => line.after ?? []);
    expect(numbers).toEqual(numbers.map((_, n) => n + 1));
  }
});

it("what is the same far from any change is left out, and counted", () => {
  const before = Array.from({ length: 40 }, (_, n) => `line ${n}`);
  const after = before.with(20, "other");
  const { hunks, rest } = hunksOf(diffLines(before.join("\n"), after.join("\n")));
  expect(hunks).toHaveLength(1);
  expect([hunks[0]?.skipped, hunks[0]?.lines.length, rest]).toEqual([17, 8, 16]);
});
