import { expect, it } from "vitest";
import { csvCell, csvOf } from "./csv";

it("no cell begins a formula", () => {
  for (const formula of ["=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", " =HYPERLINK(1)", "\r=1", "\n=1"]) {
    expect(csvCell(formula).replace(/^"/, "")[0]).toBe("'");
  }
});

it("numbers stay numbers, and words stay as they are", () => {
  expect(["-5", "+1.5", "12", "a-b", "", "load_orders", "-"].map(csvCell)).toEqual(["-5", "+1.5", "12", "a-b", "", "load_orders", "'-"]);
});

it("commas, quotes, lines and spaces at the ends are kept", () => {
  expect(csvOf(["a", "b"], [['say "hi"', "1,2"], ["two\nlines", " x "]])).toBe('a,b\r\n"say ""hi""","1,2"\r\n"two\nlines"," x "\r\n');
});
