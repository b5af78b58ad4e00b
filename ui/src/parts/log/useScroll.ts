import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState, type WheelEvent } from "react";
import { type Extent, extentOf, held, isScaled, lastTop, ROW, scrolledOf, topFor, topOf } from "./scroll";

/** What a browser may round of a place, in px. */
const SAME = 1.5;

export interface Scroll {
  extent: Extent;
  top: number;
  /** The end is on screen, and stays there as the log grows. */
  isAtEnd: boolean;
  onScroll: () => void;
  onWheel: (event: WheelEvent) => void;
  goTo: (top: number) => void;
  show: (place: number) => void;
  toEnd: () => void;
}

/** Where the log is scrolled to, and how to go elsewhere. `tail`: rows may be higher than 18 px, so that the last one may have to come to the top. */
export const useScroll = (rows: number, hasTail: boolean): [RefObject<HTMLDivElement | null>, Scroll] => {
  const element = useRef<HTMLDivElement>(null);
  const [viewport, setViewport] = useState(0);
  const [top, setTop] = useState(0);
  const [isAtEnd, setAtEnd] = useState(true);
  // A place is more exact than what a scroll bar can say of a long log.
  const exact = useRef<{ scrolled: number; top: number } | null>(null);
  const extent = extentOf(rows, viewport, hasTail ? Math.max(0, viewport - ROW) : 0);
  const end = Math.max(0, rows * ROW - viewport);
  // Not a state of its own at the end: a log that grows is drawn once then, at the place to which it is scrolled next.
  const at = isAtEnd ? end : top;
  const latest = useRef({ extent, top: at, end });
  useLayoutEffect(() => { latest.current = { extent, top: at, end }; });

  useLayoutEffect(() => {
    const found = element.current;
    if (!found) return;
    const watch = new ResizeObserver(() => { setViewport(found.clientHeight); });
    watch.observe(found);
    return () => { watch.disconnect(); };
  }, []);

  const scrollTo = useCallback((wanted: number): number => {
    const { extent: present } = latest.current;
    const next = held(wanted, present);
    const scrolled = Math.round(scrolledOf(next, present));
    exact.current = { scrolled, top: next };
    element.current?.scrollTo({ top: scrolled, behavior: "instant" });
    return next;
  }, []);

  const goTo = useCallback((wanted: number) => {
    if (!element.current) return;
    const next = scrollTo(wanted);
    setTop(next);
    setAtEnd(next >= latest.current.end - 1);
  }, [scrollTo]);

  const onScroll = useCallback(() => {
    const found = element.current;
    if (!found) return;
    const { extent: present, end: last } = latest.current;
    const known = exact.current;
    const next = known && Math.abs(found.scrollTop - known.scrolled) < SAME ? known.top : topOf(found.scrollTop, present);
    exact.current = null;
    if (known && next === known.top) exact.current = known;
    setTop(next);
    setAtEnd(next >= last - ROW);
  }, []);

  // Where the bar stands for much more than itself, a turn of the wheel still is as far as it always is.
  const onWheel = useCallback((event: WheelEvent) => {
    const { extent: present, top: from } = latest.current;
    if (!isScaled(present) || event.ctrlKey || event.deltaY === 0) return;
    goTo(from + event.deltaY * (event.deltaMode === 1 ? ROW : 1));
  }, [goTo]);

  useEffect(() => {
    // React listens passively; where we scroll ourselves the browser must not scroll as well.
    const found = element.current;
    const hold = (event: globalThis.WheelEvent): void => {
      if (isScaled(latest.current.extent) && !event.ctrlKey && event.deltaY !== 0) event.preventDefault();
    };
    found?.addEventListener("wheel", hold, { passive: false });
    return () => { found?.removeEventListener("wheel", hold); };
  }, []);

  useLayoutEffect(() => {
    const [found, known] = [element.current, exact.current];
    // The browser tells of a reader's scrolling with its next frame only; until then, rows that come must not take it back.
    const isLeft = found && known && found.scrollTop < Math.min(known.scrolled, found.scrollHeight - found.clientHeight) - SAME;
    if (isAtEnd && !isLeft) scrollTo(end);
  }, [isAtEnd, end, scrollTo]);

  const show = useCallback((place: number) => {
    const { extent: present, top: from } = latest.current;
    goTo(topFor(place, from, present));
  }, [goTo]);
  const toEnd = useCallback(() => { goTo(latest.current.end); }, [goTo]);
  return [element, { extent, top: Math.min(at, lastTop(extent)), isAtEnd, onScroll, onWheel, goTo, show, toEnd }];
};
