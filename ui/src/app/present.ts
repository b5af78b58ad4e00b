/** Running timers and ages: the server's present, second by second, from the browser's own clock. No request is made. */
import { useCallback, useEffect, useSyncExternalStore } from "react";
import { now } from "../lib/clock";
import { Present } from "../lib/present";

const SECOND = 1_000_000;
const present = new Present();
const hearers = new Set<() => void>();
let shown = now();
let timer: ReturnType<typeof setInterval> | undefined;

const tick = (): void => {
  shown = present.at(now());
  hearers.forEach((hearer) => { hearer(); });
};

/** The timer runs while something on screen moves and somebody looks. */
const arrange = (): void => {
  const wanted = hearers.size > 0 && !present.isStopped && document.visibilityState === "visible";
  if (wanted === (timer !== undefined)) return;
  clearInterval(timer);
  timer = wanted ? setInterval(tick, 1_000) : undefined;
  if (wanted) tick();
};
document.addEventListener("visibilitychange", arrange);

const subscribe = (hearer: () => void): (() => void) => {
  hearers.add(hearer);
  arrange();
  return () => {
    hearers.delete(hearer);
    arrange();
  };
};
const nothing = (): (() => void) => () => undefined;

/** Whether the server is heard of: time stands still while it is not. */
export const setHeard = (isHeard: boolean): void => {
  if (isHeard) present.go();
  else present.stop(now());
  arrange();
};

/** The server's present, which goes on by itself in steps of so many seconds. `at`: what an answer says it is. What does
 *  not `move` stays at that. */
export const usePresent = (at?: number, moves = true, step = 1): number => {
  useEffect(() => {
    if (at !== undefined) present.hear(at, now());
  }, [at]);
  const round = useCallback(() => (moves ? Math.floor(shown / (step * SECOND)) * step * SECOND : 0), [moves, step]);
  return Math.max(at ?? 0, useSyncExternalStore(moves ? subscribe : nothing, round));
};
