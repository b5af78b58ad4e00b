/** Reading what an address says: only what a page knows, and as text. */

/** Several values of one part: `failed,running`. */
export const severalOf = (text: string | undefined): string[] => (text ?? "").split(",").map((part) => part.trim()).filter(Boolean);

/** A place in a list, from what an address says. */
export const placeOf = (text: string | undefined): number => {
  const place = Number(text ?? 0);
  return Number.isInteger(place) && place > 0 && place < 1e9 ? place : 0;
};

/** What the next click on a column's head asks for: upwards, downwards, then the list's own order. */
export const nextSort = (sort: string | undefined, name: string): string => (sort === name ? `-${name}` : sort === `-${name}` ? "" : name);

/** What a reader typed, as the pattern that finds exactly that anywhere in a text. */
export const patternOf = (text: string): string => text.replace(/[\\%_]/g, "\\$&");
