import { expect, it } from "vitest";
import { languageOf, piecesOfCode } from "./highlight";
import { cellText, linkIn, previewOf } from "./preview";

it("a value is shown by what it is", () => {
  expect(previewOf([{ a: 1 }, { a: 2, b: "x" }])).toEqual({ kind: "table", columns: ["a", "b"], rows: [{ a: 1 }, { a: 2, b: "x" }] });
  expect(previewOf(3.5)).toEqual({ kind: "plain", text: "3.5" });
  expect(previewOf(null)).toEqual({ kind: "plain", text: "null" });
  expect(previewOf("two\nlines")).toEqual({ kind: "text", text: "two\nlines" });
  expect(previewOf([]).kind).toBe("tree");
  expect(previewOf([[1], { a: 1 }]).kind).toBe("tree");
  expect(previewOf({ a: [1] }).kind).toBe("tree");
  expect(previewOf(Array.from({ length: 3 }, () => Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`c${n}`, n])))).kind).toBe("tree");
});

it("only http and https are links", () => {
  expect(previewOf("https://example.com/a?b=1")).toEqual({ kind: "link", href: "https://example.com/a?b=1" });
  expect(["javascript:alert(1)", "data:text/html,x", "JAVASCRIPT:x", " https://a b", "see https://a.b", "http://", "//a.b"].map(linkIn)).toEqual(Array(7).fill(null));
});

it("a cell has its value as it would be written", () => {
  expect([cellText("x"), cellText({ a: 1 }), cellText(undefined), cellText(null)]).toEqual(["x", '{"a":1}', "", "null"]);
});

it("code keeps every character, whatever is in it", () => {
  const texts = ["select 'it''s' -- no\nfrom t where a = 1.5", "echo \"$HOME\" # c\nif true; then x; fi", '{"a": [1, "b\\"c", null]}', "def f(): return 'x' # y", "'never ends", "<script>"];
  for (const text of texts) for (const language of ["json", "sql", "bash", "python", "text"] as const) expect(piecesOfCode(text, language).map((piece) => piece.text).join("")).toBe(text);
});

it("keywords, strings, numbers and comments look apart", () => {
  expect(piecesOfCode("select 1 -- x", "sql")).toEqual([
    { text: "select", look: "k" }, { text: " ", look: "" }, { text: "1", look: "n" }, { text: " ", look: "" }, { text: "-- x", look: "c" },
  ]);
  expect(piecesOfCode('{"a": "b"}', "json").map((piece) => piece.look)).toEqual(["", "k", "", "s", ""]);
});

it("a field's language follows from its name, then from its text", () => {
  expect([languageOf("sql", "x"), languageOf("bash_command", "x"), languageOf("conf", '{"a": 1}'), languageOf("body", "SELECT 1"), languageOf("body", "{not json")]).toEqual(["sql", "bash", "json", "sql", "text"]);
});
