/** Keys as names, and sequences of them: `g d`. */

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  isComposing?: boolean;
}

/** `mod+k` for Ctrl+K and ⌘K, otherwise the letter; empty for what is no shortcut. */
export const nameOf = ({ key, ctrlKey, metaKey, altKey, isComposing = false }: Pressed): string => {
  if (isComposing || altKey || key.length !== 1) return "";
  return ctrlKey || metaKey ? `mod+${key.toLowerCase()}` : key;
};

/** How long the second key of a sequence is waited for, in milliseconds. */
export const PATIENCE = 1_200;

export interface Step {
  /** What to do: the name of a key or sequence that there is. */
  chosen: string | null;
  /** The keys that have been pressed of a sequence. */
  begun: string;
}

/** What a key means after what was pressed before it. */
export const stepOf = (known: readonly string[], begun: string, name: string): Step => {
  if (!name) return { chosen: null, begun: "" };
  for (const pressed of begun ? [`${begun} ${name}`, name] : [name]) {
    if (known.includes(pressed)) return { chosen: pressed, begun: "" };
    if (known.some((each) => each.startsWith(`${pressed} `))) return { chosen: null, begun: pressed };
  }
  return { chosen: null, begun: "" };
};

/** Whether keys belong to what has the focus: a letter typed there is text. */
export const isTyping = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(target.tagName));
/** A key that nobody else has: with it a change that is sent twice is done once. Also where the page came over plain HTTP. */
export const newKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
