/** Variables as a file: an object of keys and values, as Airflow's command line reads and writes it. */
import type { Schemas } from "../../api/client";

export type Variable = Schemas["VariableResponse"];
export type Entity = Schemas["VariableBody"];

/** What the server shows in place of a secret. */
export const REDACTED = "***";
export const isSecret = (variable: Variable): boolean => variable.value === REDACTED;

/** The file's text, and how many variables it leaves out because their values cannot be seen. */
export const written = (variables: readonly Variable[]): { text: string; count: number; leftOut: number } => {
  const seen = variables.filter((variable) => !hidesSomething(variable));
  const entries = seen.map((variable): [string, unknown] => {
    const value = plain(variable.value ?? "");
    return [variable.key, variable.description ? { value, description: variable.description } : value];
  });
  return { text: `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`, count: seen.length, leftOut: variables.length - seen.length };
};

/** A value with a secret inside would come back as its mask: it is left out whole. */
const hidesSomething = (variable: Variable): boolean =>
  typeof variable.value !== "string" || isSecret(variable) || (/^\s*[[{]/.test(variable.value) && variable.value.includes(`"${REDACTED}"`));

/** Objects and lists as such; everything else is the text that it is. */
const plain = (text: string): unknown => {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
};

/** The variables of a file. Throws an Error whose message says what is wrong with it. */
export const read = (text: string): Entity[] => {
  const found: unknown = JSON.parse(text);
  if (typeof found !== "object" || found === null || Array.isArray(found)) throw new Error(Array.isArray(found) ? "[…]" : String(found).slice(0, 40));
  return Object.entries(found as Record<string, unknown>).map(([key, value]) => (isDescribed(value) ? { key, value: stored(value.value), description: value.description } : { key, value: stored(value) }));
};

const isDescribed = (value: unknown): value is { value: unknown; description: string } =>
  typeof value === "object" && value !== null && Object.keys(value).sort().join() === "description,value" && typeof (value as { description: unknown }).description === "string";

const stored = (value: unknown): Entity["value"] => value as Entity["value"];

/** Why text that looks like JSON is none; empty where it is, or does not look like it. */
export const problemOf = (text: string): string => {
  if (!/^\s*[[{]/.test(text)) return "";
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
};
