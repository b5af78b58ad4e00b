/** Moments as inputs hold them (`2026-11-22T14:05`), in the reader's zone; addresses and the server have them in UTC. */
import { type Clock, type Micros, wholeTime } from "./time";

/** A moment from the server's text, in microseconds; NaN where it is none. */
export const microsOf = (iso: string): Micros => Date.parse(iso) * 1000;

/** 2026-11-22T14:05 in the zone. */
export const toLocal = (at: Micros, clock: Clock): string => wholeTime(at, clock).slice(0, 16).replace(" ", "T");

/** A year of fewer digits is one that somebody is still typing. */
const FIRST_YEAR = Date.parse("1000-01-02T00:00Z") * 1000;

/**
 * The moment at which clocks in the zone show this text. Where they show it twice, the first; where they skip it, the
 * moment as far after the jump as the text is.
 */
export const fromLocal = (local: string, clock: Clock): Micros | null => {
  const wall = Date.parse(`${local}Z`) * 1000;
  if (Number.isNaN(wall) || wall < FIRST_YEAR) return null;
  const offsets = [wall - 86_400e6, wall + 86_400e6].map((at) => offsetAt(at, clock));
  const exact = offsets.map((offset) => wall - offset).filter((at) => at + offsetAt(at, clock) === wall);
  return exact.length ? Math.min(...exact) : wall - Math.min(...offsets);
};

/** How far clocks in the zone are ahead of UTC at a moment. */
const offsetAt = (at: Micros, clock: Clock): number => Date.parse(`${wholeTime(at, clock).slice(0, 19).replace(" ", "T")}Z`) * 1000 - Math.floor(at / 1e6) * 1e6;

/** A moment as the server reads it. */
export const toIso = (at: Micros): string => new Date(at / 1000).toISOString();
