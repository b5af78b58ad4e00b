import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Assets are named by their content, so that they can be cached for ever; index.html is what changes.
export default defineConfig({
  base: "./",
  plugins: [react()],
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
