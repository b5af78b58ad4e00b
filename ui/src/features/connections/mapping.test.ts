import { describe, expect, it } from "vitest";
import { asType, type Connection, type Form, formOf, isStored, problemsOf, sentOf, storedOf, triedOf } from "./mapping";
import { TYPES, typeOf } from "./types";

const connection = (change: Partial<Connection>): Connection => ({
  connection_id: "dwh", conn_type: "postgres", description: null, host: "db7.internal", login: "etl", schema: "dwh", port: 5432,
  password: "***", extra: '{"sslmode": "require", "application_name": "etl"}', team_name: null, ...change,
});
const changed = (form: Form, values: Form["values"]): Form => ({ ...form, values: { ...form.values, ...values } });

describe("the form of a connection", () => {
  const stored = storedOf(connection({}));

  it("has its columns, its own extras, and the rest as JSON; never its password", () => {
    const form = formOf(stored);
    expect(form.values).toEqual({ host: "db7.internal", port: "5432", login: "etl", password: "", schema: "dwh", "extra.sslmode": "require" });
    expect(JSON.parse(form.rest)).toEqual({ application_name: "etl" });
    expect(typeOf("postgres").fields.filter((field) => field.kind === "secret").map((field) => isStored(stored, field))).toEqual([true]);
  });

  it("sent as it is changes no secret and loses nothing", () => {
    const { body, mask } = sentOf(formOf(stored), stored);
    expect(mask).not.toContain("password");
    expect(body).not.toHaveProperty("password");
    expect([mask.includes("extra"), "extra" in body]).toEqual([false, false]);
    expect([body.host, body.port, body.schema, body.login]).toEqual(["db7.internal", 5432, "dwh", "etl"]);
  });

  it("sends a password that was typed, and takes one away on request", () => {
    expect(sentOf(changed(formOf(stored), { password: " p w " }), stored).body.password).toBe(" p w ");
    const without = sentOf({ ...formOf(stored), removed: ["password"] }, stored);
    expect([without.body.password, without.mask.includes("password")]).toEqual([null, true]);
  });

  it("empties what was emptied", () => {
    const { body, mask } = sentOf({ ...changed(formOf(stored), { host: "", port: "", "extra.sslmode": "" }), rest: "" }, stored);
    expect([body.host, body.port, body.extra]).toEqual([null, null, "{}"]);
    expect(mask).toEqual(expect.arrayContaining(["host", "port", "extra"]));
  });
});

it("secrets among the extras stay as they are, go on request, and can be set", () => {
  const stored = storedOf(connection({ conn_type: "ssh", extra: '{"private_key": "***", "key_file": "/k"}' }));
  const extra = (form: Form): unknown => JSON.parse(String(sentOf(form, stored).body.extra));
  const form = formOf(stored);
  expect(sentOf(form, stored).mask).not.toContain("extra");
  expect(form.values["extra.private_key"]).toBe("");
  expect(extra(changed(form, { "extra.key_file": "/other" }))).toEqual({ private_key: "***", key_file: "/other" });
  expect(extra({ ...form, removed: ["extra.private_key"] })).toEqual({ key_file: "/k" });
  expect(extra(changed(form, { "extra.private_key": "-----BEGIN" }))).toEqual({ private_key: "-----BEGIN", key_file: "/k" });
});

it("numbers and switches of extras keep the type that they have", () => {
  const stored = storedOf(connection({ conn_type: "smtp", extra: '{"timeout": "30", "disable_tls": "true", "retry_limit": 5}' }));
  const { body } = sentOf(changed(formOf(stored), { "extra.retry_limit": "7", "extra.disable_ssl": true }), stored);
  expect(JSON.parse(String(body.extra))).toEqual({ timeout: "30", disable_tls: "true", retry_limit: 7, disable_ssl: true });
  const off = storedOf(connection({ conn_type: "redis", extra: '{"ssl": false, "db": 1}' }));
  expect(sentOf(formOf(off), off).mask).not.toContain("extra");
  expect(JSON.parse(String(sentOf(changed(formOf(off), { "extra.ssl": true }), off).body.extra))).toEqual({ ssl: true, db: 1 });
});

it("another kind keeps the columns, and what it has no field for as JSON", () => {
  const stored = storedOf(connection({}));
  const form = asType(changed(formOf(stored), { host: "typed" }), stored, "redis");
  expect([form.type, form.values.host, form.values["extra.db"]]).toEqual(["redis", "typed", ""]);
  expect(JSON.parse(form.rest)).toEqual({ sslmode: "require", application_name: "etl" });
  expect(asType(form, stored, "postgres").values["extra.sslmode"]).toBe("require");
});

it("a kind that nobody knows has every column", () => {
  const stored = storedOf(connection({ conn_type: "odd_one", extra: null }));
  expect(Object.keys(formOf(stored).values).sort()).toEqual(["host", "login", "password", "port", "schema"]);
  expect(sentOf(formOf(stored), stored)).toEqual({
    body: { connection_id: "dwh", conn_type: "odd_one", description: null, host: "db7.internal", schema: "dwh", login: "etl", port: 5432 },
    mask: ["conn_type", "description", "host", "schema", "login", "port"],
  });
});

it("an extra that cannot be shown is not overwritten by a form that was not touched", () => {
  const stored = storedOf(connection({ extra: "***" }));
  expect(sentOf(formOf(stored), stored).mask).not.toContain("extra");
  expect(JSON.parse(String(sentOf({ ...formOf(stored), rest: '{"a": 1}' }, stored).body.extra))).toEqual({ a: 1 });
});

it("what is wrong is said of its field", () => {
  const form = { ...formOf(storedOf(null), "redis"), id: "a b" };
  expect(problemsOf({ ...changed(form, { port: "70000", "extra.db": "x" }), rest: "[1]" })).toEqual({ id: "wrongId", port: "wrongPort", "extra.db": "wrongNumber", rest: "wrongJson" });
  expect(problemsOf({ ...changed(form, { port: "", "extra.db": "2" }), id: "etl.dwh-1" })).toEqual({});
});

it("every kind says each place once", () => {
  for (const type of TYPES) expect([type.id, new Set(type.fields.map((field) => field.place)).size]).toEqual([type.id, type.fields.length]);
});

it("what is tried out is the whole of the form; a stored secret that was not touched stands as the server shows it", () => {
  const own = connection({});
  const stored = storedOf(own);
  const form = formOf(stored);
  expect(triedOf(form, stored, own)).toMatchObject({ connection_id: "dwh", conn_type: "postgres", host: "db7.internal", port: 5432, password: "***", extra: own.extra });
  expect(triedOf(changed(form, { password: "typed", host: "other" }), stored, own)).toMatchObject({ host: "other", password: "typed" });
  const empty = storedOf(null);
  expect(triedOf(formOf(empty), empty, null)).toMatchObject({ password: null, extra: null });
});
