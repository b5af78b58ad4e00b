/** What is wrong with a Dag file, for a list that names the file itself: its message without the place that it begins with. */
export const problemIn = (message: string, file: string, kind = ""): string => {
  const rest = message.startsWith(`${file}:`) ? message.slice(file.length).replace(/^:(\d+)?:?\s*/, "") : message;
  return kind && !rest.startsWith(kind) ? `${kind}: ${rest}` : rest;
};
