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

/** An operator as its author wrote it: `@task.branch` rather than the class behind it. */
export const operatorText = (operator: string): string => {
  const found = /^_?(\w*?)(?:Python)?DecoratedOperator$/.exec(operator);
  if (!found) return operator;
  const name = (found[1] ?? "").replace(/(?<!^)([A-Z])/g, "_$1").toLowerCase();
  return name ? `@task.${name}` : "@task";
};
