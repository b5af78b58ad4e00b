/** The shared worker: one feed for all tabs of this browser. */
import { type Call, Hearer, Switchboard, type Told } from "../lib/switchboard";
import { surroundings } from "./surroundings";

const hearers = new Map<MessagePort, Hearer>();
let board: Switchboard | null = null;

const tell = (told: Told): void => {
  for (const hearer of hearers.values()) hearer.hear(told);
};

const connect = (event: MessageEvent): void => {
  const port = event.ports[0];
  if (!port) return;
  const hearer = new Hearer((told) => { port.postMessage(told); });
  port.onmessage = ({ data }: MessageEvent<Call | { type: "root"; root: string }>) => {
    if (data.type === "bye") hearers.delete(port);
    else hearers.set(port, hearer); // whoever has said goodbye may come back
    if (data.type === "root") {
      board ??= new Switchboard(surroundings(data.root), tell);
      for (const told of board.present) port.postMessage(told);
      return;
    }
    if (data.type === "look") hearer.look(data.isSeen, board?.place ?? null);
    if (data.type === "want" && !data.topics.length) hearer.forget();
    board?.hear(data);
  };
};

(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = connect;
