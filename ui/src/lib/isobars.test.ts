import { expect, it } from "vitest";
import { isobarsOf, pressure } from "./isobars";

const [WIDTH, HEIGHT] = [960, 900];

it("draws each line where the pressure is that of the line", () => {
  const lines = isobarsOf(WIDTH, HEIGHT);
  expect(lines.length).toBeGreaterThan(10);
  for (const { level, pieces } of lines) {
    expect(pieces.length % 4).toBe(0);
    for (let n = 0; n < pieces.length; n += 2) expect(Math.abs(pressure(pieces[n] ?? NaN, pieces[n + 1] ?? NaN, WIDTH, HEIGHT) - level)).toBeLessThan(0.2);
  }
});

it("draws every fourth line stronger, and nothing where there is no room", () => {
  const strong = isobarsOf(WIDTH, HEIGHT).filter((line) => line.isMain).map((line) => line.level);
  expect(strong.length).toBeGreaterThan(1);
  expect(strong.every((level) => level % 12 === 0)).toBe(true);
  expect(isobarsOf(0, 0)).toEqual([]);
});
