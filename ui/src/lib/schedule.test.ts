import { expect, it } from "vitest";
import { translate } from "../i18n/text";
import { isDated, scheduleText } from "./schedule";

const said = (summary: string): string =>
  scheduleText(summary, (key, values) => translate("en", key, values), (day) => ["Sundays", "Mondays"][day] ?? "?");

it("says what people say, and leaves the rest as it is written", () => {
  expect(said("0 * * * *")).toBe("hourly at :00");
  expect(said("*/30 * * * *")).toBe("every 30 min");
  expect(said("5 */2 * * *")).toBe("every 2 h at :05");
  expect(said("0 2 * * *")).toBe("daily 02:00");
  expect(said("30 18 * * 1-5")).toBe("weekdays 18:30");
  expect(said("0 5 * * 0")).toBe("Sundays 05:00");
  expect(said("0 4 1 * *")).toBe("day 1 of the month, 04:00");
  expect(said("0 4 1 1 *")).toBe("0 4 1 1 *");
  expect(said("0,30 4 * * *")).toBe("0,30 4 * * *");
  expect(said("1 day, 0:00:00")).toBe("1 day, 0:00:00");
  expect(said("")).toBe("by hand");
  expect(said("Asset")).toBe("when assets are updated");
  expect(said("Asset or 0 3 * * *")).toBe("when assets are updated, or daily 03:00");
});

it("tells schedules that name dates from those that wait", () => {
  expect(["0 * * * *", "1 day, 0:00:00", "Weekdays"].map(isDated)).toEqual([true, true, true]);
  expect(["", "None", "Never, external triggers only", "@once", "Asset", "Asset or 0 3 * * *"].map(isDated)).toEqual([false, false, false, false, false, false]);
});
