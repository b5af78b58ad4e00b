/** The title of the window and the sign in its tab: what is shown, and how it fares. */
import { useEffect } from "react";
import { type State, tokenOf } from "../lib/states";
import { useText } from "./settings";
import { SHOWN_MS } from "./stood";

/** "orders, Failed · Tradewind" and a dot in the colour of the state. */
export const useTitle = (object: string, state: State | null = null): void => {
  const t = useText();
  const said = state ? `${object}, ${t(`state.${state}`)}` : object;
  useEffect(() => {
    document.title = said ? `${said} · Tradewind` : "Tradewind";
    // Its colours are asked for once the page is on the screen: before, the browser would have to style the page on the spot.
    const timer = setTimeout(() => { sign(state); }, SHOWN_MS);
    return () => { clearTimeout(timer); };
  }, [said, state]);
};

const sign = (state: State | null): void => {
  const link = document.querySelector<HTMLLinkElement>('link[rel="icon"]');
  if (!link) return;
  link.dataset.own ??= link.href;
  link.href = state ? `data:image/svg+xml,${encodeURIComponent(drawn(state))}` : link.dataset.own;
};

const drawn = (state: State): string => {
  const style = getComputedStyle(document.documentElement);
  const [mark, dot] = [style.getPropertyValue("--accent").trim(), style.getPropertyValue(`--s-${tokenOf(state)}`).trim()];
  const shape = state === "failed" ? `<path d="M18 12l6 6-6 6-6-6z" fill="${dot}"/>` : `<circle cx="18" cy="18" r="5" fill="${dot}"/>`;
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="${mark}" stroke-width="2" stroke-linecap="round">` +
    `<path d="M5 20.5 19 4M19 4l-7-1M15.6 8l-7-1M12.2 12l-3.6-.5"/><g stroke="none">${shape}</g></svg>`
  );
};
