import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

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

// Assets are named by their content, so that they can be cached for ever; index.html is what changes.
export default defineConfig({
  base: "./",
  plugins: [react(), packed()],
  build: {
    outDir: "../src/tradewind/ui_dist",
    emptyOutDir: true,
    assetsDir: "static",
    assetsInlineLimit: 0,
    target: "es2022",
    manifest: "manifest.json",
    modulePreload: { polyfill: false },
  },
  server: {
    proxy: Object.fromEntries(
      ["/api", "/ui", "/auth", "/health"].map((path) => [path, process.env.TRADEWIND_URL ?? "http://127.0.0.1:8080"]),
    ),
  },
});
