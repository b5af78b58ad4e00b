/** Dates in old addresses. */
/** A moment as an address holds it: the plus of its zone may have become a space. */
export const dateIn = (written: string): string => {
  const text = written.trim().replace(/ (?=\d\d:?\d\d$)/, "+").replace(" ", "T");
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text) ? (/(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10)) ? text : `${text.includes("T") ? text : `${text}T00:00:00`}Z`) : "";
};
