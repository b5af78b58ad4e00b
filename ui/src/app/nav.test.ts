import { expect, it } from "vitest";
import { GROUPS, nameOf, navigation, placeOf } from "./nav";
import { mayOf } from "../lib/rights";

it("shows what the caller may see and what there is a page for, and no empty group", () => {
  const may = mayOf({ may: { dag: ["read"], pool: ["read", "edit"] } });
  const shown = navigation(may, (to) => to !== "/pools").flatMap(({ places }) => places.map(({ to }) => to));
  expect(shown).toEqual(["/", "/dags"]);
  expect(navigation(mayOf(undefined), () => true)).toEqual([]);
});

it("no two pages have the same key", () => {
  const keys = GROUPS.flatMap(({ places }) => places.flatMap(({ key }) => (key ? [key] : [])));
  expect(new Set(keys).size).toBe(keys.length);
});

it("finds the place of a page below it", () => {
  expect(placeOf("/dags/etl/runs/x")?.to).toBe("/dags");
  expect(placeOf("/dagsome")).toBeUndefined();
  expect(placeOf("/")?.to).toBe("/");
});

it("a page that the navigation does not name has a name above it as well", () => {
  expect(["/plugins", "/account", "/config", "/dags/etl", "/nowhere"].map(nameOf)).toEqual(["nav.config", "set.account", "nav.config", "nav.dags", undefined]);
});
