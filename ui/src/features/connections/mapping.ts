/** A connection as a form, and the form as what is sent. Secrets are written and never read: an empty one stays as it is. */
import type { Schemas } from "../../api/client";
import { type ConnectionType, extraKey, isSecretField, type Place, type TypeField, typeOf } from "./types";

export type Connection = Schemas["ConnectionResponse"];

/** What the server shows in place of a secret; sent back, it leaves the secret as it is. */
export const REDACTED = "***";

type Extra = Record<string, unknown>;
const COLUMNS = ["host", "schema", "login", "password", "port"] as const;

export interface Form {
  id: string;
  type: string;
  description: string;
  /** What is typed, by place. */
  values: Partial<Record<Place, string | boolean>>;
  /** What of `extra` the kind has no field for, as JSON text. */
  rest: string;
  /** Secrets to be taken away. */
  removed: readonly Place[];
}

export interface Stored {
  connection: Connection | null;
  /** `extra` as it was shown; null where it cannot be read, and stays as it is unless something is written. */
  extra: Extra | null;
}

/** What is stored, as far as it can be seen. */
export const storedOf = (connection: Connection | null): Stored => ({ connection, extra: connection?.extra ? objectOf(connection.extra) : isLost(connection) ? null : {} });

/** A connection whose `extra` is there and cannot be read comes without it. Nothing tells that from one that has none. */
const isLost = (connection: Connection | null): boolean => connection?.extra === REDACTED;

const objectOf = (text: string): Extra | null => {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? (found as Extra) : null;
  } catch {
    return null;
  }
};

/** The form of a connection, or of a new one of that kind. */
export const formOf = (stored: Stored, kind = "postgres"): Form => {
  const { connection } = stored;
  const type = typeOf(connection?.conn_type ?? kind);
  const values: Form["values"] = {};
  for (const field of type.fields) {
    const key = extraKey(field.place);
    const value = key === null ? columnOf(connection, field.place) : stored.extra?.[key];
    values[field.place] = field.kind === "check" ? isTrue(value) : isSecretField(field) || value === null || value === undefined ? "" : plain(value);
  }
  return { id: connection?.connection_id ?? "", type: type.id, description: connection?.description ?? "", values, rest: restOf(stored.extra ?? {}, type), removed: [] };
};

const columnOf = (connection: Connection | null, place: Place): unknown => connection?.[place as (typeof COLUMNS)[number]];
const isTrue = (value: unknown): boolean => value === true || /^(true|1|yes|on)$/i.test(String(value));
const plain = (value: unknown): string => (typeof value === "object" ? JSON.stringify(value) : String(value));

const restOf = (extra: Extra, type: ConnectionType): string => {
  const taken = new Set(type.fields.map((field) => extraKey(field.place)));
  const rest = Object.entries(extra).filter(([key]) => !taken.has(key));
  return rest.length ? JSON.stringify(Object.fromEntries(rest), null, 2) : "";
};

/** Whether something is stored at a place that the form does not show. */
export const isStored = (stored: Stored, field: TypeField): boolean => {
  const key = extraKey(field.place);
  const value = key === null ? columnOf(stored.connection, field.place) : stored.extra?.[key];
  return value !== null && value !== undefined && value !== "";
};

/** The same as another kind: columns keep what was typed; of `extra` what the new kind has no field for is in its JSON. */
export const asType = (form: Form, stored: Stored, id: string): Form => {
  const type = typeOf(id);
  const extra = extraOf(form, stored);
  const next = formOf({ connection: null, extra: extra ?? {} }, id);
  const columns = Object.fromEntries(COLUMNS.filter((place) => type.fields.some((field) => field.place === place) && form.values[place] !== undefined).map((place) => [place, form.values[place]]));
  return { ...form, type: id, values: { ...next.values, ...columns }, rest: extra === null ? form.rest : next.rest };
};

