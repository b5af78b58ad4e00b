/** The stream of live updates: what the server tells, and one connection that keeps itself up. Reads no clock and opens
 *  nothing by itself: the page or worker that it lives in hands it both. */

/** One event, as `GET /ui/stream` tells it. `at` in microseconds; `seq` 0 for what is no row of the event log. */
export interface Change {
  seq: number;
  kind: string;
  dag_id: string;
  run_id: string;
  task_id: string;
  map_index: number;
  try_number: number;
  state: string;
  at: number | null;
  done?: number;
  total?: number | null;
  unit?: string;
}

export interface Message {
  event: string;
  data: unknown;
  id: string | null;
}

/** Messages out of the pieces in which a body of `text/event-stream` comes. A block without data is a sign of life. */
export class Parser {
  private left = "";

  feed(piece: string): Message[] {
    const blocks = (this.left + piece).replaceAll("\r\n", "\n").split("\n\n");
    this.left = blocks.pop() ?? "";
    return blocks.map(messageOf);
  }
}

const messageOf = (block: string): Message => {
  const message: Message = { event: "", data: null, id: null };
  let data = "";
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const [name, value] = at < 0 ? [line, ""] : [line.slice(0, at), line.slice(at + 1).replace(/^ /, "")];
    if (name === "event") message.event = value;
    else if (name === "id") message.id = value;
    else if (name === "data") data += value;
  }
  if (data) message.data = JSON.parse(data);
  return message;
};

/** How things stand between this browser and the engine. `since`: the last moment at which all was well. */
export interface Standing {
  name: "off" | "connecting" | "live" | "reconnecting" | "stale";
  since: number;
  /** The stream itself is broken, rather than the scheduler away: what is shown can be asked for at least. */
  broken: boolean;
}

/** What a feed tells its tabs. */
export type News =
  | { type: "standing"; standing: Standing }
  | { type: "changes"; changes: Change[] }
  /** Read anew what these topics show; without topics, everything. */
  | { type: "resync"; topics: string[] | null }
  | { type: "me" }
  | { type: "end"; why: string };

/** What a feed needs of its surroundings. */
export interface World {
  open: (topics: string[], after: string | null, signal: AbortSignal) => Promise<Response>;
  now: () => number;
  later: (ms: number, call: () => void) => () => void;
  random: () => number;
  tell: (news: News) => void;
}

/** Topics that come and go within this time are one change of the stream. */
export const SETTLES_MS = 40;
/** Topics that nobody wants any more are kept for so long: whoever goes back needs no other stream. */
export const LINGERS_MS = 15_000;
/** The server says something every 15 s; after so much silence the connection is dead, whatever the browser thinks. */
export const SILENCE_MS = 18_000;
/** A connection that breaks and comes back within this time is nothing to worry a reader with. */
export const GRACE_MS = 5_000;
/** A topic is followed from so long before it was asked for: what a page shows of it may be that old. */
const BACK_US = 5_000_000;
const TRAIL_STEP_US = 1_000_000;
const MOST_SEEN = 5000;
const FIRST_PAUSE_MS = 250;
/** A server that is started again is found within this time, and who looks has the truth soon after. */
const LONGEST_PAUSE_MS = 1_000;
/** One that is there and refuses is left alone for so long, unless it says how long itself. */
const REFUSED_PAUSE_MS = 10_000;
/** What a proxy says whose server is not there. */
const NOBODY_THERE = new Set([502, 503, 504]);

/** One connection for whatever is wanted. It opens the next before it leaves the one before, so nothing is missed. */
export class Feed {
  private readonly world: World;
  private wanted = new Set<string>();
  private told = new Set<string>();
  private current: AbortController | null = null;
  private opening: AbortController | null = null;
  private cursor: string | null;
  /** Where it was, a second or so apart, for topics that come later: their pages may have asked for data by then. */
  private trail: { at: number; id: string }[] = [];
  private seen = new Set<number>();
  private pauseMs = FIRST_PAUSE_MS;
  private engine = "live";
  private well = 0;
  private standing: Standing = { name: "off", since: 0, broken: false };
  private forgetChange: () => void = () => undefined;
  private forgetRetry: () => void = () => undefined;
  private forgetGrace: () => void = () => undefined;

  constructor(world: World, cursor: string | null = null) {
    this.world = world;
    this.cursor = cursor;
  }

  /** Where another feed can go on after this one. */
  get place(): string | null {
    return this.cursor;
  }

  get state(): Standing {
    return this.standing;
  }

  /** Follow these topics from now on. */
  want(topics: ReadonlySet<string>): void {
    const grows = [...topics].some((topic) => !this.told.has(topic) && !(this.opening && this.wanted.has(topic)));
    const isOther = topics.size !== this.wanted.size || [...topics].some((topic) => !this.wanted.has(topic));
    if (!isOther) return;
    this.wanted = new Set(topics);
    this.forgetChange();
    const shrinks = [...this.told].some((topic) => !topics.has(topic));
    if (grows || shrinks) {
      const after = grows ? this.before() : null;
      this.forgetChange = this.world.later(grows ? SETTLES_MS : LINGERS_MS, () => { this.begin(after ?? this.cursor); });
    }
  }

  /** Try again now: the browser says that the network is back, or that somebody looks. */
  again(): void {
    if (this.wanted.size && !this.current) this.begin(this.cursor);
  }

  close(): void {
    this.forgetChange();
    this.forgetRetry();
    this.forgetGrace();
    this.opening?.abort();
    this.current?.abort();
    this.opening = this.current = null;
    this.told = new Set();
    this.say({ name: "off", since: this.well, broken: false });
  }

