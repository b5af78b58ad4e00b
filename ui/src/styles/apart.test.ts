import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";

const SOURCE = join(import.meta.dirname, "..");
const sheets = readdirSync(SOURCE, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".css"));

/** What each file says of a class by itself, outside of conditions. */
const rulesOf = (text: string): [string, string][] =>
  [...text.replaceAll(/\/\*.*?\*\//gs, "").matchAll(/(?:^|\})\s*(\.[\w-]+)\s*\{([^}]*)\}/g)].map((rule) => [rule[1] ?? "", (rule[2] ?? "").trim()]);

// A page's style stays when the reader goes on to another page: the same name must mean the same there.
it("a class that the styles of two pages have is the same in both", () => {
  const known = new Map<string, { file: string; rule: string }>();
  const torn: string[] = [];
  for (const file of sheets.filter((name) => !name.startsWith("styles") && !name.startsWith("app"))) {
    for (const [name, rule] of rulesOf(readFileSync(join(SOURCE, file), "utf8"))) {
      const other = known.get(name);
      if (other && other.file !== file && other.rule !== rule) torn.push(`${name}: ${other.file} and ${file}`);
      known.set(name, other ?? { file, rule });
    }
  }
  expect(sheets.length).toBeGreaterThan(10);
  expect(torn).toEqual([]);
});
