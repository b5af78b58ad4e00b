/** Messages of one feature, carried by its own chunk: the entry has only what every page says. */
import type { Key, Message } from "./en";
import { fill, type Language, translate, type Values } from "./text";

export interface Texts<K extends string> {
  en: Record<K, Message>;
  ko: Record<K, Message>;
}

/** English and Korean of a feature. Every key has both, or the types do not fit. */
export const texts = <const E extends Record<string, Message>>(en: E, ko: Record<keyof E, Message>): Texts<keyof E & string> =>
  ({ en, ko }) as Texts<keyof E & string>;

/** How a feature's page says something: its own messages first, then those of every page. */
export type Say<K extends string> = (key: K | Key, values?: Values) => string;

export const sayIn = <K extends string>(own: Texts<K>, language: Language): Say<K> =>
  (key, values) => (key in own.en ? fill(language, own[language][key as K], values) : translate(language, key as Key, values));
