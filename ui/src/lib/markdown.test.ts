import { expect, it } from "vitest";
import { type Block, type Inline, isSafe, markdown } from "./markdown";

const flat = (parts: Inline[]): string =>
  parts.map((part) => {
    switch (part.kind) {
      case "text": return part.text;
      case "code": return `\`${part.text}\``;
      case "link": return `[${flat(part.parts)}|${part.href}]`;
      case "break": return "⏎";
      default: return `<${part.kind}>${flat(part.parts)}</${part.kind}>`;
    }
  }).join("");
const said = (blocks: Block[]): string[] =>
  blocks.map((block) => {
    switch (block.kind) {
      case "heading": return `h${block.level} ${flat(block.parts)}`;
      case "paragraph": return flat(block.parts);
      case "code": return `code(${block.language}) ${block.text}`;
      case "list": return `${block.isOrdered ? "ol" : "ul"}(${block.items.map((item) => said(item).join(" / ")).join(" ; ")})`;
      case "quote": return `quote(${said(block.blocks).join(" / ")})`;
      case "table": return `table ${[block.head, ...block.rows].map((row) => row.map(flat).join("|")).join(" ; ")}`;
      case "rule": return "---";
    }
  });

it("blocks are what their first signs say", () => {
  const text = "# Title #\n\nfirst **bold**\nsecond `a*b`\n\n- one\n- two\n  more\n  1. deep\n\n> said\n> so\n\n```python\nx = 1\n# no heading\n```\n\n| a | b |\n|---|:-:|\n| 1 | `x|y` |\n\n***\n";
  expect(said(markdown(text))).toEqual([
    "h1 Title", "first <strong>bold</strong>\nsecond `a*b`", "ul(one ; two\nmore / ol(deep))", "quote(said\nso)", "code(python) x = 1\n# no heading",
    "table a|b ; 1|`x", "---",
  ]);
});

it("HTML is text, and links lead only where they may", () => {
  expect(said(markdown('<script>alert(1)</script> <img src=x onerror="x">'))).toEqual(['<script>alert(1)</script> <img src=x onerror="x">']);
  expect(said(markdown("[x](javascript:alert(1)) [y](https://a.b/c) <https://d.e> mail [m](mailto:a@b.c) https://f.g/h."))).toEqual([
    "[x](javascript:alert(1)) [[y]|https://a.b/c] [https://d.e|https://d.e] mail [[m]|mailto:a@b.c] [https://f.g/h|https://f.g/h].".replaceAll("[[", "[").replaceAll("]|", "|"),
  ]);
  for (const href of ["javascript:alert(1)", "JaVaScRiPt:x", "data:text/html,x", "//evil", "vbscript:x", " https://", "/x"]) expect(isSafe(href)).toBe(false);
});

it("the indentation of a doc string does not make it code", () => {
  expect(said(markdown("\n    # Orders\n\n    text\n      more\n"))).toEqual(["h1 Orders", "text\nmore"]);
});

it("what is not closed is text, and names with underscores are names", () => {
  expect(said(markdown("a ** b, snake_case_name, `open, [x](y"))).toEqual(["a ** b, snake_case_name, `open, [x](y"]);
  expect(said(markdown("```\nnever closed"))).toEqual(["code() never closed"]);
});

it("no text makes it slow", () => {
  const began = performance.now();
  for (const text of ["*".repeat(5000), "> ".repeat(3000), "[".repeat(5000), "`".repeat(5000), "- ".repeat(3000) + "x", "_a".repeat(3000), "|-".repeat(3000)]) markdown(text);
  expect(performance.now() - began).toBeLessThan(20_000);
});
