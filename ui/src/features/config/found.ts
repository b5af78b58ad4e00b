/** Which settings a reader looks for. */
import type { Schemas } from "../../api/client";

export type Setting = Schemas["SettingRow"];
export type Show = "set" | "unused";

/** Those whose section, name, value or help has every word, of those that somebody has set or that have no effect. */
export const foundSettings = (settings: readonly Setting[], text: string, show: Show | undefined): Setting[] => {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  return settings.filter((setting) => {
    if (show === "set" && setting.is_default) return false;
    if (show === "unused" && setting.is_used) return false;
    const all = `${setting.section}.${setting.key} ${setting.is_secret ? "" : setting.value} ${setting.help} ${setting.source}`.toLowerCase();
    return words.every((word) => all.includes(word));
  });
};
