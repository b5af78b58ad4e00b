/**
 * Every time on screen is written here, in the one zone that the reader has chosen.
 *
 * Times come as microseconds since 1970 in UTC, as the engine keeps them.
 */
export type Micros = number;

export interface Clock {
  zone: string;
  language: string;
  now: Micros;
}

const formats = new Map<string, Intl.DateTimeFormat>();

const formatIn = (clock: Clock, name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat => {
  const key = `${clock.language}|${clock.zone}|${name}`;
  let format = formats.get(key);
  if (!format) {
    format = new Intl.DateTimeFormat(clock.language, { timeZone: clock.zone, hourCycle: "h23", ...options });
    formats.set(key, format);
  }
  return format;
};

const dateOf = (at: Micros): Date => new Date(at / 1000);

/** 14:05:09 */
export const clockTime = (at: Micros, clock: Clock): string =>
  formatIn(clock, "time", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(dateOf(at));

/** 14:05 */
export const hourMinute = (at: Micros, clock: Clock): string =>
  formatIn(clock, "hm", { hour: "2-digit", minute: "2-digit" }).format(dateOf(at));

/** Sun 22 Nov */
export const dayName = (at: Micros, clock: Clock): string =>
  formatIn(clock, "day", { weekday: "short", day: "numeric", month: "short" }).format(dateOf(at));

const MOST_WRITTEN = 5_000;
const written = new Map<string, string>();

/** 2026-11-22 14:05:09 GMT+9, whole: for hovers and details. UTC is called by its name, as where the zone is chosen. */
export const wholeTime = (at: Micros, clock: Clock): string => {
  // A list that is drawn again writes the same moments again, hundreds of them.
  const key = `${clock.language}|${clock.zone}|${String(Math.floor(at / 1e6))}`;
  let text = written.get(key);
  if (text === undefined) {
    if (written.size >= MOST_WRITTEN) written.clear();
    text = whole(at, clock);
    written.set(key, text);
  }
  return text;
};

const whole = (at: Micros, clock: Clock): string => {
  const parts = Object.fromEntries(
    formatIn(clock, "whole", {
      year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
      timeZoneName: "shortOffset",
    }).formatToParts(dateOf(at)).map((part) => [part.type, part.value]),
  );
  // Some languages leave the zero away that was asked for.
  const two = (part: string | undefined): string => (part ?? "").padStart(2, "0");
  return `${parts.year}-${two(parts.month)}-${two(parts.day)} ${two(parts.hour)}:${two(parts.minute)}:${two(parts.second)} ${clock.zone === "UTC" ? "UTC" : parts.timeZoneName}`;
};

/** Sunday, of the day 0. */
export const weekdayName = (weekday: number, language: string, weekdayStyle: "long" | "short" = "long"): string =>
  formatIn({ language, zone: "UTC", now: 0 }, `weekday ${weekdayStyle}`, { weekday: weekdayStyle }).format(Date.UTC(2023, 0, 1 + weekday));

/** 2026-11-22, the day on which a moment falls in the zone. */
export const dayKey = (at: Micros, clock: Clock): string => wholeTime(at, clock).slice(0, 10);

/** The time alone on the present day, with the day elsewhere: what tells one row of a list from the next. */
export const shortTime = (at: Micros, clock: Clock): string => {
  const today = dayKey(clock.now, clock);
  if (dayKey(at, clock) === today) return hourMinute(at, clock);
  if (Math.abs(at - clock.now) < 6 * 86_400e6) return `${formatIn(clock, "wd", { weekday: "short" }).format(dateOf(at))} ${hourMinute(at, clock)}`;
  if (Math.abs(at - clock.now) > 300 * 86_400e6) return wholeTime(at, clock).slice(0, 16);
  return `${formatIn(clock, "md", { day: "numeric", month: "short" }).format(dateOf(at))} ${hourMinute(at, clock)}`;
};

/** 0:31, 12:05, 1:04:31: a duration as a clock would show it; under ten seconds 3.2 s, under a second 40 ms. */
export const duration = (micros: number): string => {
  if (micros < 500) return "< 1 ms";
  if (micros < 999.5e3) return `${Math.round(micros / 1000)} ms`;
  if (micros < 9.95e6) return `${(micros / 1e6).toFixed(1)} s`;
  const seconds = Math.round(micros / 1e6);
  const two = (value: number): string => String(value).padStart(2, "0");
  const [h, m, s] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
};

/** The largest unit of a span and how many: what "6 min ago" is made of. */
export const span = (micros: number): { count: number; unit: "second" | "minute" | "hour" | "day" } => {
  const seconds = Math.abs(micros) / 1e6;
  if (seconds < 59.5) return { count: Math.round(seconds), unit: "second" };
  if (seconds < 3570) return { count: Math.round(seconds / 60), unit: "minute" };
  if (seconds < 84_600) return { count: Math.round(seconds / 3600), unit: "hour" };
  return { count: Math.round(seconds / 86_400), unit: "day" };
};

/** Whether this browser knows a time zone of that name. */
export const isZone = (name: string): boolean => {
  try {
    new Intl.DateTimeFormat("en", { timeZone: name });
    return true;
  } catch {
    return false;
  }
};

/** A moment as the public API writes it. */
export const momentIn = (text: string): Micros => Date.parse(text) * 1000;
