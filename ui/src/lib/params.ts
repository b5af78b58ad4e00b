/**
 * The form of a Dag's params. There is one model, the conf that will be sent; form and JSON are two ways of writing it.
 *
 * What somebody has typed that is no value yet ("12a" for a number, half a JSON text) is kept beside the model under the
 * field where it stands, and while there is any, nothing can be sent. So what is shown is what is sent, in both tabs.
 */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json };
export type Conf = Record<string, Json>;

export type FieldKind = "text" | "multiline" | "number" | "integer" | "boolean" | "date" | "date-time" | "time" | "choice" | "choices" | "lines" | "json";

export interface ParamField {
  name: string;
  kind: FieldKind;
  title: string;
  description: string;
  section: string;
  value: Json;
  /** It may be null. */
  nullable: boolean;
  /** It has no value of its own, and needs one. */
  required: boolean;
  choices: { value: Json; label: string }[];
  /** Proposals; anything else is taken too. */
  examples: string[];
  minimum: number | null;
  maximum: number | null;
  minLength: number | null;
  maxLength: number | null;
  /** It has one value alone. */
  fixed: boolean;
}

type Schema = Record<string, unknown>;
export interface Param {
  value?: unknown;
  schema?: unknown;
  description?: string | null;
}

const numberOf = (value: unknown): number | null => (typeof value === "number" ? value : null);
const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
const listOf = (value: unknown): Json[] | null => (Array.isArray(value) ? (value as Json[]) : null);

const typesOf = (schema: Schema, value: Json): string[] => {
  if (typeof schema.type === "string") return [schema.type];
  const several = listOf(schema.type);
  if (several) return several.filter((each) => typeof each === "string");
  const guessed = value === null ? "string" : Array.isArray(value) ? "array" : typeof value;
  return [guessed === "number" && Number.isInteger(value) && schema.type === undefined ? "number" : guessed];
};

/** A Dag's params as fields, those of a section together, in the order in which the author has them. */
export const fieldsOf = (params: Readonly<Record<string, Param>>): ParamField[] => {
  const fields = Object.entries(params).map(([name, param]) => fieldOf(name, param));
  const sections = [...new Set(fields.map((field) => field.section))];
  return sections.sort((one, other) => Number(one !== "") - Number(other !== "")).flatMap((section) => fields.filter((field) => field.section === section));
};

const fieldOf = (name: string, param: Param): ParamField => {
  const schema = (typeof param.schema === "object" && param.schema !== null ? param.schema : {}) as Schema;
  const value = (param.value ?? null) as Json;
  const types = typesOf(schema, value);
  const names = (typeof schema.values_display === "object" && schema.values_display !== null ? schema.values_display : {}) as Record<string, unknown>;
  const label = (each: Json): string => textOf(names[String(each)]) || (typeof each === "string" ? each : JSON.stringify(each));
  const [listed, examples] = [listOf(schema.enum), listOf(schema.examples)];
  const kind = kindOf(schema, types, listed, examples);
  const offered = kind === "choices" ? (examples ?? listOf((schema.items as Schema | undefined)?.enum)) : listed;
  const nullable = types.includes("null") || (listed?.includes(null) ?? false);
  return {
    name, kind, value, nullable,
    title: textOf(schema.title) || name,
    description: param.description || textOf(schema.description) || textOf(schema.description_md),
    section: textOf(schema.section),
    required: value === null && !nullable && schema.type !== undefined,
    choices: (kind === "choice" || kind === "choices" ? (offered ?? []) : []).map((each) => ({ value: each, label: label(each) })),
    examples: kind === "text" ? (examples ?? []).map(String) : [],
    minimum: numberOf(schema.minimum), maximum: numberOf(schema.maximum),
    minLength: numberOf(schema.minLength), maxLength: numberOf(schema.maxLength),
    fixed: "const" in schema,
  };
};

