import { expect, it } from "vitest";
import { BARS_HEIGHT, barsFor } from "./bars";

it("the longest run is the highest bar, and the shortest can still be seen", () => {
  const bars = barsFor([{ state: "success", micros: 100e6 }, { state: "failed", micros: 0 }], 4);
  expect(bars.map((bar) => bar.x)).toEqual([14, 21]);
  expect(bars[0]?.height).toBe(BARS_HEIGHT - 2);
  expect(bars[1]?.height).toBe(4);
  expect(bars.every((bar) => bar.y + bar.height === BARS_HEIGHT)).toBe(true);
});
