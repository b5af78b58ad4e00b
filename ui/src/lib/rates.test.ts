import { expect, it } from "vitest";
import { ratesOf } from "./rates";

it("a rate needs two looks, and a counter that began anew has none", () => {
  expect(ratesOf(null, { turns: 10 }, 1e6)).toEqual({ turns: null });
  expect(ratesOf({ turns: 10, inputs: 100 }, { turns: 20, inputs: 3 }, 5e6)).toEqual({ turns: 2, inputs: null });
  expect(ratesOf({ turns: 10 }, { turns: 10 }, 0)).toEqual({ turns: null });
});
