/** Live updates for pages: a page says which topics it shows, and its answers are mended or asked for anew as things
 *  happen. A page that nobody looks at hears nothing, and catches up when somebody looks again. */
import { type QueryClient, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, use, createContext, useEffect, useMemo, useSyncExternalStore } from "react";
import { now } from "../lib/clock";
import { Mender } from "../lib/mender";
import type { Standing } from "../lib/stream";
import { SAYS_MS, type Told } from "../lib/switchboard";
import { type Line, openLine } from "./line";

/** A tab that has been hidden for so long hears nothing any more. */
const HIDDEN_MS = 60_000;
/** When no stream can be had, what is on screen is asked for this often instead. */
const FALLBACK_MS = 15_000;
const OFF: Standing = { name: "off", since: 0, broken: false };

/** What all pages of a tab want, and how things stand. */
export class Live {
  private readonly queries: QueryClient;
  private readonly mender: Mender;
  private readonly wants = new Map<symbol, readonly string[]>();
  private readonly hearers = new Set<() => void>();
  private readonly tab = Math.random().toString(36).slice(2);
  private line: Line | null = null;
  private place: string | null = null;
  private isHidden = false;
  private hideTimer: ReturnType<typeof setTimeout> | undefined;
  private timers: ReturnType<typeof setInterval>[] = [];
  private said = "";
  standing: Standing = OFF;

  constructor(queries: QueryClient) {
    this.queries = queries;
    this.mender = new Mender(queries, (ms, call) => { setTimeout(call, ms); }, Math.random);
  }

  /** Open the line; what is returned closes it. */
  start(): () => void {
    this.line = openLine((told) => { this.hear(told); }, () => this.place);
    this.timers = [
      setInterval(() => { this.say(true); }, SAYS_MS),
      setInterval(() => { if (this.standing.broken && !this.isHidden) this.mender.everything(); }, FALLBACK_MS),
    ];
    const seen = (): void => { this.seen(document.visibilityState === "visible"); };
    const online = (): void => { this.line?.say({ type: "again", tab: this.tab }); };
    const bye = (): void => { this.line?.say({ type: "bye", tab: this.tab }); this.said = ""; };
    const back = (event: PageTransitionEvent): void => { if (event.persisted) { this.say(true); this.mender.everything(); } };
    document.addEventListener("visibilitychange", seen);
    addEventListener("online", online);
    addEventListener("pagehide", bye);
    addEventListener("pageshow", back);
    this.say(true); // pages have said before this what they show
    return () => {
      bye();
      this.timers.forEach(clearInterval);
      clearTimeout(this.hideTimer);
      document.removeEventListener("visibilitychange", seen);
      removeEventListener("online", online);
      removeEventListener("pagehide", bye);
      removeEventListener("pageshow", back);
      this.line?.close();
      this.line = null;
    };
  }

  /** A page shows these topics, until what is returned is called. */
  show(topics: readonly string[]): () => void {
    const key = Symbol("page");
    this.wants.set(key, topics);
    this.say();
    return () => {
      this.wants.delete(key);
      this.say();
    };
  }

  subscribe = (hearer: () => void): (() => void) => {
    this.hearers.add(hearer);
    return () => { this.hearers.delete(hearer); };
  };

  private say(again = false): void {
    const topics = this.isHidden ? [] : [...new Set([...this.wants.values()].flat())].sort();
    const said = topics.join("\n");
    if (said === this.said && !again) return;
    this.said = said;
    this.line?.say({ type: "want", tab: this.tab, topics, place: this.place });
  }

  private hear(told: Told): void {
    this.place = told.place ?? this.place;
    switch (told.type) {
      case "standing":
        this.standing = told.standing;
        document.documentElement.dataset.live = told.standing.name;
        this.hearers.forEach((hearer) => { hearer(); });
        break;
      case "changes":
        if (!this.isHidden) this.mender.changed(told.changes);
        break;
      case "resync":
        if (this.isHidden) break; // everything is asked for when somebody looks again
        if (told.topics) this.mender.resync(told.topics, now() / 1000);
        else this.mender.everything();
        break;
      case "me":
        this.mender.everything();
        break;
      case "end":
        // The session is over: whoever asks next is told so, and sent to the sign-in page.
        void this.queries.invalidateQueries({ queryKey: ["session"] });
        break;
    }
  }

  private seen(visible: boolean): void {
    clearTimeout(this.hideTimer);
    if (!visible) {
      this.hideTimer = setTimeout(() => { this.isHidden = true; this.say(); }, HIDDEN_MS);
      return;
    }
    if (this.isHidden) {
      this.isHidden = false;
      this.say();
      this.mender.everything();
    } else this.line?.say({ type: "again", tab: this.tab });
  }
}

const Context = createContext<Live | null>(null);

/** Around the pages of those who are signed in. */
export const LiveProvider = ({ children }: { children: ReactNode }) => {
  const queries = useQueryClient();
  const live = useMemo(() => new Live(queries), [queries]);
  useEffect(() => live.start(), [live]);
  return <Context value={live}>{children}</Context>;
};

/** Keep what this page shows true: `dags`, `dag:DAG`, `run:DAG/RUN`, `log:DAG/RUN/TASK/MAP_INDEX/TRY`, `health`, or a
 *  family of the event log (`pool`, `variable`, `connection`, `asset`, `question`, `backfill`, `account`, `command`, …). */
export const useLive = (topics: readonly string[]): void => {
  const live = use(Context);
  const joined = topics.join("\n");
  useEffect(() => (joined ? live?.show(joined.split("\n")) : undefined), [live, joined]);
};

const nothing = (): (() => void) => () => undefined;

/** How things stand between this page and the engine. */
export const useStanding = (): Standing => {
  const live = use(Context);
  return useSyncExternalStore(live?.subscribe ?? nothing, () => live?.standing ?? OFF);
};
