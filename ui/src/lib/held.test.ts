import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { HeldCommands, HOLD_MS, SHOWN_MS } from "./held";

beforeEach(() => { vi.useFakeTimers(); });
afterEach(() => { vi.useRealTimers(); });

const play = () => {
  const sent: string[] = [];
  const held = new HeldCommands(() => Date.now());
  const command = (title: string, fails = false) => ({
    title, detail: "",
    send: (leaving: boolean) => {
      sent.push(leaving ? `${title}, leaving` : title);
      return fails ? Promise.reject(new Error("No.")) : Promise.resolve();
    },
    after: () => { sent.push(`${title} looked at`); },
  });
  return { sent, held, command, phases: () => held.snapshot().map((each) => each.phase) };
};

it("a command is sent after its moment, once, and stays in sight for a while", async () => {
  const { sent, held, command, phases } = play();
  held.hold(command("a"));
  await vi.advanceTimersByTimeAsync(HOLD_MS - 1);
  expect([sent, phases()]).toEqual([[], ["waiting"]]);
  await vi.advanceTimersByTimeAsync(1);
  expect([sent, phases()]).toEqual([["a", "a looked at"], ["done"]]);
  await vi.advanceTimersByTimeAsync(SHOWN_MS);
  expect([sent.length, phases()]).toEqual([2, []]);
});

it("one that is taken back is never sent, and one that was sent cannot be taken back", async () => {
  const { sent, held, command } = play();
  const [a, b] = [held.hold(command("a")), held.hold(command("b"))];
  expect(held.undo(a)).toBe(true);
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect(sent).toEqual(["b", "b looked at"]);
  expect([held.undo(a), held.undo(b), held.undoLast()]).toEqual([false, false, false]);
});

it("the newest one that waits is the one that a key takes back", async () => {
  const { sent, held, command } = play();
  held.hold(command("a"));
  held.hold(command("b"));
  expect(held.undoLast()).toBe(true);
  await vi.advanceTimersByTimeAsync(HOLD_MS);
  expect(sent).toEqual(["a", "a looked at"]);
});

it("whoever leaves the page sends what waits at once, and not a second time", async () => {
  const { sent, held, command } = play();
  held.hold(command("a"));
  held.leave();
  expect(sent).toEqual(["a, leaving"]);
  await vi.advanceTimersByTimeAsync(2 * HOLD_MS);
  expect(sent).toEqual(["a, leaving", "a looked at"]);
});

it("a refusal stays with the server's sentence until somebody has read it", async () => {
  const { held, command } = play();
  const id = held.hold(command("a", true));
  await vi.advanceTimersByTimeAsync(10 * HOLD_MS);
  expect(held.snapshot()).toMatchObject([{ phase: "failed", problem: new Error("No.") }]);
  held.dismiss(id);
  expect(held.snapshot()).toEqual([]);
});
