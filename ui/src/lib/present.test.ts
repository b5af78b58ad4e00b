import { expect, it } from "vitest";
import { Present } from "./present";

it("goes on from what the server said, by the quickest answer", () => {
  const present = new Present();
  expect(present.at(50)).toBe(50);
  present.hear(1000, 100);
  expect(present.at(160)).toBe(1060);
  present.hear(1050, 170); // took longer to come: says nothing new
  expect(present.at(170)).toBe(1070);
  present.hear(1100, 180);
  expect(present.at(190)).toBe(1110);
});

it("stands still while nothing is heard, and then is where it would be", () => {
  const present = new Present();
  present.hear(1000, 100);
  present.stop(200);
  present.stop(300);
  expect([present.at(400), present.isStopped]).toEqual([1100, true]);
  present.go();
  expect([present.at(400), present.isStopped]).toEqual([1300, false]);
});
