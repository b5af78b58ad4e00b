import { describe, expect, it } from "vitest";
import { folded, opened, placeOf, rowAt, unfolded } from "./folds";
import { CHUNK, KEPT, LogRowsModel, linesIn, linesText, type LogRow, textBetween } from "./model";
import { extentOf, isScaled, lastTop, MOST_HEIGHT, ROW, rowsAt, scrolledOf, topFor, topOf } from "./scroll";

const row = (n: number, text = `line ${n}`): LogRow => ({ n, level: 1, at: null, text, kind: "line", source: "", cut: 0, rest: 0 });
const rows = (first: number, count: number): LogRow[] => Array.from({ length: count }, (_, place) => row(first + place + 1));

describe("rows", () => {
  it("what is not there is asked for in whole pieces, and once it is there no more", () => {
    const model = new LogRowsModel();
    model.total = 1_000_000;
    expect(model.missing({ from: 500_010, to: 500_090 })).toEqual([{ from: 500_000, to: 500_000 + CHUNK }]);
    model.put(500_000, rows(500_000, CHUNK));
    expect(model.missing({ from: 500_010, to: 500_090 })).toEqual([]);
    expect(model.at(500_042)?.text).toBe("line 500043");
    expect(model.at(499_999)).toBeUndefined();
    expect(model.missing({ from: 499_900, to: 500_300 })).toEqual([
      { from: 500_000 - CHUNK, to: 500_000 }, { from: 500_000 + CHUNK, to: 500_000 + 2 * CHUNK },
    ]);
  });

  it("neighbours are asked for together, up to 2,000 rows", () => {
    const model = new LogRowsModel();
    model.total = 10_000;
    expect(model.missing({ from: 0, to: 5000 })).toEqual([{ from: 0, to: 2000 }, { from: 2000, to: 4000 }, { from: 4000, to: 5000 }]);
  });

  it("a piece at the end is filled as the log grows", () => {
    const model = new LogRowsModel();
    model.total = 210;
    model.put(0, rows(0, 210));
    expect(model.missing({ from: 0, to: 210 })).toEqual([]);
    model.total = 215;
    expect(model.missing({ from: 200, to: 215 })).toEqual([{ from: 200, to: 215 }]);
    model.put(210, rows(210, 5));
    expect(model.missing({ from: 0, to: 215 })).toEqual([]);
  });

  it("keeps what was looked at last", () => {
    const model = new LogRowsModel();
    model.total = 1_000_000;
    for (let first = 0; first < 2 * KEPT; first += CHUNK) model.put(first, rows(first, CHUNK));
    expect(model.size).toBeLessThanOrEqual(KEPT);
    expect(model.at(0)).toBeUndefined();
    expect(model.at(2 * KEPT - 1)).toBeDefined();
  });
});

describe("scrolling", () => {
  it("a pixel is a pixel while the browser can be that high", () => {
    const extent = extentOf(800_000, 600);
    expect(isScaled(extent)).toBe(false);
    expect(topOf(1234, extent)).toBe(1234);
    expect(scrolledOf(1234, extent)).toBe(1234);
  });

  it("beyond that the bar stands for the whole, end for end", () => {
    const extent = extentOf(100_000_000, 600);
    expect(extent.height).toBe(MOST_HEIGHT);
    expect(topOf(0, extent)).toBe(0);
    expect(topOf(MOST_HEIGHT - 600, extent)).toBe(lastTop(extent));
    for (const top of [0, 18, 12_345_678, 899_999_982]) expect(Math.abs(topOf(scrolledOf(top, extent), extent) - top)).toBeLessThan(0.01);
  });

  it("shows the rows on screen and some around them", () => {
    const extent = extentOf(1000, 180);
    expect(rowsAt(0, extent, 1000)).toEqual({ from: 0, to: 10 });
    expect(rowsAt(1809, extent, 1000, 50)).toEqual({ from: 50, to: 161 });
    expect(rowsAt(lastTop(extent), extent, 1000, 50)).toEqual({ from: 940, to: 1000 });
  });

  it("goes to a row only when it is not seen, and then to the middle", () => {
    const extent = extentOf(1000, 180);
    expect(topFor(103, 1800, extent)).toBe(1800);
    expect(topFor(500, 1800, extent)).toBe(500 * ROW - 81);
    expect(topFor(0, 1800, extent)).toBe(0);
    expect(topFor(999, 0, extent)).toBe(lastTop(extent));
  });
});

describe("folds", () => {
  const folds = folded(folded([], { from: 5, count: 3 }), { from: 20, count: 10 });

  it("rows are counted without what is away", () => {
    expect([4, 5, 16, 17].map((place) => rowAt(folds, place))).toEqual([4, 8, 19, 30]);
    expect([4, 6, 8, 19, 25, 30].map((at) => placeOf(folds, at))).toEqual([4, 4, 5, 16, 16, 17]);
  });

  it("a fold takes those inside with it, and each can be opened", () => {
    expect(folded(folds, { from: 2, count: 50 })).toEqual([{ from: 2, count: 50 }]);
    expect(unfolded(folds, 5)).toEqual([{ from: 20, count: 10 }]);
    expect(opened(folds, 25)).toEqual([{ from: 5, count: 3 }]);
    expect(opened(folds, 30)).toEqual(folds);
  });
});

describe("links and copies", () => {
  it("an address names a line or several", () => {
    expect(linesIn("L123")).toEqual([123, 123]);
    expect(linesIn("L10-L40")).toEqual([10, 40]);
    expect(linesIn("L40-L10")).toEqual([10, 40]);
    expect(["", "L0", "Lx", "L1-", "12", "L99999999999999999999"].map(linesIn)).toEqual([null, null, null, null, null, null]);
    expect([linesText(7, 7), linesText(9, 7)]).toEqual(["L7", "L7-L9"]);
  });

  it("a selection is copied exactly, from the middle of a row to the middle of another", () => {
    const found = [row(1, "first \u001b[31mred\u001b[0m"), row(2, "  second"), row(3, "third")];
    expect(textBetween(found, 6, 3)).toBe("red\n  second\nthi");
    expect(textBetween(found.slice(0, 1), 0, 5)).toBe("first");
  });
});
