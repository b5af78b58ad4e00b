/** The line from a tab to the one feed of this browser: a shared worker; else whichever tab holds the lock; else its own. */
import { BASE } from "../api/client";
import { type Call, Switchboard, type Told } from "../lib/switchboard";
import { surroundings } from "./surroundings";

export interface Line {
  say: (call: Call) => void;
  close: () => void;
}

const NAME = "tradewind-live";

/** Open the line; `hear` is told what the feed tells. */
export const openLine = (hear: (told: Told) => void, place: () => string | null): Line => {
  if ("SharedWorker" in globalThis) {
    try {
      return worker(hear);
    } catch {
      // Forbidden here; there are other ways.
    }
  }
  return "locks" in navigator && "BroadcastChannel" in globalThis ? byLock(hear, place) : alone(hear);
};

const worker = (hear: (told: Told) => void): Line => {
  const shared = new SharedWorker(new URL("./live.worker.ts", import.meta.url), { type: "module", name: `${NAME} ${BASE}` });
  shared.port.onmessage = (event: MessageEvent<Told>) => { hear(event.data); };
  shared.port.postMessage({ type: "root", root: BASE });
  return {
    say: (call) => { shared.port.postMessage(call); },
    close: () => { shared.port.close(); },
  };
};

const alone = (hear: (told: Told) => void): Line => {
  const board = new Switchboard(surroundings(BASE), hear);
  return { say: (call) => { board.hear(call); }, close: () => { board.close(); } };
};

/** The tab that holds the lock has the feed, and tells the others. When it goes, the next one goes on where it was. */
const byLock = (hear: (told: Told) => void, place: () => string | null): Line => {
  const channel = new BroadcastChannel(`${NAME} ${BASE}`);
  const given = new AbortController();
  let board: Switchboard | null = null;
  let wants: Call | null = null;
  channel.onmessage = (event: MessageEvent<Call | Told | { type: "who" }>) => {
    const word = event.data;
    if (word.type === "who") {
      if (wants) channel.postMessage(wants);
    } else if (word.type === "want" || word.type === "again" || word.type === "look" || word.type === "bye") board?.hear(word);
    else hear(word);
  };
  void navigator.locks
    .request(`${NAME} ${BASE}`, { signal: given.signal }, () =>
      new Promise<void>((done) => {
        board = new Switchboard(surroundings(BASE), (told) => { hear(told); channel.postMessage(told); }, place());
        given.signal.addEventListener("abort", () => { board?.close(); done(); });
        if (wants) board.hear(wants);
        channel.postMessage({ type: "who" });
      }))
    .catch(() => undefined);
  return {
    say: (call) => {
      wants = call.type === "want" ? call : wants;
      if (board) board.hear(call);
      else channel.postMessage(call);
    },
    close: () => {
      given.abort();
      board?.close();
      channel.close();
    },
  };
};