/** `extra` as the form has it; null where its JSON is none. */
const extraOf = (form: Form, stored: Stored): Extra | null => {
  const rest = form.rest.trim() ? objectOf(form.rest) : {};
  if (rest === null) return null;
  const extra: Extra = { ...rest };
  for (const field of typeOf(form.type).fields) {
    const key = extraKey(field.place);
    if (key === null) continue;
    const value = form.values[field.place];
    if (isSecretField(field)) {
      if (typeof value === "string" && value !== "") extra[key] = value;
      else if (stored.extra?.[key] !== undefined && !form.removed.includes(field.place)) extra[key] = stored.extra[key];
    } else if (field.kind === "check") {
      const old = stored.extra?.[key];
      if (value === isTrue(old) && old !== undefined) extra[key] = old;
      else if (value === true || old !== undefined) extra[key] = value === true;
    } else if (typeof value === "string" && value.trim() !== "") {
      extra[key] = sameAs(stored.extra?.[key], value.trim(), field);
    }
  }
  return extra;
};

/** What was not changed keeps the type that it has; a number that is typed anew is one. */
const sameAs = (old: unknown, value: string, field: TypeField): unknown => {
  if (old !== undefined && plain(old) === value) return old;
  return field.kind === "number" && /^\d+(\.\d+)?$/.test(value) ? Number(value) : value;
};

export interface Sent {
  body: Record<string, unknown>;
  /** The fields that a change names. */
  mask: string[];
}

/** By place (or `id`, `rest`), which message says what is wrong. */
export type Wrong = Partial<Record<Place | "id" | "rest", "wrongId" | "wrongPort" | "wrongNumber" | "wrongJson">>;

export const problemsOf = (form: Form): Wrong => {
  const wrong: Wrong = {};
  if (!/^[\w.-]{1,200}$/u.test(form.id.trim())) wrong.id = "wrongId";
  if (form.rest.trim() && objectOf(form.rest) === null) wrong.rest = "wrongJson";
  for (const field of typeOf(form.type).fields) {
    const value = String(form.values[field.place] ?? "").trim();
    if (field.kind !== "number" || !value) continue;
    if (field.place === "port") {
      if (!/^\d{1,5}$/.test(value) || Number(value) < 1 || Number(value) > 65_535) wrong.port = "wrongPort";
    } else if (!/^\d+(\.\d+)?$/.test(value)) wrong[field.place] = "wrongNumber";
  }
  return wrong;
};

/** What is sent for a form without problems. A secret that was not touched is in no mask, so it stays. */
export const sentOf = (form: Form, stored: Stored): Sent => {
  const type = typeOf(form.type);
  const body: Record<string, unknown> = { connection_id: form.id.trim(), conn_type: form.type.trim(), description: form.description.trim() || null };
  const mask = ["conn_type", "description"];
  for (const place of COLUMNS) {
    const field = type.fields.find((each) => each.place === place);
    if (!field) continue; // a kind without this column leaves what is stored in it
    const value = String(form.values[place] ?? "");
    if (isSecretField(field) && value === "" && !form.removed.includes(place)) continue;
    body[place] = value.trim() === "" ? null : place === "port" ? Number(value) : place === "password" ? value : value.trim();
    mask.push(place);
  }
  const extra = extraOf(form, stored) ?? {};
  // What was not touched is not sent; so what cannot be read is not overwritten by an empty form.
  if (sorted(extra) !== sorted(stored.extra ?? {})) {
    body.extra = Object.keys(extra).length ? JSON.stringify(extra) : "{}";
    mask.push("extra");
  }
  return { body, mask };
};

const sorted = (extra: Extra): string => JSON.stringify(Object.entries(extra).sort(([a], [b]) => (a < b ? -1 : 1)));

/** The whole of what the form says, to be tried out: secrets that are stored and were not touched stand as the server shows them. */
export const triedOf = (form: Form, stored: Stored, connection: Connection | null): Record<string, unknown> => {
  const { body } = sentOf(form, stored);
  const whole: Record<string, unknown> = { ...body };
  for (const name of [...COLUMNS, "extra"] as const) if (!(name in whole)) whole[name] = connection?.[name] ?? null;
  return whole;
};
