/** Many tabs and one feed: each tab says what it wants, and all of them hear what the feed tells. */
import { type Change, Feed, type News, type World } from "./stream";

/** What a tab says. `place`: how far it has been told, for a feed that begins in the middle. */
export type Call =
  | { type: "want"; tab: string; topics: string[]; place?: string | null }
  | { type: "again"; tab: string }
  | { type: "look"; tab: string; isSeen: boolean }
  | { type: "bye"; tab: string };

/** What a tab hears. `place` goes with it, so that any tab can carry on. */
export type Told = News & { place: string | null };

/** A tab says again what it wants this often; one that has not for so long is gone without a word. */
export const SAYS_MS = 20_000;
export const GONE_MS = 100_000;

/** A tab that nobody looks at is told this many changes when somebody does; after more of them it reads all anew. */
export const MOST_MISSED = 1_000;

/** One tab and what reaches it: changes at once while somebody looks at it, else together when somebody does again. Of
 *  fifty tabs one is seen, and the others must not take the time in which it is drawn. */
export class Hearer {
  private readonly tell: (told: Told) => void;
  private missed: Change[] = [];
  private isSeen = true;
  private isLost = false;

  constructor(tell: (told: Told) => void) {
    this.tell = tell;
  }

  hear(told: Told): void {
    if (this.isSeen || told.type !== "changes") {
      this.tell(told);
      return;
    }
    if (!this.isLost) this.missed.push(...told.changes);
    if (this.missed.length <= MOST_MISSED) return;
    this.isLost = true;
    this.missed = [];
  }

  look(isSeen: boolean, place: string | null): void {
    this.isSeen = isSeen;
    if (!isSeen) return;
    const { missed, isLost } = this;
    this.forget();
    if (isLost) this.tell({ type: "resync", topics: null, place });
    else if (missed.length) this.tell({ type: "changes", changes: missed, place });
  }

  /** It wants nothing any more, and will read everything anew. */
  forget(): void {
    this.missed = [];
    this.isLost = false;
  }
}

/** What happened so short a time ago is told to a tab that comes: its answers may be from before it could hear. */
export const RECENT_MS = 10_000;

export class Switchboard {
  private recently: { at: number; changes: Change[] }[] = [];
  private readonly feed: Feed;
  private readonly world: Omit<World, "tell">;
  private readonly tabs = new Map<string, { topics: string[]; at: number }>();

  constructor(world: Omit<World, "tell">, tell: (told: Told) => void, place: string | null = null) {
    this.world = world;
    this.feed = new Feed({ ...world, tell: (news) => { this.keep(news); tell({ ...news, place: this.feed.place }); } }, place);
  }

  private keep(news: News): void {
    const oldest = this.world.now() - RECENT_MS * 1000;
    while ((this.recently[0]?.at ?? oldest) < oldest) this.recently.shift();
    if (news.type === "changes") this.recently.push({ at: this.world.now(), changes: news.changes });
  }

  hear(call: Call): void {
    switch (call.type) {
      case "want":
        this.tabs.set(call.tab, { topics: call.topics, at: this.world.now() });
        break;
      case "again":
        this.feed.again();
        break;
      case "bye":
        this.tabs.delete(call.tab);
        break;
    }
    const oldest = this.world.now() - GONE_MS * 1000;
    for (const [name, tab] of this.tabs) if (tab.at < oldest) this.tabs.delete(name);
    this.feed.want(new Set([...this.tabs.values()].flatMap((tab) => tab.topics)));
  }

  get place(): string | null {
    return this.feed.place;
  }

  /** For a tab that has just come: how things stand, and what has happened lately. */
  get present(): Told[] {
    const oldest = this.world.now() - RECENT_MS * 1000;
    const changes = this.recently.filter(({ at }) => at >= oldest).flatMap((each) => each.changes);
    const place = this.feed.place;
    return [{ type: "standing", standing: this.feed.state, place }, ...(changes.length ? [{ type: "changes" as const, changes, place }] : [])];
  }

  close(): void {
    this.feed.close();
  }
}
