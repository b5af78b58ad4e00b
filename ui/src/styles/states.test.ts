import { type Color, converter, differenceCiede2000, filterDeficiencyDeuter, filterDeficiencyProt, parse } from "culori";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { drawBar, drawCell, type Palette } from "../lib/draw";
import { type State, STATES, tokenOf } from "../lib/states";
import { RunBars } from "../parts/RunBars";

const LEAST = 15;
/** Drawn as an outline with nothing solid in it: their shapes tell them, not their colours. */
const OUTLINED = new Set<State>(["none", "scheduled", "removed"]);
const RUN_STATES: readonly State[] = ["queued", "running", "success", "failed"];
const LOOKS = [["light", ""], ["dark", ""], ["light", "more"], ["dark", "more"]] as const;

const sheet = readFileSync(join(import.meta.dirname, "tokens.css"), "utf8").replaceAll(/\/\*.*?\*\//gs, "");

/** The tokens of a look, as the cascade gives them. */
const tokensOf = (theme: string, contrast: string): Map<string, string> => {
  const holds = (selector: string): boolean =>
    [...selector.matchAll(/\[data-(\w+)="(\w+)"\]/g)].every(([, name, value]) => (name === "theme" ? theme : contrast) === value);
  const found = new Map<string, string>();
  for (const [, selectors, body] of sheet.matchAll(/([^{}@]+)\{([^{}]*)\}/g)) {
    if (!(selectors ?? "").split(",").some(holds)) continue;
    for (const [, name, value] of (body ?? "").matchAll(/(--[\w-]+):\s*((?:url\("[^"]*"\)|[^;"])+);/g)) found.set(name ?? "", value ?? "");
  }
  return found;
};

const [linear, shown] = [converter("lrgb"), converter("rgb")];
const bound = (value: number): number => Math.max(0, Math.min(1, value));
/** The matrices of Machado, Oliveira and Fernandes (2009) are for light, and not for its gamma-coded values. */
const asSeen = (filter: (colour: Color) => Color) => (colour: Color): Color => {
  const { r, g, b } = linear(colour);
  const seen = shown(filter({ mode: "rgb", r, g, b }));
  return shown({ mode: "lrgb", r: bound(seen.r), g: bound(seen.g), b: bound(seen.b) });
};
const SIGHTS: Record<string, (colour: Color) => Color> = {
  usual: (colour) => colour,
  protan: asSeen((colour) => shown(filterDeficiencyProt(1)(colour))),
  deutan: asSeen((colour) => shown(filterDeficiencyDeuter(1)(colour))),
};
const distance = differenceCiede2000();

const colourOf = (tokens: ReadonlyMap<string, string>, name: string): Color => {
  const colour = parse(tokens.get(name) ?? "");
  if (!colour) throw new Error(`${name} is no colour`);
  return colour;
};

const pairs = <T>(all: readonly T[]): [T, T][] => all.flatMap((one, n) => all.slice(n + 1).map((other): [T, T] => [one, other]));

/** What a pen is told but for colours and how opaque they are. */
const strokesOf = (draw: (pen: CanvasRenderingContext2D, palette: Palette) => void): string => {
  const told: string[] = [];
  const pen = new Proxy({}, {
    get: (_, name) => (...values: unknown[]) => { told.push(`${String(name)} ${values.join(" ")}`); },
    set: (_, name, value) => {
      if (!["fillStyle", "strokeStyle", "globalAlpha"].includes(String(name))) told.push(`${String(name)} = ${String(value)}`);
      return true;
    },
  });
  const colours = Object.fromEntries(STATES.map((state) => [state, state])) as Palette["fill"];
  draw(pen as CanvasRenderingContext2D, { fill: colours, ink: colours, edges: false } as Palette);
  return told.join("\n");
};

describe.each(LOOKS)("states in the %s theme, contrast “%s”", (theme, contrast) => {
  const tokens = tokensOf(theme, contrast);

  it.each(Object.keys(SIGHTS))("have solid colours apart to %s sight", (sight) => {
    const solid = STATES.filter((state) => !OUTLINED.has(state));
    const near = pairs(solid).flatMap(([one, other]) => {
      const [a, b] = [one, other].map((state) => SIGHTS[sight]?.(colourOf(tokens, `--s-${tokenOf(state)}`)));
      const apart = a && b ? distance(a, b) : 0;
      return apart < LEAST ? [`${one} and ${other}: ${apart.toFixed(1)}`] : [];
    });
    expect(solid.length).toBe(11);
    expect(near).toEqual([]);
  });

  it("each have a glyph of their own", () => {
    const glyphs = STATES.map((state) => tokens.get(`--g-${tokenOf(state)}`));
    expect(glyphs.every((glyph) => glyph?.startsWith("url("))).toBe(true);
    expect(new Set(glyphs).size).toBe(STATES.length);
  });
});

describe("without colour", () => {
  it("every state is another cell", () => {
    const cells = new Map(STATES.map((state) => [state, strokesOf((pen, palette) => { drawCell(pen, state, 0, 0, 16, 16, palette); })]));
    expect(pairs(STATES).filter(([one, other]) => cells.get(one) === cells.get(other))).toEqual([]);
  });

  it("every state of a run is another bar", () => {
    const onCanvas = RUN_STATES.map((state) => strokesOf((pen, palette) => { drawBar(pen, state, 0, 78, 16, 60, palette); }));
    const inList = RUN_STATES.map((state) =>
      renderToStaticMarkup(createElement(RunBars, { runs: [{ state, micros: 1e6 }], places: 1, label: "" })).replaceAll(/ (?:fill|stroke)="var[^"]*"/g, ""));
    expect(new Set(onCanvas).size).toBe(RUN_STATES.length);
    expect(new Set(inList).size).toBe(RUN_STATES.length);
  });
});
