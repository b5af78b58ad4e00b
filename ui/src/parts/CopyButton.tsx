import { useEffect, useState } from "react";
import { useText } from "../app/settings";
import { copyText } from "../lib/clipboard";
import { Icon } from "./Icon";

/** Copies a text, and says so. */
export const CopyButton = ({ text, label, quiet = false }: { text: string; label: string; quiet?: boolean }) => {
  const t = useText();
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return undefined;
    const timer = setTimeout(() => { setCopied(false); }, 1500);
    return () => { clearTimeout(timer); };
  }, [copied]);
  const copy = async (): Promise<void> => {
    await copyText(text);
    setCopied(true);
  };
  return <button type="button" className={quiet ? "btn quiet" : "btn"} onClick={() => void copy()}><Icon name="copy" small /><span aria-live="polite">{copied ? t("copied") : label}</span></button>;
};
