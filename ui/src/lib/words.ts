/** Short phrases about time, in the reader's language. */
import type { Translate } from "../i18n/text";
import { type Clock, span } from "./time";

/** 6 min */
export const spanText = (micros: number, t: Translate): string => {
  const { count, unit } = span(micros);
  return t(`time.${unit}`, { count });
};

/** 6 min ago */
export const ago = (at: number, clock: Clock, t: Translate): string => t("time.ago", { span: spanText(clock.now - at, t) });

/** 611 MB */
export const bytesText = (bytes: number): string => {
  if (bytes < 1e9) return `${Math.round(bytes / 1e6)} MB`;
  return `${(bytes / 1e9).toFixed(1)} GB`;
};

/** 6.1 MB, 12 kB, 611 B: of a file. */
export const sizeText = (bytes: number): string => {
  if (bytes < 1e3) return `${bytes} B`;
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
};

/** An operator as its author wrote it: `@task.branch` rather than the class behind it. */
export const operatorText = (operator: string): string => {
  const found = /^_?(\w*?)(?:Python)?DecoratedOperator$/.exec(operator);
  if (!found) return operator;
  const name = (found[1] ?? "").replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
  return name ? `@task.${name}` : "@task";
};
