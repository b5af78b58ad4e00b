/** Live updates for pages: a page says which topics it shows, and its answers are mended or asked for anew as things
 *  happen. A page that nobody looks at hears nothing, and catches up when somebody looks again. */
import { type QueryClient, type QueryKey, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, use, createContext, useCallback, useEffect, useMemo, useSyncExternalStore } from "react";
import { now } from "../lib/clock";
import type { Ear } from "../lib/ear";
import { Mender } from "../lib/mender";
import { type Key, logTopicOf } from "../lib/patches";
import type { Change, Standing } from "../lib/stream";
import { SAYS_MS, type Told } from "../lib/switchboard";
import { type Line, openLine } from "./line";
import { setHeard } from "./present";

/** A tab that has been hidden for so long hears nothing any more. It asks for nothing from the moment that it is. */
const HIDDEN_MS = 60_000;
/** The only polling that there is: when no stream can be had, what is on screen is asked for this often instead. */
const FALLBACK_MS = 15_000;
const OFF: Standing = { name: "off", since: 0, broken: false };

/** What all pages of a tab want, and how things stand. */
export class Live {
  private readonly queries: QueryClient;
  private readonly mender: Mender;
  private readonly wants = new Map<symbol, readonly string[]>();
  private readonly hearers = new Set<() => void>();
  private readonly ears = new Map<Ear, string>();
  private readonly tab = Math.random().toString(36).slice(2);
  private line: Line | null = null;
  private place: string | null = null;
  /** Nobody looks at this tab. */
  private isHidden = false;
  /** For so long that it has said that it wants nothing. */
  private isAsleep = false;
  private hideTimer: ReturnType<typeof setTimeout> | undefined;
  private timers: ReturnType<typeof setInterval>[] = [];
  private said = "";
  private wanted: ReadonlySet<string> = new Set();
  standing: Standing = OFF;

  constructor(queries: QueryClient) {
    this.queries = queries;
    this.mender = new Mender(queries, { later: (ms, call) => { setTimeout(call, ms); }, random: Math.random, now: () => performance.now() });
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
    seen();
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

  /** These answers are old by time alone. */
  old(key: QueryKey): void {
    this.mender.outdated(key as Key);
  }

  /** Somebody reads this log to its end. Where nothing can be told, they ask for themselves. */
  listen(topic: string, ear: Ear): () => void {
    this.ears.set(ear, topic);
    this.arrange(ear);
    const hide = this.show([topic]);
    return () => {
      this.ears.delete(ear);
      hide();
    };
  }

  private arrange(ear: Ear): void {
    ear.set({ isTold: this.standing.name === "live", isOpen: !this.isHidden });
  }

  subscribe = (hearer: () => void): (() => void) => {
    this.hearers.add(hearer);
    return () => { this.hearers.delete(hearer); };
  };

  private say(again = false): void {
    this.wanted = new Set([...this.wants.values()].flat());
    const topics = this.isAsleep ? [] : [...this.wanted].sort();
    const said = topics.join("\n");
    if (said === this.said && !again) return;
    this.said = said;
    this.line?.say({ type: "want", tab: this.tab, topics, place: this.place });
  }

  private hear(told: Told): void {
    this.place = told.place ?? this.place;
    switch (told.type) {
      case "standing":
        this.stands(told.standing);
        break;
      case "changes":
        // Other tabs of this browser may want sums that this one does not.
        this.mender.changed(told.changes.filter((change) => change.kind !== "some" || this.wanted.has(`some:${change.state}`)));
        this.hearOfLogs(told.changes);
        break;
      case "resync":
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

  private stands(standing: Standing): void {
    const before = this.standing;
    this.standing = standing;
    document.documentElement.dataset.live = standing.name;
    setHeard(standing.name !== "stale" && standing.name !== "reconnecting");
    // What no event tells may be otherwise after such a time, and what was asked for in it may have failed.
    if (standing.name === "live" && before.name === "stale") this.mender.everything();
    // Whether the scheduler is there stands on pages of its own.
    if (!standing.broken && standing.name !== before.name) this.mender.resync(["health"], Infinity);
    for (const ear of this.ears.keys()) this.arrange(ear);
    this.hearers.forEach((hearer) => { hearer(); });
  }

  private hearOfLogs(changes: readonly Change[]): void {
    if (!this.ears.size) return;
    const topics = new Set(changes.map(logTopicOf));
    for (const [ear, topic] of this.ears) if (topics.has(topic)) ear.tell();
  }

  private seen(visible: boolean): void {
    clearTimeout(this.hideTimer);
    this.isHidden = !visible;
    for (const ear of this.ears.keys()) this.arrange(ear);
    this.line?.say({ type: "look", tab: this.tab, isSeen: visible });
    if (!visible) {
      this.mender.hide();
      this.hideTimer = setTimeout(() => { this.isAsleep = true; this.say(); }, HIDDEN_MS);
      return;
    }
    this.mender.show();
    if (this.isAsleep) {
      this.isAsleep = false;
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

export const NOTHING: readonly string[] = [];
/** For what waits: why it does depends on everything else that runs. `BY_TASKS` is a page's topic while something waits. */
export const OLD_BY_TASKS = { some: ["task"] } as const;
export const BY_TASKS: readonly string[] = ["some:task"];

/** Keep what this page shows true: `dags`, `dag:DAG`, `run:DAG/RUN`, `log:DAG/RUN/TASK/MAP_INDEX/TRY`, `health`, or a
 *  family of the event log (`pool`, `variable`, `connection`, `asset`, `question`, `backfill`, `account`, `command`, …). */
export const useLive = (topics: readonly string[]): void => {
  const live = use(Context);
  const joined = topics.join("\n");
  useEffect(() => (joined ? live?.show(joined.split("\n")) : undefined), [live, joined]);
};

/** For `meta` of a query whose answer is about all that there is, such as how many Dags fail: it is old when anything of
 *  these topics has happened, and no more than that is told. */
export const useSome = (...topics: readonly string[]): { some: readonly string[] } => {
  const joined = topics.join("\n");
  const some = useMemo(() => (joined ? joined.split("\n") : []), [joined]);
  useLive(some.map((topic) => `some:${topic}`));
  return useMemo(() => ({ some }), [some]);
};

const HOUR_MS = 3_600_000;

/** An answer that time alone makes old, such as which Dags are late, says until when it is good: it is asked for again
 *  then. `now`: when it was given; both in microseconds. */
export const useFreshUntil = (key: QueryKey, answer: { now: number; fresh_until: number } | undefined): void => {
  const live = use(Context);
  const name = JSON.stringify(key);
  const [given, until] = [answer?.now ?? 0, answer?.fresh_until ?? 0];
  useEffect(() => {
    if (!until) return undefined;
    const timer = setTimeout(() => { live?.old(JSON.parse(name) as QueryKey); }, Math.min(HOUR_MS, Math.max(1_000, (until - given) / 1000)));
    return () => { clearTimeout(timer); };
  }, [live, name, given, until]);
};

/** Has an ear hear when there is more of a log, until what is returned is called. */
export const useListening = (): ((topic: string, ear: Ear) => () => void) => {
  const live = use(Context);
  return useCallback((topic, ear) => live?.listen(topic, ear) ?? (() => undefined), [live]);
};

const nothing = (): (() => void) => () => undefined;

/** How things stand between this page and the engine. */
export const useStanding = (): Standing => {
  const live = use(Context);
  return useSyncExternalStore(live?.subscribe ?? nothing, () => live?.standing ?? OFF);
};
