import { expect, it } from "vitest";
import { best, scoreOf, wishOf } from "./match";

it("what begins with the text is better than a word inside, and that better than letters in order", () => {
  const names = ["daily_etl", "metal", "etl", "etl_daily", "e_t_l_x"];
  expect(best("etl", names, (name) => [name])).toEqual(["etl", "etl_daily", "daily_etl", "metal", "e_t_l_x"]);
  expect(scoreOf("eta", "metal")).toBe(40);
  expect(scoreOf("edp", "etl_daily_pipeline")).toBe(10);
  expect(scoreOf("zz", "etl")).toBe(0);
});

it("reads a verb before or after its object", () => {
  expect(wishOf("run orders")).toEqual({ verb: "run", rest: "orders" });
  expect(wishOf("orders 실행")).toEqual({ verb: "run", rest: "orders" });
  expect(wishOf("run")).toEqual({ verb: null, rest: "run" });
  expect(wishOf("toString orders")).toEqual({ verb: null, rest: "toString orders" });
});