const kindOf = (schema: Schema, types: string[], listed: Json[] | null, examples: Json[] | null): FieldKind => {
  const [type] = types.filter((each) => each !== "null");
  const several = types.filter((each) => each !== "null").length > 1;
  if (listed && type !== "array") return "choice";
  if (several) return "json";
  switch (type) {
    case "boolean": return "boolean";
    case "integer": return "integer";
    case "number": return "number";
    case "array": {
      const items = schema.items as Schema | undefined;
      if (examples || listOf(items?.enum)) return "choices";
      return items?.type === "string" ? "lines" : "json";
    }
    case "object": return "json";
    default:
      switch (schema.format) {
        case "date": case "date-time": case "time": case "multiline": return schema.format;
        default: return "text";
      }
  }
};

// --- what is typed -----------------------------------------------------------------------------------------------

/** Why a text is no value; a key of the messages, with what it wants. */
export interface Problem {
  code: "number" | "integer" | "json" | "object" | "exact" | "required" | "minimum" | "maximum" | "minLength" | "maxLength" | "choice" | "date" | "moment";
  wanted?: string | number;
}

export interface Draft {
  conf: Conf;
  /** What is typed in a field, as somebody writes it: a spelling of its value ("1.50"), or with a problem no value yet. */
  typed: Readonly<Record<string, { text: string; problem: Problem | null }>>;
  /** The JSON tab: the text as somebody writes it. Null: as `written` has it. */
  json: string | null;
  jsonProblem: Problem | null;
}

/** The draft of a form: every param with its own value, and over it what a link or another run says. */
export const draftOf = (fields: readonly ParamField[], conf: Conf = {}): Draft => {
  const own = Object.fromEntries(fields.map((field) => [field.name, field.value]));
  return { conf: { ...own, ...conf }, typed: {}, json: null, jsonProblem: null };
};

const without = <T>(record: Readonly<Record<string, T>>, name: string): Record<string, T> =>
  Object.fromEntries(Object.entries(record).filter(([each]) => each !== name));

/** Set a field to a value. */
export const setValue = (draft: Draft, name: string, value: Json): Draft => ({
  conf: { ...draft.conf, [name]: value }, typed: without(draft.typed, name), json: null, jsonProblem: null,
});

/** Take what is typed in a field: as its value, or as what is no value yet. */
export const typeIn = (draft: Draft, field: ParamField, text: string): Draft => {
  const read = readText(field, text);
  const next = "value" in read ? setValue(draft, field.name, read.value) : draft;
  const problem = "value" in read ? null : read.problem;
  return { ...next, typed: { ...next.typed, [field.name]: { text, problem } } };
};

/** Take what is typed in the JSON tab. What was half typed in fields goes: the text says all. */
export const typeJson = (draft: Draft, text: string): Draft => {
  const read = readConf(text);
  if ("conf" in read) return { conf: read.conf, typed: {}, json: text, jsonProblem: null };
  return { ...draft, json: text, jsonProblem: read.problem };
};

/** What stands in a field. */
export const shownIn = (draft: Draft, field: ParamField): string => {
  const typed = draft.typed[field.name];
  if (typed) return typed.text;
  const value = draft.conf[field.name];
  if (value === undefined || value === null) return "";
  if (field.kind === "json") return written(value);
  if (field.kind === "lines" && Array.isArray(value) && value.every((each) => typeof each === "string")) return value.join("\n");
  return typeof value === "string" ? value : JSON.stringify(value);
};

/** What stands in the JSON tab. */
export const shownJson = (draft: Draft): string => draft.json ?? written(draft.conf);

/** What will be sent; null while something that is typed is no value. */
export const sentConf = (draft: Draft): Conf | null =>
  draft.jsonProblem || Object.values(draft.typed).some((each) => each.problem) ? null : draft.conf;

export const written = (value: Json): string => JSON.stringify(value, null, 2);

type Read = { value: Json } | { problem: Problem };

