/** What a reader has chosen for every page: language, theme, contrast and time zone. Kept by the browser. */
import { createContext, type ReactNode, use, useEffect, useMemo, useState } from "react";
import { LANGUAGES, type Language, type Translate, translate } from "../i18n/text";
import { type Say, sayIn, type Texts } from "../i18n/texts";
import { now } from "../lib/clock";
import { type Clock, isZone } from "../lib/time";

export type Theme = "light" | "dark";

export interface Choices {
  language: Language;
  theme: Theme;
  contrast: "" | "more";
  /** Empty: the installation's own. */
  zone: string;
}

interface Settings extends Choices {
  choose: (change: Partial<Choices>) => void;
  /** The installation's time zone, once it is known. */
  home: string;
  setHome: (zone: string) => void;
}

const KEY = "tradewind";
const Context = createContext<Settings | null>(null);

const kept = (): Partial<Choices> => {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? "{}") as Partial<Choices>;
  } catch {
    return {};
  }
};

const first = (): Choices => {
  const found = kept();
  const language = found.language ?? (navigator.language.startsWith("ko") ? "ko" : "en");
  const theme = found.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  const contrast = found.contrast ?? (matchMedia("(prefers-contrast: more)").matches ? "more" : "");
  return {
    language: language in LANGUAGES ? language : "en",
    theme: theme === "dark" ? "dark" : "light",
    contrast: contrast === "more" ? "more" : "",
    zone: found.zone && isZone(found.zone) ? found.zone : "",
  };
};

export const SettingsProvider = ({ children }: { children: ReactNode }) => {
  const [choices, setChoices] = useState(first);
  const [home, setHome] = useState("UTC");
  useEffect(() => {
    const root = document.documentElement;
    root.lang = choices.language;
    root.dataset.theme = choices.theme;
    root.dataset.contrast = choices.contrast;
    try {
      localStorage.setItem(KEY, JSON.stringify(choices));
    } catch {
      // A browser that keeps nothing still shows everything.
    }
  }, [choices]);
  const settings = useMemo(
    () => ({ ...choices, home, setHome, choose: (change: Partial<Choices>) => { setChoices((old) => ({ ...old, ...change })); } }),
    [choices, home],
  );
  return <Context value={settings}>{children}</Context>;
};

export const useSettings = (): Settings => {
  const settings = use(Context);
  if (!settings) throw new Error("SettingsProvider is missing");
  return settings;
};

/** Messages in the reader's language. */
export const useText = (): Translate => {
  const { language } = useSettings();
  return useMemo(() => (key, values) => translate(language, key, values), [language]);
};

/** Messages of a feature, and those of every page, in the reader's language. */
export const useTexts = <K extends string>(own: Texts<K>): Say<K> => {
  const { language } = useSettings();
  return useMemo(() => sayIn(own, language), [own, language]);
};

/** The reader's zone and language; the present is that of the server's answer, where one is at hand. */
export const useClock = (at?: number): Clock => {
  const { language, zone, home } = useSettings();
  const present = at ?? now();
  return useMemo(() => ({ zone: zone || home, language, now: present }), [zone, home, language, present]);
};
