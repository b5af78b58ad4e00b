import { useState } from "react";
import { Icon } from "./Icon";

/** Puts a text on the clipboard, and says so. */
export const CopyButton = ({ text, label, done }: { text: string; label: string; done: string }) => {
  const [copied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => { setCopied(false); }, 1500);
  };
  return <button type="button" className="btn" onClick={() => void copy()}><Icon name="copy" small />{copied ? done : label}</button>;
};
