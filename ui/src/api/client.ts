/** The server, typed by its own description of itself (`npm run types`). */
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** The server refused, or was not reached: `status` is 0 then. */
export class ApiError extends Error {
  readonly status: number;
  readonly retryAfter: number | null;
  /** What is wrong with a field of the body, by its name. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, detail: string, retryAfter: number | null = null, fields: Readonly<Record<string, string>> = {}) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
    this.fields = fields;
  }
}

/** Where the application lives: behind a proxy not necessarily at the root. */
export const BASE = (document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content ?? "").replace("@base", "");

/** An answer that was asked for before this script was there (`src/ahead.ts`) is good for so long after the page began. */
const EARLY_MS = 5_000;

const asked = (request: Request): Promise<Response> => {
  const address = request.url.slice(location.origin.length + BASE.length);
  const answer = request.method === "GET" ? globalThis.early?.[address] : undefined;
  if (!answer) return fetch(request);
  delete globalThis.early?.[address];
  if (performance.now() > EARLY_MS) return fetch(request);
  // What was refused then may be given now: somebody may have signed in.
  return answer.then((response) => (response.ok ? response : fetch(request)), () => fetch(request));
};

const client = createClient<paths>({ baseUrl: BASE, fetch: asked });

interface Result<T> {
  data?: T | undefined;
  error?: unknown;
  response: Response;
}

/** The data of an answer. Throws ApiError with the server's sentence. */
export const answered = async <T>(call: Promise<Result<T>>): Promise<T> => {
  let result: Result<T>;
  try {
    result = await call;
  } catch {
    throw new ApiError(0, "");
  }
  if (result.data !== undefined && result.response.ok) return result.data;
  throw new ApiError(result.response.status, detailOf(result.error), Number(result.response.headers.get("retry-after")) || null, fieldsOf(result.error));
};

const detailOf = (error: unknown): string => {
  const detail = (error as { detail?: unknown } | undefined)?.detail;
  if (typeof detail === "string") return detail;
  return Array.isArray(detail) ? detail.map((each: { msg?: string }) => each.msg ?? "").join(" ") : "";
};

const fieldsOf = (error: unknown): Record<string, string> => {
  const detail = (error as { detail?: unknown } | undefined)?.detail;
  if (!Array.isArray(detail)) return {};
  return Object.fromEntries(detail.map((each: { loc?: unknown[]; msg?: string }) => [String(each.loc?.at(-1) ?? ""), each.msg ?? ""]));
};
export interface Sending {
  /** The same call with the same key is done once. */
  key?: string;
  /** The request outlives the page that makes it; its body may have 64 KB then. */
  keepalive?: boolean;
}

/** A change that is no part of the typed routes: the public API, sign-in. */
export const send = async (method: string, path: string, body?: unknown, sending: Sending = {}): Promise<unknown> => {
  let response: Response;
  try {
    response = await fetch(BASE + path, {
      method,
      headers: { "content-type": "application/json", "x-tradewind": "ui", ...(sending.key ? { "idempotency-key": sending.key } : {}) },
      keepalive: sending.keepalive ?? false,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new ApiError(0, "");
  }
  const text = await response.text();
  const value: unknown = text && response.headers.get("content-type")?.includes("json") ? JSON.parse(text) : null;
  if (!response.ok) throw new ApiError(response.status, detailOf(value), Number(response.headers.get("retry-after")) || null, fieldsOf(value));
  return value;
};

export const server = client;
