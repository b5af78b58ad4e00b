import { expect, it } from "vitest";
import { viewOf, viewsIn, withView } from "./views";

it("reads what was kept, and leaves out what is no view", () => {
  expect(viewsIn('[{"name":"mine","search":{"q":"etl"}},{"name":""},3,null]')).toEqual([{ name: "mine", search: { q: "etl" } }]);
  expect([viewsIn(null), viewsIn("{"), viewsIn('"x"')]).toEqual([[], [], []]);
});

it("a view replaces one of its name, and is known by what it shows", () => {
  const views = withView(withView([{ name: "z", search: {} }], { name: "a", search: { q: "1", tags: ["x"] } }), { name: "z", search: { fav: true } });
  expect(views.map(({ name }) => name)).toEqual(["a", "z"]);
  expect(viewOf(views, { tags: ["x"], q: "1" })?.name).toBe("a");
  expect(viewOf(views, {})).toBeUndefined();
});
