import { useEffect, useState, useSyncExternalStore } from "react";
import { useText, useTexts } from "../app/settings";
import { now } from "../lib/clock";
import { type Held, HeldCommands, HOLD_MS } from "../lib/held";
import { refusalText } from "../lib/refusals";
import { Icon } from "./Icon";
import { messages } from "./heldtext";
import "./dialog.css";
import "./toasts.css";

const milliseconds = (): number => now() / 1000;

/** The commands of this page that can still be taken back. */
export const heldCommands = new HeldCommands(milliseconds);

/** What was asked for a moment ago: a countdown with the way back, then what became of it. Ctrl Z takes back the newest. */
export const HeldToasts = () => {
  const t = useTexts(messages);
  const list = useSyncExternalStore(heldCommands.subscribe, heldCommands.snapshot);
  useEffect(() => {
    const leave = (): void => { heldCommands.leave(); };
    const key = (event: KeyboardEvent): void => {
      const isTyping = event.target instanceof HTMLElement && event.target.matches("input, textarea, select, [contenteditable]");
      if (event.key === "z" && (event.ctrlKey || event.metaKey) && !isTyping && heldCommands.undoLast()) event.preventDefault();
    };
    addEventListener("pagehide", leave);
    addEventListener("keydown", key);
    return () => {
      removeEventListener("pagehide", leave);
      removeEventListener("keydown", key);
    };
  }, []);
  return (
    <div className="toasts" role="region" aria-label={t("held.region")} aria-live="polite">
      {list.map((held) => <Toast key={held.id} held={held} />)}
    </div>
  );
};

const Toast = ({ held }: { held: Held }) => {
  const t = useTexts(messages);
  const every = useText();
  const left = useLeft(held);
  const state = ({ waiting: "scheduled", sending: "queued", done: "success", failed: "failed" } as const)[held.phase];
  return (
    <div className="dialog toast" role={held.phase === "failed" ? "alert" : undefined}>
      <i className="st l" data-s={state} aria-hidden="true" />
      <div className="grow">
        <b className="med">{held.phase === "failed" ? t("held.failed") : held.title}</b>
        <div className="small mute">{held.problem ? refusalText(held.problem, every) : held.detail}</div>
      </div>
      {held.phase === "waiting" && (
        <>
          <button type="button" className="btn quiet" onClick={() => { heldCommands.sendNow(held.id); }}>{t("held.now")}</button>
          <button type="button" className="btn" onClick={() => { heldCommands.undo(held.id); }}>
            {t("held.undo")} <span className="n" aria-hidden="true">{t("held.seconds", { count: Math.ceil(left / 1000) })}</span>
          </button>
          <i className="left" style={{ width: `${String(Math.min(100, (left / HOLD_MS) * 100))}%` }} />
        </>
      )}
      {held.phase === "sending" && <span className="small dim">{t("held.sending")}</span>}
      {held.phase === "done" && <span className="small dim">{t("held.done")}</span>}
      {held.phase === "failed" && <button type="button" className="btn quiet icon" aria-label={every("close")} onClick={() => { heldCommands.dismiss(held.id); }}><Icon name="x" /></button>}
    </div>
  );
};

/** Milliseconds until it is sent. */
const useLeft = (held: Held): number => {
  const [present, setPresent] = useState(milliseconds);
  const waits = held.phase === "waiting";
  useEffect(() => {
    if (!waits) return undefined;
    const timer = setInterval(() => { setPresent(milliseconds()); }, 200);
    return () => { clearInterval(timer); };
  }, [waits]);
  return Math.max(0, held.until - present);
};
