/** Values that a question asks for, as a form has them: text in fields, and what they mean. */
export interface Asked {
  name: string;
  label: string;
  hint: string;
  kind: "text" | "number" | "switch" | "choice" | "json";
  /** Of a choice. */
  options: readonly unknown[];
  required: boolean;
  /** What the field holds first. */
  first: string;
}

export type Fault = "required" | "number" | "json";

interface Described {
  value?: unknown;
  description?: unknown;
  schema?: { type?: unknown; enum?: unknown; title?: unknown; description?: unknown };
}

const isDescribed = (param: unknown): param is Described => typeof param === "object" && param !== null && "schema" in param;

/** The fields of a question's parameters: plain values, or values with a JSON schema. */
export const fieldsOf = (params: Readonly<Record<string, unknown>>): Asked[] =>
  Object.entries(params).map(([name, param]): Asked => {
    const described = isDescribed(param) ? param : { value: param };
    const schema = described.schema ?? {};
    const { value } = described;
    const options: readonly unknown[] = Array.isArray(schema.enum) ? schema.enum : [];
    const types = Array.isArray(schema.type) ? schema.type.map(String) : [typeof schema.type === "string" ? schema.type : typeOf(value)];
    const kind = options.length ? "choice" : kindOf(types);
    const hint = schema.description ?? described.description;
    return {
      name,
      label: typeof schema.title === "string" ? schema.title : name,
      hint: typeof hint === "string" ? hint : "",
      kind,
      options,
      required: !types.includes("null"),
      first: value === null || value === undefined ? "" : kind === "json" || kind === "choice" ? JSON.stringify(value) : String(value as string),
    };
  });

const typeOf = (value: unknown): string =>
  value === null || value === undefined ? "string" : typeof value === "object" ? "object" : typeof value;

const kindOf = (types: readonly string[]): Asked["kind"] => {
  const type = types.find((each) => each !== "null") ?? "string";
  if (type === "boolean") return "switch";
  if (type === "number" || type === "integer") return "number";
  return type === "object" || type === "array" ? "json" : "text";
};

/** What is in a field; or what is wrong with it. */
export const valueOf = (field: Asked, text: string): { value: unknown } | { fault: Fault } => {
  if (field.kind === "switch") return { value: text === "true" };
  if (!text.trim()) {
    // An empty text is a text; anything else that is required has to be given.
    if (field.kind === "text" && field.required) return { value: text };
    return field.required ? { fault: "required" } : { value: null };
  }
  if (field.kind === "number") return Number.isFinite(Number(text)) ? { value: Number(text) } : { fault: "number" };
  if (field.kind === "text") return { value: text };
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return { fault: "json" };
  }
};
