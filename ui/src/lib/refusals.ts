import { ApiError } from "../api/client";
import type { Key } from "../i18n/en";

const KEYS: Readonly<Record<number, Key>> = {
  400: "refused.input", 401: "refused.login", 403: "refused.rights", 404: "refused.notFound", 409: "refused.state", 413: "refused.large",
  422: "refused.input", 429: "refused.often", 503: "refused.away", 504: "refused.slow",
};

/** Why a call was not done: what kind of refusal it is in the reader's language, and the server's own sentence. */
export const refusalText = (error: Error, t: (key: Key, values?: { said: string }) => string): string => {
  if (!(error instanceof ApiError)) return error.message;
  if (error.status === 0) return t("error.network");
  return t(KEYS[error.status] ?? (error.status < 500 ? "refused.input" : "refused.fault"), { said: error.message }).trim();
};
