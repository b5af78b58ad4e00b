import { expect, it } from "vitest";
import { translate } from "../i18n/text";
import { scheduleText } from "./schedule";

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
});
