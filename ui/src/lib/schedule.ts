/** A schedule as a person would say it; what cannot be said shortly stays the expression that it is. */
import type { Translate } from "../i18n/text";

const two = (text: string): string => text.padStart(2, "0");
const isNumber = (text: string): boolean => /^\d{1,2}$/.test(text);

export const scheduleText = (summary: string, t: Translate, dayName: (weekday: number) => string): string => {
  if (!summary || summary === "none" || summary === "None") return t("schedule.none");
  if (summary === "Asset") return t("schedule.asset");
  const or = /^Asset or (.+)$/.exec(summary)?.[1];
  if (or) return t("schedule.assetOr", { schedule: scheduleText(or, t, dayName) });
  const [minute, hour, day, month, weekday, ...more] = summary.trim().split(/\s+/);
  if (!minute || !hour || !day || !month || !weekday || more.length || month !== "*") return summary;
  const every = /^\*\/(\d{1,2})$/;
  const anyDay = day === "*" && weekday === "*";
  if (hour === "*" && anyDay) {
    if (minute === "*") return t("schedule.minutes", { count: 1 });
    const step = every.exec(minute)?.[1];
    if (step) return t("schedule.minutes", { count: Number(step) });
    return isNumber(minute) ? t("schedule.hourly", { minute: two(minute) }) : summary;
  }
  if (!isNumber(minute)) return summary;
  const step = every.exec(hour)?.[1];
  if (step && anyDay) return t("schedule.hours", { count: Number(step), minute: two(minute) });
  if (!isNumber(hour)) return summary;
  const time = `${two(hour)}:${two(minute)}`;
  if (anyDay) return t("schedule.daily", { time });
  if (day === "*" && weekday === "1-5") return t("schedule.weekdays", { time });
  if (day === "*" && /^[0-7]$/.test(weekday)) return t("schedule.weekly", { day: dayName(Number(weekday) % 7), time });
  return isNumber(day) && weekday === "*" ? t("schedule.monthly", { day, time }) : summary;
};

/** Whether a schedule may name dates that are past. One that waits for assets, or for nobody, has none. */
export const isDated = (summary: string): boolean => summary.trim() !== "" && !/^(none|never|@?once|@?continuous|asset|dataset)/i.test(summary.trim());
