import { describe, expect, it } from "vitest";
import { AXIS, axisTop, type GridRow, hit, layoutOf, moved, ROW, shownRows, States } from "./grid";
import { codeOf } from "./states";

const packed = (bytes: number[]): string => btoa(String.fromCharCode(...bytes));
const [S, F, R] = [codeOf("success"), codeOf("failed"), codeOf("running")];
const states = new States(packed([S, S, S, F, S, 255]), 3);
const row = (id: string, depth: number, tasks: number[], is_group = false): GridRow => ({ id, label: id, depth, is_group, tasks });
const rows = [row("a", 0, [0]), row("g", 0, [1, 2], true), row("g.b", 1, [1]), row("g.c", 1, [2])];

describe("states", () => {
  it("are read run by run; a task that a run does not have has none", () => {
    expect(states.runs).toBe(2);
    expect(states.at(1, 0)).toBe("failed");
    expect(states.at(1, 2)).toBeNull();
    expect(states.at(9, 0)).toBeNull();
  });

  it("of a group are the one that tells most", () => {
    const mixed = new States(packed([S, F, R]), 3);
    expect(mixed.ofGroup(0, [0, 1, 2])).toBe("failed");
    expect(mixed.ofGroup(0, [0, 2])).toBe("running");
    expect(mixed.ofGroup(0, [])).toBeNull();
  });
});

it("a closed group hides what is inside, and a filter what never failed", () => {
  expect(shownRows(rows, new Set(), states, false).map((each) => each.id)).toEqual(["a", "g", "g.b", "g.c"]);
  expect(shownRows(rows, new Set(["g"]), states, false).map((each) => each.id)).toEqual(["a", "g"]);
  expect(shownRows(rows, new Set(), states, true).map((each) => each.id)).toEqual(["a"]);
});

describe("geometry", () => {
  it("puts the newest run at the right edge, and lets many runs scroll", () => {
    const few = layoutOf(800, 10, 4);
    expect(few.width).toBe(800);
    expect(few.left + 10 * few.column).toBe(794);
    const many = layoutOf(800, 365, 500);
    expect(many.column).toBe(13);
    expect(many.width).toBe(365 * 13 + 10);
    expect(many.height).toBe(AXIS + 500 * ROW + 6);
  });

  it("finds the cell under a pointer, and none beside the columns", () => {
    const layout = layoutOf(800, 10, 4);
    expect(hit(layout, layout.left + 1, AXIS + ROW * 2 + 1, 10, 4)).toEqual({ run: 0, row: 2 });
    expect(hit(layout, layout.left + 1, 40, 10, 4)).toEqual({ run: 0, row: -1 });
    expect(hit(layout, layout.left - 1, AXIS + 1, 10, 4)).toBeNull();
    expect(hit(layout, layout.left + 1, AXIS + ROW * 4, 10, 4)).toBeNull();
  });

  it("moves by keys and stays inside", () => {
    expect(moved({ run: 0, row: 0 }, "ArrowLeft", 10, 4)).toEqual({ run: 0, row: 0 });
    expect(moved({ run: 0, row: 0 }, "ArrowDown", 10, 4)).toEqual({ run: 0, row: 1 });
    expect(moved({ run: 0, row: 0 }, "ArrowUp", 10, 4)).toEqual({ run: 0, row: -1 });
    expect(moved({ run: 0, row: -1 }, "ArrowUp", 10, 4)).toEqual({ run: 0, row: -1 });
    expect(moved({ run: 0, row: 0 }, "End", 10, 4)).toEqual({ run: 9, row: 0 });
    expect(moved({ run: 0, row: 0 }, "x", 10, 4)).toBeNull();
  });
});

it("an axis ends at a number that people count in", () => {
  expect(axisTop(17 * 60e6)).toBe(20 * 60e6);
  expect(axisTop(0.4e6)).toBe(1e6);
  expect(axisTop(30 * 3600e6)).toBe(2 * 86_400e6);
});
