/** The shared worker: one feed for all tabs of this browser. */
import { type Call, Switchboard, type Told } from "../lib/switchboard";
import { surroundings } from "./surroundings";

const ports = new Set<MessagePort>();
let board: Switchboard | null = null;

const tell = (told: Told): void => {
  for (const port of ports) port.postMessage(told);
};

const connect = (event: MessageEvent): void => {
  const port = event.ports[0];
  if (!port) return;
  ports.add(port);
  port.onmessage = ({ data }: MessageEvent<Call | { type: "root"; root: string }>) => {
    if (data.type === "root") {
      board ??= new Switchboard(surroundings(data.root), tell);
      port.postMessage(board.standing);
      return;
    }
    board?.hear(data);
    if (data.type === "bye") ports.delete(port);
  };
};

(globalThis as unknown as { onconnect: (event: MessageEvent) => void }).onconnect = connect;
