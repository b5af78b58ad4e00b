/** A table as CSV, such that a spreadsheet reads its cells as text and numbers and never as formulas. */

/** One value as a cell. What a spreadsheet would take for a formula has an apostrophe in front; a number stays one. */
export const csvCell = (value: string): string => {
  const isFormula = /^[=+\-@\t\r\n]/.test(value.trimStart() || value) && !/^[+-]?\d+(\.\d+)?$/.test(value.trim());
  const text = isFormula ? `'${value}` : value;
  return /[",\r\n]/.test(text) || text !== text.trim() ? `"${text.replaceAll('"', '""')}"` : text;
};

/** Lines with a head, as RFC 4180 has them. */
export const csvOf = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("");

/** Hands the reader a file. The mark in front tells spreadsheets that it is UTF-8. */
export const saveText = (name: string, type: string, text: string): void => {
  const url = URL.createObjectURL(new Blob([type === "text/csv" ? `\uFEFF${text}` : text], { type: `${type};charset=utf-8` }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => { URL.revokeObjectURL(url); }, 1000);
};
