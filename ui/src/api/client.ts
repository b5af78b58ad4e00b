/** The server, typed by its own description of itself (`npm run types`). */
import createClient from "openapi-fetch";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** The server refused, or was not reached: `status` is 0 then. */
export class ApiError extends Error {
  readonly status: number;
  readonly retryAfter: number | null;

  constructor(status: number, detail: string, retryAfter: number | null = null) {
    super(detail);
    this.status = status;
    this.retryAfter = retryAfter;
  }
}

/** Where the application lives: behind a proxy not necessarily at the root. */
export const BASE = (document.querySelector<HTMLMetaElement>('meta[name="base"]')?.content ?? "").replace("@base", "");

const client = createClient<paths>({ baseUrl: BASE });

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
  throw new ApiError(result.response.status, detailOf(result.error), Number(result.response.headers.get("retry-after")) || null);
};

const detailOf = (error: unknown): string => {
  const detail = (error as { detail?: unknown } | undefined)?.detail;
  if (typeof detail === "string") return detail;
  return Array.isArray(detail) ? detail.map((each: { msg?: string }) => each.msg ?? "").join(" ") : "";
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
  if (!response.ok) throw new ApiError(response.status, detailOf(value), Number(response.headers.get("retry-after")) || null);
  return value;
};

export const server = client;
