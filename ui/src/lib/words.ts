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

/** 611 B, 12 kB, 6.1 MB, 611 MB, 2.4 GB: of a file, or of memory. */
export const bytesText = (bytes: number): string => {
  if (bytes < 999.5) return `${String(Math.round(bytes))} B`;
  if (bytes < 999.5e3) return `${String(Math.round(bytes / 1e3))} kB`;
  if (bytes < 9.95e6) return `${(bytes / 1e6).toFixed(1)} MB`;
  return bytes < 999.5e6 ? `${String(Math.round(bytes / 1e6))} MB` : `${(bytes / 1e9).toFixed(1)} GB`;
};

/** An operator as its author wrote it: `@task.branch` rather than the class behind it. */
export const operatorText = (operator: string): string => {
  const found = /^_?(\w*?)(?:Python)?DecoratedOperator$/.exec(operator);
  if (!found) return operator;
  const name = (found[1] ?? "").replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
  return name ? `@task.${name}` : "@task";
};
