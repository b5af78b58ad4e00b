import { expect, it } from "vitest";
import { foundSettings, type Setting } from "./found";

const setting = (key: string, change: Partial<Setting> = {}): Setting => ({
  section: "core", key, value: "1", source: "default", is_default: true, is_secret: false, is_used: true, help: "", ...change,
});

it("settings are found by every word, in their names, values and meanings", () => {
  const all = [setting("parallelism", { help: "Most tasks running at once" }), setting("dags_folder", { value: "/srv/dags" }), setting("fernet_key", { value: "canary", is_secret: true })];
  const keys = (text: string): string[] => foundSettings(all, text, undefined).map((each) => each.key);
  expect([keys(""), keys("core.parallel"), keys("tasks once"), keys("SRV"), keys("canary"), keys("tasks srv")]).toEqual([
    ["parallelism", "dags_folder", "fernet_key"], ["parallelism"], ["parallelism"], ["dags_folder"], [], [],
  ]);
});

it("what somebody has set, and what has no effect, can be looked at alone", () => {
  const all = [setting("a", { is_default: false }), setting("b", { is_used: false }), setting("c")];
  expect([foundSettings(all, "", "set"), foundSettings(all, "", "unused")].map((found) => found.map((each) => each.key))).toEqual([["a"], ["b"]]);
});
