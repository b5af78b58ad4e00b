import { expect, it } from "vitest";
import { BARS_HEIGHT, barsFor, pathsOf } from "./bars";

it("the longest run is the highest bar, and the shortest can still be seen", () => {
  const bars = barsFor([{ state: "success", micros: 100e6 }, { state: "failed", micros: 0 }], 4);
  expect(bars.map((bar) => bar.x)).toEqual([14, 21]);
  expect(bars[0]?.height).toBe(BARS_HEIGHT - 2);
  expect(bars[1]?.height).toBe(4);
  expect(bars.every((bar) => bar.y + bar.height === BARS_HEIGHT)).toBe(true);
});

it("bars of one colour are one path, and each state has a shape of its own", () => {
  const states = ["success", "failed", "success", "running", "queued", "success"] as const;
  const paths = pathsOf(barsFor(states.map((state) => ({ state, micros: 10e6 })), states.length));
  expect(paths.map(({ ink, isLine }) => (isLine ? `line ${ink}` : ink))).toEqual(["s-success", "s-failed", "line s-running-ink", "s-running", "s-queued-ink"]);
  const [success, failed, frame, half, dashes] = paths.map(({ d }) => d);
  expect(success).toBe("M0 2h5v22h-5ZM14 2h5v22h-5ZM35 2h5v22h-5Z");
  expect(failed).toBe("M7 7h5v17h-5ZM6.5 1.5l6 3.6v-3.6Z");
  expect(frame).toBe("M21.75 24V2.75h3.5V24");
  expect(half).toBe("M21 13h5v11h-5Z");
  expect(dashes).toBe("M28 22h5v2h-5ZM28 18h5v2h-5Z");
});
