/** How a value is shown: by what it is. */
export type Preview =
  | { kind: "table"; columns: string[]; rows: Record<string, unknown>[] }
  | { kind: "link"; href: string }
  | { kind: "text"; text: string }
  | { kind: "plain"; text: string }
  | { kind: "tree"; value: object };

const MOST_COLUMNS = 24;

/** Records of the same kind are a table, addresses links (http and https alone), the rest a tree or as it is. */
export const previewOf = (value: unknown): Preview => {
  if (typeof value === "string") {
    const href = linkIn(value);
    return href ? { kind: "link", href } : { kind: "text", text: value };
  }
  if (value === null || typeof value !== "object") return { kind: "plain", text: JSON.stringify(value) ?? "null" };
  if (isRecords(value)) {
    const columns = [...new Set(value.flatMap((row) => Object.keys(row)))];
    if (columns.length > 0 && columns.length <= MOST_COLUMNS) return { kind: "table", columns, rows: value };
  }
  return { kind: "tree", value };
};

const isRecords = (value: object): value is Record<string, unknown>[] =>
  Array.isArray(value) && value.length > 0 && value.every((row) => row !== null && typeof row === "object" && !Array.isArray(row));

/** The address that a text is, where it is nothing else. */
export const linkIn = (text: string): string | null => {
  if (!/^https?:\/\/\S+$/i.test(text)) return null;
  try {
    const { protocol } = new URL(text);
    return protocol === "http:" || protocol === "https:" ? text : null;
  } catch {
    return null;
  }
};

/** A value in one cell of a table. */
export const cellText = (value: unknown): string => (typeof value === "string" ? value : value === undefined ? "" : JSON.stringify(value));
