/**
 * What a browser does before the application's own script is there. The build makes a small script of this, which the
 * page waits for: with it the first frame has the reader's theme, and what the page will ask for is on its way.
 */
export interface Early {
  /** A pattern of the address below where the application lives. */
  at: string;
  /** What is asked for where nothing is said after `?`; `$1` is what the pattern has found. */
  data: readonly string[];
}

declare global {
  /** Answers by their addresses below where the application lives. */
  var early: Partial<Record<string, Promise<Response>>> | undefined;
}

/** Pages that are opened first, and the module of each below `features`; the first pattern that fits counts. */
export const PAGES: readonly (Early & { pages: readonly string[] })[] = [
  { at: "^/login$", pages: ["login/LoginPage"], data: [] },
  { at: "^/$", pages: ["home/HomePage"], data: ["/ui/home?hours=24"] },
  { at: "^/dags$", pages: ["dags/DagsPage"], data: ["/ui/dags?limit=100&offset=0&search=&sort=attention"] },
  { at: "^/dags/([^/]+)$", pages: ["dag/DagLayout", "dag/GridPage"], data: ["/ui/dags/$1/head"] },
  { at: "^/dags/[^/]+/runs/[^/]+/tasks/[^/]+$", pages: ["task/TaskLayout", "task/LogPage"], data: [] },
];

/** Runs by itself: it can name nothing of what surrounds it here. `files` are those that a page is made of. */
export const ahead = (pages: readonly (Early & { files: readonly string[] })[]): void => {
  const root = document.documentElement;
  const base = (document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content ?? "").replace("@base", "");
  const path = location.pathname.slice(base.length) || "/";
  let kept: Record<string, unknown> = {};
  try {
    kept = JSON.parse(localStorage.getItem("tradewind") ?? "{}") as Record<string, unknown>;
  } catch {
    // What cannot be read is chosen anew.
  }
  const theme = kept.themeChoice ?? kept.theme;
  root.dataset.theme = theme === "dark" || theme === "light" ? theme : matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.contrast = (kept.contrast ?? (matchMedia("(prefers-contrast: more)").matches ? "more" : "")) === "more" ? "more" : "";
  root.dataset.frame = path === "/login" ? "none" : /^\/dags\/[^/]/.test(path) ? "slim" : "whole";

  const page = pages.find(({ at }) => new RegExp(at).test(path));
  // Who cannot share a stream with other tabs is not told what happens between such an answer and the page.
  if (path !== "/login" && "SharedWorker" in globalThis) {
    const found = page && !location.search ? page.data.map((address) => path.replace(new RegExp(page.at), address)) : [];
    globalThis.early = Object.fromEntries(["/ui/session", ...found, "/ui/counts"].map((address) => {
      const answer = fetch(base + address);
      answer.catch(() => undefined); // whoever takes it asks again
      return [address, answer];
    }));
  }
  for (const file of page?.files ?? []) {
    const link = document.createElement("link");
    if (file.endsWith(".css")) Object.assign(link, { rel: "preload", as: "style" });
    else link.rel = "modulepreload";
    link.crossOrigin = "";
    link.href = base + file;
    document.head.append(link);
  }
};
