import { useRouterState } from "@tanstack/react-router";
import { type ReactNode, useLayoutEffect, useRef } from "react";

/** The views of something. The one that is shown is in sight, also where a narrow screen cannot show all of them. */
export const TabBar = ({ label, children }: { label: string; children: ReactNode }) => {
  const bar = useRef<HTMLElement>(null);
  // Of the page that is there: a reader who is leaving should not wait for the tabs of what goes.
  const path = useRouterState({ select: ({ resolvedLocation }) => resolvedLocation?.pathname });
  useLayoutEffect(() => {
    const [own, tab] = [bar.current, bar.current?.querySelector("[aria-current]")];
    if (!own || !tab || own.scrollWidth <= own.clientWidth) return;
    const [frame, place] = [own.getBoundingClientRect(), tab.getBoundingClientRect()];
    own.scrollLeft += place.left + place.width / 2 - frame.left - frame.width / 2;
  }, [path]);
  return <nav ref={bar} className="tabs" aria-label={label}>{children}</nav>;
};
