import { useEffect, useRef, useState } from "react";
import { useSettings } from "../app/settings";
import { isTyping } from "../lib/keys";
import { Icon } from "./Icon";

interface Props {
  value: string;
  label: string;
  onChange: (text: string) => void;
}

/** Between keys that belong together, in milliseconds. */
const PAUSE_MS = 150;

/** Typing is not held up by the list: the first letter is asked for at once, more when there is a pause. A syllable being composed is no search yet. */
export const SearchBox = ({ value, label, onChange }: Props) => {
  const { letters } = useSettings();
  const [text, setText] = useState(value);
  const [sent, setSent] = useState(value);
  const box = useRef<HTMLInputElement>(null);
  const timer = useRef<number>(0);
  const lastKey = useRef(-PAUSE_MS);
  if (value !== sent) {
    // The address was changed by something else: a link, Back, "clear".
    setSent(value);
    setText(value);
  }
  useEffect(() => {
    const focus = (event: KeyboardEvent): void => {
      if (letters && event.key === "/" && !isTyping(event.target) && !document.querySelector("[role=dialog]")) {
        event.preventDefault();
        box.current?.focus();
      }
    };
    addEventListener("keydown", focus);
    return () => {
      removeEventListener("keydown", focus);
      window.clearTimeout(timer.current);
    };
  }, [letters]);
  const later = (typed: string, composing: boolean): void => {
    setText(typed);
    window.clearTimeout(timer.current);
    if (composing) return;
    const isFirst = performance.now() - lastKey.current > PAUSE_MS;
    lastKey.current = performance.now();
    timer.current = window.setTimeout(() => {
      setSent(typed.trim());
      onChange(typed.trim());
    }, isFirst ? 0 : PAUSE_MS);
  };
  return (
    <label className="input search">
      <Icon name="search" small />
      <input
        ref={box} value={text} placeholder={label} aria-label={label}
        onChange={(event) => { later(event.target.value, (event.nativeEvent as InputEvent).isComposing); }}
        onCompositionEnd={(event) => { later(event.currentTarget.value, false); }}
      />
      <kbd className="hide-narrow">/</kbd>
    </label>
  );
};
