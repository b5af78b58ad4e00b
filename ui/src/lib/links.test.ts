import { expect, it } from "vitest";
import { webLink } from "./links";

it("only web pages and mailboxes are linked", () => {
  expect(["https://a.b/c", "mailto:a@b.c", "javascript:alert(1)", "data:text/html,x", " java\nscript:alert(1)", "/relative", "", null].map(webLink)).toEqual([
    "https://a.b/c", "mailto:a@b.c", null, null, null, null, null, null,
  ]);
});
