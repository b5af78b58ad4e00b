/** Shortcuts of the frame: one listener, and what each key does. */
import { useEffect, useRef } from "react";
import { isTyping, nameOf, PATIENCE, stepOf } from "../lib/keys";

export type Shortcuts = Readonly<Record<string, () => void>>;

/** Does what a key or a sequence stands for. Without `letters` only those with Ctrl or ⌘ count. */
export const useShortcuts = (shortcuts: Shortcuts, letters: boolean): void => {
  const now = useRef(shortcuts);
  useEffect(() => { now.current = shortcuts; });
  useEffect(() => {
    let begun = "";
    let timer = 0;
    const pressed = (event: KeyboardEvent): void => {
      const name = nameOf(event);
      const isLetter = !name.startsWith("mod+");
      if (event.defaultPrevented || (isLetter && (!letters || isTyping(event.target) || document.querySelector("[role=dialog]")))) return;
      const step = stepOf(Object.keys(now.current), begun, name);
      begun = step.begun;
      window.clearTimeout(timer);
      if (begun) timer = window.setTimeout(() => { begun = ""; }, PATIENCE);
      if (step.chosen === null && !begun) return;
      // A list that has the focus has letters of its own: what begins or ends a sequence is not for it.
      event.preventDefault();
      event.stopPropagation();
      if (step.chosen !== null) now.current[step.chosen]?.();
    };
    addEventListener("keydown", pressed, true);
    return () => { removeEventListener("keydown", pressed, true); };
  }, [letters]);
};

const LIST = "main [role=table][tabindex='0'], main table.data tbody tr[tabindex='0']";

/** `j` and `k` lead to the page's list from wherever the focus is; there they move in it. */
export const useWayToList = (letters: boolean): void => {
  useEffect(() => {
    const pressed = (event: KeyboardEvent): void => {
      const name = nameOf(event);
      if (!letters || event.defaultPrevented || (name !== "j" && name !== "k") || isTyping(event.target) || document.querySelector("[role=dialog]")) return;
      const list = document.querySelector<HTMLElement>(LIST);
      if (!list || list.contains(document.activeElement)) return;
      event.preventDefault();
      list.focus();
    };
    addEventListener("keydown", pressed);
    return () => { removeEventListener("keydown", pressed); };
  }, [letters]);
};
