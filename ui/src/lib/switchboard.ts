/** Many tabs and one feed: each tab says what it wants, and all of them hear what the feed tells. */
import { Feed, type News, type World } from "./stream";

/** What a tab says. `place`: how far it has been told, for a feed that begins in the middle. */
export type Call =
  | { type: "want"; tab: string; topics: string[]; place?: string | null }
  | { type: "again"; tab: string }
  | { type: "bye"; tab: string };

/** What a tab hears. `place` goes with it, so that any tab can carry on. */
export type Told = News & { place: string | null };

/** A tab says again what it wants this often; one that has not for so long is gone without a word. */
export const SAYS_MS = 20_000;
export const GONE_MS = 100_000;

export class Switchboard {
  private readonly feed: Feed;
  private readonly world: Omit<World, "tell">;
  private readonly tabs = new Map<string, { topics: string[]; at: number }>();

  constructor(world: Omit<World, "tell">, tell: (told: Told) => void, place: string | null = null) {
    this.world = world;
    this.feed = new Feed({ ...world, tell: (news) => { tell({ ...news, place: this.feed.place }); } }, place);
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

  /** For a tab that has just come: how things stand. */
  get standing(): Told {
    return { type: "standing", standing: this.feed.state, place: this.feed.place };
  }

  close(): void {
    this.feed.close();
  }
}