  private begin(after: string | null): void {
    this.forgetRetry();
    if (!this.wanted.size) {
      this.close();
      return;
    }
    this.opening?.abort();
    const own = (this.opening = new AbortController());
    if (this.standing.name === "off") this.say({ name: "connecting", since: this.well, broken: false });
    void this.follow(own, [...this.wanted].sort(), after);
  }

  private async follow(own: AbortController, topics: string[], after: string | null): Promise<void> {
    let pauseMs: number | null = null;
    let forgetSilence = this.world.later(SILENCE_MS, () => { own.abort(); });
    try {
      const response = await this.world.open(topics, after, own.signal);
      if (response.status === 401 || response.status === 403) {
        this.ended("logged-out", own);
        return;
      }
      if (!response.ok || !response.body) {
        pauseMs = (Number(response.headers.get("retry-after")) || 0) * 1000 || (NOBODY_THERE.has(response.status) ? null : REFUSED_PAUSE_MS);
        throw new Error(`status ${String(response.status)}`);
      }
      const parser = new Parser();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done || own.signal.aborted) break;
        forgetSilence();
        forgetSilence = this.world.later(SILENCE_MS, () => { own.abort(); });
        for (const message of parser.feed(value)) this.take(message, own, topics);
      }
    } catch {
      // Whatever it was, it is tried again below.
    } finally {
      forgetSilence();
    }
    this.broke(own, pauseMs);
  }

  private take(message: Message, own: AbortController, topics: string[]): void {
    if (own !== this.current && message.event !== "hello") return;
    const data = message.data as { connection?: string; why?: string } | null;
    switch (message.event) {
      case "hello":
        this.greeted(own, topics, data?.connection ?? "live");
        break;
      case "changes":
        this.changed(message.data as Change[]);
        break;
      case "resync":
        this.world.tell({ type: "resync", topics: null });
        break;
      case "state":
        this.engine = data?.connection ?? "live";
        break;
      case "me":
        this.world.tell({ type: "me" });
        break;
      case "end":
        if (data?.why === "logged-out") this.ended("logged-out", own);
        break;
    }
    if (message.id !== null) this.reached(message.id);
    if (own === this.current) this.isWell(this.engine === "live");
  }

  /** Tell what was not told before: a stream that begins a little earlier than the last one ended tells some twice. */
  private changed(changes: Change[]): void {
    const fresh = changes.filter((change) => !change.seq || !this.seen.has(change.seq));
    for (const change of fresh) if (change.seq) this.seen.add(change.seq);
    for (const seq of this.seen) {
      if (this.seen.size <= MOST_SEEN) break;
      this.seen.delete(seq);
    }
    if (fresh.length) this.world.tell({ type: "changes", changes: fresh });
  }

  private reached(id: string): void {
    const now = this.world.now();
    this.cursor = id;
    if (now - (this.trail.at(-1)?.at ?? -Infinity) < TRAIL_STEP_US) return;
    this.trail.push({ at: now, id });
    while ((this.trail[1]?.at ?? Infinity) <= now - BACK_US) this.trail.shift();
  }

  /** Where it was a few seconds ago. */
  private before(): string | null {
    const at = this.world.now() - BACK_US;
    return (this.trail.findLast((step) => step.at <= at) ?? this.trail[0])?.id ?? this.cursor;
  }

  private greeted(own: AbortController, topics: string[], connection: string): void {
    const before = this.current;
    const isFirst = this.cursor === null;
    this.current = own;
    if (this.opening === own) this.opening = null;
    before?.abort();
    this.told = new Set(topics);
    this.engine = connection;
    this.pauseMs = FIRST_PAUSE_MS;
    // Whoever has a cursor is told what they missed. Without one, a page may have asked for its data before this moment.
    if (isFirst) this.world.tell({ type: "resync", topics });
  }

  private broke(own: AbortController, pauseMs: number | null): void {
    if (own === this.opening) this.opening = null;
    else if (own === this.current) this.current = null;
    else return; // another has taken its place
    if (this.current || this.opening || !this.wanted.size) return;
    this.told = new Set();
    this.isWell(false);
    const pause = pauseMs ?? this.pauseMs;
    this.pauseMs = Math.min(2 * this.pauseMs, LONGEST_PAUSE_MS);
    this.forgetRetry();
    this.forgetRetry = this.world.later(pause * (0.5 + this.world.random() / 2), () => { this.begin(this.cursor); });
  }

  private ended(why: string, own: AbortController): void {
    own.abort();
    this.wanted = new Set();
    this.close();
    this.world.tell({ type: "end", why });
  }

  // --- how things stand ---

  private isWell(well: boolean): void {
    const now = this.world.now();
    if (well) {
      this.forgetGrace();
      this.well = now;
      if (this.standing.name !== "live") this.say({ name: "live", since: now, broken: false });
      return;
    }
    const broken = this.current === null;
    const name = this.standing.name === "stale" ? "stale" : "reconnecting";
    if (this.standing.name === "live" || this.standing.name === "connecting") {
      this.forgetGrace();
      this.forgetGrace = this.world.later(GRACE_MS, () => {
        this.say({ name: "stale", since: this.well, broken: this.current === null });
      });
    }
    if (this.standing.name !== name || this.standing.broken !== broken) this.say({ name, since: this.well, broken });
  }

  private say(standing: Standing): void {
    this.standing = standing;
    this.world.tell({ type: "standing", standing });
  }
}