const readText = (field: ParamField, text: string): Read => {
  switch (field.kind) {
    case "number": case "integer": {
      const trimmed = text.trim();
      if (!trimmed && field.nullable) return { value: null };
      if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(trimmed)) return { problem: { code: field.kind } };
      const number = Number(trimmed);
      if (field.kind === "integer" && !Number.isInteger(number)) return { problem: { code: "integer" } };
      return isExact(trimmed, number) ? { value: number } : { problem: { code: "exact" } };
    }
    case "json":
      return text.trim() ? readJson(text) : field.nullable || field.value === null ? { value: null } : { problem: { code: "json" } };
    case "lines": return { value: text ? text.split("\n") : [] };
    default: return { value: text === "" && field.nullable ? null : text };
  }
};

const isExact = (text: string, number: number): boolean =>
  Number.isFinite(number) && (!/^[+-]?\d+$/.test(text) || Number.isSafeInteger(number));

const NUMBERS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

/** A JSON value; one with a number that cannot be sent as it is written is none. */
const readJson = (text: string): Read => {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch {
    return { problem: { code: "json" } };
  }
  for (const [token] of text.matchAll(NUMBERS)) {
    if (!token.startsWith('"') && !isExact(token, Number(token))) return { problem: { code: "exact", wanted: token } };
  }
  return { value };
};

/** A conf from its text. */
export const readConf = (text: string): { conf: Conf } | { problem: Problem } => {
  const read = readJson(text);
  if ("problem" in read) return read;
  const { value } = read;
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { conf: value } : { problem: { code: "object" } };
};

/** What a field's value lacks, as far as it can be said here; the server looks at all of the schema. */
export const problemOf = (draft: Draft, field: ParamField): Problem | null => {
  const typed = draft.typed[field.name];
  if (typed?.problem) return typed.problem;
  const value = draft.conf[field.name];
  if (value === undefined || value === null) return field.required ? { code: "required" } : null;
  if (typeof value === "number") {
    if (field.kind === "integer" && !Number.isInteger(value)) return { code: "integer" };
    if (field.minimum !== null && value < field.minimum) return { code: "minimum", wanted: field.minimum };
    if (field.maximum !== null && value > field.maximum) return { code: "maximum", wanted: field.maximum };
  } else if (field.kind === "number" || field.kind === "integer") return { code: field.kind };
  if (typeof value === "string") {
    const length = [...value].length;
    if (field.minLength !== null && length < field.minLength) return { code: "minLength", wanted: field.minLength };
    if (field.maxLength !== null && length > field.maxLength) return { code: "maxLength", wanted: field.maxLength };
    if (field.kind === "date" && !/^\d{4}-\d\d-\d\d$/.test(value)) return { code: "date" };
    if (field.kind === "date-time" && Number.isNaN(Date.parse(value))) return { code: "moment" };
  }
  if (field.kind === "choice" && !field.choices.some((each) => isSame(each.value, value))) return { code: "choice" };
  return null;
};

/** Whether two values are the same JSON; the order of names does not matter. */
export const isSame = (one: Json | undefined, other: Json | undefined): boolean => canonical(one) === canonical(other);

const canonical = (value: Json | undefined): string =>
  JSON.stringify(value, (_, each: Json) =>
    typeof each === "object" && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each) ?? "";

/** The params whose values are not the Dag's own. */
export const changedNames = (draft: Draft, fields: readonly ParamField[]): Set<string> => {
  const own = new Map(fields.map((field) => [field.name, field.value]));
  return new Set([
    ...Object.entries(draft.typed).filter(([, typed]) => typed.problem).map(([name]) => name),
    ...Object.entries(draft.conf).filter(([name, value]) => !own.has(name) || !isSame(value, own.get(name))).map(([name]) => name),
  ]);
};

/** The field that a refusal of the server is about: its sentence names the param. */
export const refusedField = (sentence: string, fields: readonly ParamField[]): string | null => {
  const found = fields.filter((field) => [`'${field.name}'`, `"${field.name}"`].some((quoted) => sentence.includes(`param ${quoted}`)));
  return found[0]?.name ?? null;
};
