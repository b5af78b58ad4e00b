import { expect, it } from "vitest";
import { marked, piecesOf, plainText } from "./ansi";

const ESC = "\u001b";

it("text without anything special is one piece", () => {
  expect(piecesOf("batch 4 of 5\tdone 배치")).toEqual([{ text: "batch 4 of 5\tdone 배치", look: "" }]);
});

it("colours and weights are looks, and end where they are reset", () => {
  expect(piecesOf(`a${ESC}[1;31mb${ESC}[22mc${ESC}[0md${ESC}[97;44me${ESC}[39;49m${ESC}[mf`)).toEqual([
    { text: "a", look: "" }, { text: "b", look: "f1 bo" }, { text: "c", look: "f1" }, { text: "d", look: "" },
    { text: "e", look: "f15 b4" }, { text: "f", look: "" },
  ]);
});

it("many colours become the nearest of the sixteen, and what follows them counts again", () => {
  expect(piecesOf(`${ESC}[38;5;196;1ma`)).toEqual([{ text: "a", look: "f1 bo" }]);
  expect(piecesOf(`${ESC}[38;2;10;200;30;4ma`)).toEqual([{ text: "a", look: "f2 un" }]);
  expect(piecesOf(`${ESC}[48;5;250ma`)).toEqual([{ text: "a", look: "b7" }]);
  expect(piecesOf(`${ESC}[38;9ma`)).toEqual([{ text: "a", look: "" }]);
});

it.each([
  ["a link", `${ESC}]8;;http://evil.example\u0007click${ESC}]8;;\u0007`, "␛]8;;http://evil.example␇click␛]8;;␇"],
  ["going back to the beginning", "50%\rdone", "50%␍done"],
  ["erasing", `a${ESC}[2Jb`, "a␛[2Jb"],
  ["turning the direction", "safe\u202egpj.exe\u2069", "safe⟪U+202E⟫gpj.exe⟪U+2069⟫"],
  ["one byte that begins a sequence", "\u009b31mred", "⟪U+009B⟫31mred"],
  ["what takes no room", "pass\u200bword\ufeff", "pass⟪U+200B⟫word⟪U+FEFF⟫"],
  ["ringing, and removing", "\u0007\u007f\u0000", "␇␡␀"],
  ["an escape that does not end", `x${ESC}[31`, "x␛[31"],
])("%s is shown and not obeyed", (_, line, shown) => {
  expect(plainText(line)).toBe(shown);
  expect(piecesOf(line).filter((piece) => piece.look === "ctl").length).toBeGreaterThan(0);
});

it("tags are text", () => {
  expect(piecesOf("<img src=x onerror=alert(1)>")).toEqual([{ text: "<img src=x onerror=alert(1)>", look: "" }]);
});

it("what is found is marked in any case, across colours", () => {
  expect(marked(piecesOf(`the CIR${ESC}[31mcuit${ESC}[0m and circuit`), "circuit")).toEqual([
    { text: "the ", look: "" }, { text: "CIR", look: "", mark: true }, { text: "cuit", look: "f1", mark: true },
    { text: " and ", look: "" }, { text: "circuit", look: "", mark: true },
  ]);
  expect(marked([{ text: "aaa", look: "" }], "aa")).toEqual([{ text: "aa", look: "", mark: true }, { text: "a", look: "" }]);
  expect(marked([{ text: "abc", look: "" }], "")).toEqual([{ text: "abc", look: "" }]);
  expect(marked([{ text: "İstanbul", look: "" }], "stan")).toEqual([{ text: "İstanbul", look: "" }]);
});
