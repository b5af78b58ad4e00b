import { expect, it } from "vitest";
import { Ear } from "./ear";

const settled = async (): Promise<void> => { await new Promise((done) => setTimeout(done, 0)); };

/** An ear, and how often it was worth asking. */
const listening = (how: { isTold: boolean; isOpen: boolean }) => {
  const ear = new Ear();
  ear.set(how);
  const end = new AbortController();
  const found = { times: 0 };
  void (async () => {
    for (;;) {
      await ear.next(end.signal);
      if (end.signal.aborted || found.times > 5) return;
      found.times++;
      await settled();
    }
  })();
  return { ear, found, end };
};

it("is worth asking once, and then when it is told", async () => {
  const { ear, found, end } = listening({ isTold: true, isOpen: true });
  await settled();
  await settled();
  expect(found.times).toBe(1);
  ear.tell();
  await settled();
  expect(found.times).toBe(2);
  end.abort();
});

it("nothing is asked while nobody looks, and what came meanwhile is asked for then", async () => {
  const { ear, found, end } = listening({ isTold: true, isOpen: true });
  await settled();
  ear.set({ isTold: true, isOpen: false });
  ear.tell();
  await settled();
  expect(found.times).toBe(1);
  ear.set({ isTold: true, isOpen: true });
  await settled();
  expect(found.times).toBe(2);
  end.abort();
});

it("without a stream it is always worth asking; with one again, once for what was missed", async () => {
  const { ear, found, end } = listening({ isTold: false, isOpen: true });
  await settled();
  await settled();
  await settled();
  expect(found.times).toBeGreaterThan(1);
  ear.set({ isTold: true, isOpen: true });
  await settled();
  await settled();
  const times = found.times;
  await settled();
  await settled();
  expect(found.times).toBe(times);
  end.abort();
});
