/** Moments as people type them: a date and a time in the reader's zone. */
import type { Micros } from "./time";

const formats = new Map<string, Intl.DateTimeFormat>();

const partsAt = (at: Micros, zone: string): Record<string, number> => {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone, hourCycle: "h23", calendar: "gregory", year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    });
    formats.set(zone, format);
  }
  const found: Record<string, number> = {};
  for (const { type, value } of format.formatToParts(new Date(at / 1000))) found[type] = Number(value);
  return found;
};

/** How far a zone is ahead of UTC at a moment. */
export const offsetAt = (at: Micros, zone: string): Micros => {
  const whole = Math.floor(at / 1e6) * 1e6;
  const parts = partsAt(whole, zone);
  return Date.UTC(parts.year ?? 0, (parts.month ?? 1) - 1, parts.day, parts.hour, parts.minute, parts.second) * 1000 - whole;
};

const two = (value: number): string => String(value).padStart(2, "0");

/** 2026-11-22T14:05:09, as a field for dates and times takes it. */
export const localText = (at: Micros, zone: string): string => {
  const parts = partsAt(at, zone);
  const [y, mo, d, h, mi, s] = ["year", "month", "day", "hour", "minute", "second"].map((name) => parts[name] ?? 0);
  return `${String(y).padStart(4, "0")}-${two(mo ?? 1)}-${two(d ?? 1)}T${two(h ?? 0)}:${two(mi ?? 0)}:${two(s ?? 0)}`;
};

const LOCAL = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?$/;

/** The moment that a local text means in a zone; null for no such text. In an hour that is left out in spring, the moment
 * that its clock would have shown; in one that comes twice in autumn, the first. */
export const momentOfLocal = (text: string, zone: string): Micros | null => {
  const found = LOCAL.exec(text);
  if (!found) return null;
  const [y, mo, d, h, mi, s] = found.slice(1).map((part) => Number(part || 0));
  const wall = Date.UTC(y ?? 0, (mo ?? 1) - 1, d, h, mi, s) * 1000;
  if (new Date(wall / 1000).getUTCDate() !== d || (h ?? 0) > 23 || (mi ?? 0) > 59) return null;
  const offsets = [offsetAt(wall - 86_400e6, zone), offsetAt(wall + 86_400e6, zone)];
  const fits = offsets.map((offset) => wall - offset).filter((at) => offsetAt(at, zone) === wall - at);
  return fits.length ? Math.min(...fits) : wall - (offsets[0] ?? 0);
};

/** 2026-11-22T14:05:09+09:00: a moment as it is sent. */
export const isoIn = (at: Micros, zone: string): string => {
  const minutes = Math.round(offsetAt(at, zone) / 60e6);
  const [sign, size] = [minutes < 0 ? "-" : "+", Math.abs(minutes)];
  return `${localText(at, zone)}${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
};

const STAMP = /\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)/g;

/** A sentence of the engine, its moments written as this page writes them. */
export const withMoments = (sentence: string, write: (at: Micros) => string): string =>
  sentence.replace(STAMP, (stamp) => {
    const at = momentOfIso(stamp);
    return at === null ? stamp : write(at);
  });

/** The moment of an ISO text that names its zone; null for any other. */
export const momentOfIso = (text: string): Micros | null => {
  if (!/^\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)$/.test(text)) return null;
  const at = Date.parse(text.replace(" ", "T"));
  return Number.isNaN(at) ? null : at * 1000;
};
