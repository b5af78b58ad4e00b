/** A password that nobody has thought of: five groups of four letters and digits, none of which looks like another. */
const LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/** `fill` puts random bytes into the array, as `crypto.getRandomValues` does. */
export const newPassword = (fill: (bytes: Uint8Array<ArrayBuffer>) => void): string => {
  const found: string[] = [];
  const bytes = new Uint8Array(64);
  // Bytes above the last whole multiple would make the first letters likelier.
  const most = 256 - (256 % LETTERS.length);
  while (found.length < 20) {
    fill(bytes);
    for (const byte of bytes) if (byte < most && found.length < 20) found.push(LETTERS[byte % LETTERS.length] ?? "");
  }
  return [0, 4, 8, 12, 16].map((from) => found.slice(from, from + 4).join("")).join("-");
};
