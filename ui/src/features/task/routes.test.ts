import { createMemoryHistory, createRouter } from "@tanstack/react-router";
import { expect, it, vi } from "vitest";

// What the frame of the pages asks of a browser while it is loaded.
vi.stubGlobal("matchMedia", () => ({ matches: false, addEventListener: () => undefined }));
vi.stubGlobal("self", globalThis);
vi.stubGlobal("navigator", { platform: "Linux", language: "en", languages: ["en"] });
vi.stubGlobal("localStorage", { getItem: () => null, setItem: () => undefined });
vi.stubGlobal("document", { documentElement: { dataset: {} }, querySelector: () => null, addEventListener: () => undefined });
const { root, shell } = await import("../../app/root");
const { taskRoutes } = await import("./routes");

/** What each page of the tree is handed of that address, the head's first. */
const handed = (tab: string): object[] => {
  const address = `/dags/d/runs/r/tasks/t${tab}`;
  const router = createRouter({ routeTree: root.addChildren([shell.addChildren(taskRoutes)]), isServer: true, origin: "http://tradewind", history: createMemoryHistory({ initialEntries: [address] }) });
  return router.matchRoutes(router.latestLocation).slice(-2).map((match) => Object.fromEntries(Object.entries(match.search).filter(([, value]) => value !== undefined)));
};

it("an address names the instance and what its tab is told, and the head and the tab hear of both", () => {
  expect(handed("?index=3&try=2&q=circuit&levels=EW")[1]).toEqual({ index: 3, try: 2, q: "circuit", levels: "EW" });
  expect(handed("?index=3&q=circuit")[0]).toMatchObject({ index: 3 });
  expect(handed("/mapped?index=1&state=failed")[1]).toEqual({ index: 1, state: "failed" });
  expect(handed("/xcom?index=1&key=rows")[1]).toEqual({ index: 1, key: "rows" });
});

it("what a tab does not take is not handed to it", () => {
  expect(handed("?index=x&try=-1&odd=1")[1]).toEqual({});
  expect(handed("/xcom?q=rows")[1]).toEqual({});
});
