import { expect, it } from "vitest";
import { newPassword } from "./password";

it("a new password has twenty letters in groups, by chance alone", () => {
  let calls = 0;
  const first = newPassword((bytes) => { calls += 1; bytes.fill(calls === 1 ? 255 : 0); });
  expect([first, calls]).toEqual(["aaaa-aaaa-aaaa-aaaa-aaaa", 2]);
  const made = new Set(Array.from({ length: 50 }, () => newPassword((bytes) => { crypto.getRandomValues(bytes); })));
  expect(made.size).toBe(50);
  for (const password of made) expect(password).toMatch(/^([a-zA-Z2-9]{4}-){4}[a-zA-Z2-9]{4}$/);
});
