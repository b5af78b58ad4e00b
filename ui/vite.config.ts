import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, minify, type Plugin, type Rolldown } from "vite";
import { ahead, PAGES } from "./src/ahead.ts";

/** Every text file also packed, so that the server only has to choose. */
const packed = (): Plugin => {
  let folder = "";
  return {
    name: "packed",
    apply: "build",
    configResolved: (config) => { folder = resolve(config.root, config.build.outDir); },
    closeBundle: () => {
      for (const name of readdirSync(folder, { recursive: true, encoding: "utf-8" })) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const bytes = readFileSync(join(folder, name));
        writeFileSync(join(folder, `${name}.gz`), gzipSync(bytes, { level: 9 }));
        writeFileSync(join(folder, `${name}.br`), brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } }));
      }
    },
  };
};

/** What a page is made of beside what every page has. */
const filesOf = (bundle: Rolldown.OutputBundle, page: string): string[] => {
  const chunks = Object.values(bundle).filter((each) => each.type === "chunk");
  const found = new Set<string>();
  const add = (chunk: Rolldown.OutputChunk | undefined): void => {
    if (!chunk || chunk.isEntry || found.has(`/${chunk.fileName}`)) return;
    found.add(`/${chunk.fileName}`);
    for (const name of chunk.imports) add(chunks.find(({ fileName }) => fileName === name));
    for (const name of chunk.viteMetadata?.importedCss ?? []) found.add(`/${name}`);
  };
  const chunk = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith(`/src/features/${page}.tsx`));
  if (!chunk) throw new Error(`There is no page ${page}: it is named in src/ahead.ts.`);
  add(chunk);
  return [...found];
};

/** The script of `src/ahead.ts`, before everything else that the page waits for. */
const early = (): Plugin => {
  let name = "";
  return {
    name: "early",
    apply: "build",
    generateBundle: {
      async handler(_, bundle) {
        const pages = PAGES.map(({ pages: parts, ...rest }) => ({ ...rest, files: [...new Set(parts.flatMap((page) => filesOf(bundle, page)))] }));
        const { code } = await minify("ahead.js", `(${ahead.toString()})(${JSON.stringify(pages)})`);
        name = this.getFileName(this.emitFile({ type: "asset", name: "ahead.js", source: code }));
      },
    },
    transformIndexHtml: { order: "post", handler: (html) => html.replace("<title>", `<script src="./${name}"></script>\n    <title>`) },
  };
};

/** Fetched by the pages that have them: parts that float, for the library that they stand on, and what features share. */
const APART = /ActionMenu|ChoiceChip|Dialog|Menu|features[\\/]/;

// Assets are named by their content, so that they can be cached for ever; index.html is what changes.
export default defineConfig({
  base: "./",
  plugins: [react(), early(), packed()],
  build: {
    outDir: "../src/tradewind/ui_dist",
    emptyOutDir: true,
    assetsDir: "static",
    assetsInlineLimit: 0,
    target: "es2022",
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
    // Every file is a request. What the first page imports is two, of which React's is the same from release to release,
    // and small things that many pages share are another.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "react", test: /rolldown[\\/]runtime|[\\/]node_modules[\\/](react|react-dom|scheduler)[\\/]/, priority: 3 },
            { name: "app", tags: ["$initial"], priority: 2 },
            { name: "common", test: (id) => /[\\/]ui[\\/]src[\\/]/.test(id) && !APART.test(id), minShareCount: 8, priority: 1 },
          ],
        },
      },
    },
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/ui", "/auth", "/health"].map((path) => [path, process.env.TRADEWIND_URL ?? "http://127.0.0.1:8080"]),
    ),
  },
});
