import type { SyntheticEvent } from "react";

/** Closes what stands beside a picture; the picture has the focus again. */
export const closing = (close: () => void) => (event: SyntheticEvent): void => {
  event.currentTarget.closest(".work")?.querySelector<HTMLElement>("[role=application]")?.focus();
  close();
};

/** The same for Esc, but not for an Esc that closes a menu in it. */
export const closingByKey = (close: () => void) => (event: React.KeyboardEvent): void => {
  if (event.key === "Escape" && !event.defaultPrevented && event.currentTarget.contains(event.target as Node)) closing(close)(event);
};
