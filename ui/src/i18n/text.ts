/** Messages with their values filled in. */
import { en, type Key, type Message } from "./en";
import { ko } from "./ko";

export const LANGUAGES = { en, ko } satisfies Record<string, Record<Key, Message>>;
export type Language = keyof typeof LANGUAGES;
export type Values = Record<string, string | number>;
export type Translate = (key: Key, values?: Values) => string;

/** Made when they are needed: each takes a browser some milliseconds, and the first page waits for them. */
const once = <T>(make: (language: Language) => T): ((language: Language) => T) => {
  const made = new Map<Language, T>();
  return (language) => {
    const found = made.get(language) ?? make(language);
    made.set(language, found);
    return found;
  };
};
const plurals = once((language) => new Intl.PluralRules(language));
const numbers = once((language) => new Intl.NumberFormat(language));

/** The text of a message of every page. `count` chooses the plural; Korean has one form unless it says `one` for exactly one. */
export const translate = (language: Language, key: Key, values: Values = {}): string => fill(language, LANGUAGES[language][key], values);

/** A message with its values in it. */
export const fill = (language: Language, message: Message, values: Values = {}): string => {
  const form = typeof message === "string" ? message : formOf(language, message, Number(values.count));
  return form.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) return whole;
    return typeof value === "number" ? numbers(language).format(value) : value;
  });
};

const formOf = (language: Language, message: { one?: string; other: string }, count: number): string => {
  const isOne = language === "ko" ? count === 1 : plurals(language).select(count) === "one";
  return isOne && message.one !== undefined ? message.one : message.other;
};
