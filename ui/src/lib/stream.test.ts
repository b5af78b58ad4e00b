import { describe, expect, it } from "vitest";
import { type Change, Feed, GRACE_MS, LINGERS_MS, type News, Parser, SETTLES_MS, SILENCE_MS } from "./stream";
import { GONE_MS, Hearer, MOST_MISSED, RECENT_MS, Switchboard, type Told } from "./switchboard";

const change = (seq: number, state = "running"): Change => ({
  seq, kind: "task.moved", dag_id: "etl", run_id: "one", task_id: "load", map_index: -1, try_number: 1, state, at: 1,
});

/** A browser and a server on a clock of their own. */
class Stage {
  time = 1_000;
  readonly news: News[] = [];
  readonly streams: { topics: string[]; after: string | null; signal: AbortSignal; say: (text: string) => void; end: () => void }[] = [];
  status = 200;
  private timers: { at: number; call: () => void }[] = [];

  readonly world = {
    open: (topics: string[], after: string | null, signal: AbortSignal): Promise<Response> => {
      if (this.status === 0) return Promise.reject(new TypeError("no network"));
      let pen: ReadableStreamDefaultController<Uint8Array> | null = null;
      const body = new ReadableStream<Uint8Array>({ start: (controller) => { pen = controller; } });
      signal.addEventListener("abort", () => { try { pen?.error(new Error("aborted")); } catch { /* it has ended */ } });
      this.streams.push({
        topics, after, signal,
        say: (text) => { pen?.enqueue(new TextEncoder().encode(text)); },
        end: () => { pen?.close(); },
      });
      return Promise.resolve(new Response(body, { status: this.status }));
    },
    now: () => this.time * 1000,
    later: (ms: number, call: () => void) => {
      const timer = { at: this.time + ms, call };
      this.timers.push(timer);
      return () => { this.timers = this.timers.filter((each) => each !== timer); };
    },
    random: () => 0.5,
    tell: (news: News) => { this.news.push(news); },
  };

  async settle(): Promise<void> {
    for (let n = 0; n < 20; n++) await Promise.resolve();
    await new Promise((done) => setTimeout(done, 0));
  }

  async pass(ms: number): Promise<void> {
    const until = this.time + ms;
    await this.settle();
    for (;;) {
      const next = this.timers.filter((each) => each.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.timers = this.timers.filter((each) => each !== next);
      this.time = Math.max(this.time, next.at);
      next.call();
      await this.settle();
    }
    this.time = until;
  }

  get last() {
    const found = this.streams.at(-1);
    if (!found) throw new Error("no stream was opened");
    return found;
  }

  async hello(seq: number, connection = "live"): Promise<void> {
    this.last.say(`retry: 1000\nid: ${String(seq)}\nevent: hello\ndata: ${JSON.stringify({ seq, connection })}\n\n`);
    await this.settle();
  }

  async changes(...changes: Change[]): Promise<void> {
    this.last.say(`id: ${String(changes.at(-1)?.seq)}\nevent: changes\ndata: ${JSON.stringify(changes)}\n\n`);
    await this.settle();
  }

  get names(): string[] {
    return this.news.flatMap((each) => (each.type === "standing" ? [each.standing.name] : []));
  }

  get told(): number[] {
    return this.news.flatMap((each) => (each.type === "changes" ? each.changes.map((one) => one.seq) : []));
  }
}

const following = async (...topics: string[]): Promise<[Stage, Feed]> => {
  const stage = new Stage();
  const feed = new Feed(stage.world);
  feed.want(new Set(topics));
  await stage.pass(SETTLES_MS);
  await stage.hello(10);
  return [stage, feed];
};

describe("Parser", () => {
  it("finds messages wherever the pieces are cut", () => {
    const text = 'id: 7\nevent: changes\ndata: [{"seq":7}]\n\n: still here\nid: 8\n\nevent: me\r\ndata: {}\r\n\r\n';
    for (let cut = 0; cut < text.length; cut++) {
      const parser = new Parser();
      expect([...parser.feed(text.slice(0, cut)), ...parser.feed(text.slice(cut))]).toEqual([
        { event: "changes", data: [{ seq: 7 }], id: "7" },
        { event: "", data: null, id: "8" },
        { event: "me", data: {}, id: null },
      ]);
    }
  });
});

describe("Feed", () => {
  it("is live after the greeting, and has asked for data to be read that pages may have from before", async () => {
    const [stage] = await following("dags");
    expect(stage.last).toMatchObject({ topics: ["dags"], after: null });
    expect(stage.names).toEqual(["connecting", "live"]);
    expect(stage.news).toContainEqual({ type: "resync", topics: ["dags"] });
    await stage.changes(change(11), change(12));
    expect(stage.told).toEqual([11, 12]);
  });

  it("takes topics that come together as one", async () => {
    const stage = new Stage();
    const feed = new Feed(stage.world);
    feed.want(new Set(["dags"]));
    feed.want(new Set(["dags", "health"]));
    await stage.pass(SETTLES_MS);
    expect(stage.streams.map((each) => each.topics)).toEqual([["dags", "health"]]);
  });

  it("opens the next stream before it leaves the one before, from a little earlier, and tells nothing twice", async () => {
    const [stage, feed] = await following("dags");
    await stage.pass(2_000);
    await stage.changes(change(11));
    await stage.pass(10_000);
    await stage.changes(change(12));
    feed.want(new Set(["dags", "dag:etl"]));
    await stage.pass(SETTLES_MS);
    const [before, after] = stage.streams;
    expect(after).toMatchObject({ topics: ["dag:etl", "dags"], after: "11" });
    expect(before?.signal.aborted).toBe(false);
    before?.say(`id: 13\nevent: changes\ndata: ${JSON.stringify([change(13)])}\n\n`);
    await stage.settle();
    await stage.hello(11);
    expect(before?.signal.aborted).toBe(true);
    await stage.changes(change(12), change(13), change(14));
    expect(stage.told).toEqual([11, 12, 13, 14]);
    expect(stage.names).toEqual(["connecting", "live"]);
    expect(stage.news.filter((each) => each.type === "resync")).toHaveLength(1);
  });

  it("keeps topics for a while that nobody wants, and ends when there are none", async () => {
    const [stage, feed] = await following("dags", "dag:etl");
    feed.want(new Set(["dags"]));
    feed.want(new Set(["dags", "dag:etl"]));
    await stage.pass(2 * SETTLES_MS);
    expect(stage.streams).toHaveLength(1);
    feed.want(new Set());
    await stage.pass(LINGERS_MS);
    expect(stage.last.signal.aborted).toBe(true);
    expect(stage.names.at(-1)).toBe("off");
  });

  it("comes back where it was, and says since when it knows nothing", async () => {
    const [stage] = await following("dags");
    await stage.changes(change(42));
    const well = stage.time * 1000;
    stage.status = 0;
    stage.last.end();
    await stage.settle();
    expect(stage.names.at(-1)).toBe("reconnecting");
    await stage.pass(GRACE_MS);
    expect(stage.news.findLast((each) => each.type === "standing")).toEqual({ type: "standing", standing: { name: "stale", since: well, broken: true } });
    stage.status = 200;
    await stage.pass(15_000);
    expect(stage.last.after).toBe("42");
    await stage.hello(42);
    expect(stage.names.at(-1)).toBe("live");
  });

  it("a blink is no reason to worry anybody", async () => {
    const [stage] = await following("dags");
    stage.last.end();
    await stage.pass(1_000);
    await stage.hello(10);
    await stage.pass(GRACE_MS);
    expect(stage.names).toEqual(["connecting", "live", "reconnecting", "live"]);
  });

  it("notices that nothing is said any more, where the browser does not", async () => {
    const [stage] = await following("dags");
    await stage.pass(15_000);
    stage.last.say(": still here\nid: 11\n\n");
    await stage.pass(SILENCE_MS - 1_000);
    expect(stage.streams).toHaveLength(1);
    await stage.pass(3_000);
    expect(stage.streams).toHaveLength(2);
    expect(stage.last.after).toBe("11");
  });

  it("knows a scheduler that is away from a stream that is broken", async () => {
    const [stage] = await following("dags");
    stage.last.say('event: state\ndata: {"connection":"scheduler-away"}\n\n');
    await stage.pass(GRACE_MS);
    expect(stage.news.findLast((each) => each.type === "standing")).toMatchObject({ standing: { name: "stale", broken: false } });
    stage.last.say('event: state\ndata: {"connection":"live"}\n\n');
    await stage.settle();
    expect(stage.names.at(-1)).toBe("live");
    expect(stage.streams).toHaveLength(1);
  });

  it("ends when whoever looks is logged out, and does not knock again", async () => {
    const [stage] = await following("dags");
    stage.last.say('event: end\ndata: {"why":"logged-out"}\n\n');
    await stage.pass(60_000);
    expect(stage.news.at(-1)).toEqual({ type: "end", why: "logged-out" });
    expect(stage.streams).toHaveLength(1);

    const stranger = new Stage();
    stranger.status = 401;
    new Feed(stranger.world).want(new Set(["dags"]));
    await stranger.pass(60_000);
    expect(stranger.streams).toHaveLength(1);
    expect(stranger.news.at(-1)).toEqual({ type: "end", why: "logged-out" });
  });

  it("asks for everything anew when the server says that it cannot tell what was missed", async () => {
    const [stage] = await following("dags");
    stage.last.say('id: 99\nevent: resync\ndata: {"why":"it was too long ago"}\n\n');
    await stage.settle();
    expect(stage.news.at(-1)).toEqual({ type: "resync", topics: null });
  });
});

describe("Switchboard", () => {
  it("follows what all tabs want together, and forgets those that are gone without a word", async () => {
    const stage = new Stage();
    const told: Told[] = [];
    const board = new Switchboard(stage.world, (news) => { told.push(news); });
    board.hear({ type: "want", tab: "a", topics: ["dags"] });
    board.hear({ type: "want", tab: "b", topics: ["dag:etl"] });
    await stage.pass(SETTLES_MS);
    expect(stage.last.topics).toEqual(["dag:etl", "dags"]);
    await stage.hello(5);
    await stage.changes(change(6));
    expect(told.at(-1)).toMatchObject({ type: "changes", place: "5" });
    for (let passed = 0; passed <= GONE_MS; passed += 10_000) {
      stage.last.say(": still here\nid: 6\n\n");
      board.hear({ type: "want", tab: "a", topics: ["dags"] });
      await stage.pass(10_000);
    }
    await stage.pass(LINGERS_MS);
    expect(stage.last.topics).toEqual(["dags"]);
    board.hear({ type: "bye", tab: "a" });
    await stage.pass(LINGERS_MS);
    expect(stage.last.signal.aborted).toBe(true);
  });

  it("tells a tab that comes how things stand, and what has happened lately", async () => {
    const stage = new Stage();
    const board = new Switchboard(stage.world, () => undefined);
    board.hear({ type: "want", tab: "a", topics: ["dag:etl"] });
    await stage.pass(SETTLES_MS);
    await stage.hello(5);
    await stage.changes(change(6));
    await stage.pass(RECENT_MS - 1_000);
    await stage.changes(change(7));
    expect(board.present).toMatchObject([{ type: "standing", standing: { name: "live" } }, { type: "changes", changes: [{ seq: 6 }, { seq: 7 }] }]);
    await stage.pass(2_000);
    expect(board.present[1]).toMatchObject({ changes: [{ seq: 7 }] });
    await stage.pass(RECENT_MS);
    expect(board.present).toHaveLength(1);
  });

  it("carries on where another feed was", async () => {
    const stage = new Stage();
    const board = new Switchboard(stage.world, () => undefined, "77");
    board.hear({ type: "want", tab: "a", topics: ["dags"] });
    await stage.pass(SETTLES_MS);
    expect(stage.last.after).toBe("77");
  });
});

describe("Hearer", () => {
  const stage = () => {
    const told: Told[] = [];
    const hearer = new Hearer((news) => { told.push(news); });
    const happens = (...seqs: number[]): void => { hearer.hear({ type: "changes", changes: seqs.map((seq) => change(seq)), place: null }); };
    return { told, hearer, happens };
  };

  it("is told nothing while nobody looks, and what it has missed when somebody does", () => {
    const { told, hearer, happens } = stage();
    happens(1);
    hearer.look(false, null);
    happens(2);
    happens(3, 4);
    expect(told).toHaveLength(1);
    hearer.hear({ type: "standing", standing: { name: "stale", since: 1, broken: true }, place: null });
    expect(told.at(-1)).toMatchObject({ type: "standing" });
    hearer.look(true, "4");
    expect(told.at(-1)).toMatchObject({ type: "changes", changes: [{ seq: 2 }, { seq: 3 }, { seq: 4 }], place: "4" });
    happens(5);
    expect(told.at(-1)).toMatchObject({ changes: [{ seq: 5 }] });
    hearer.look(false, null);
    hearer.look(true, null);
    expect(told).toHaveLength(4);
  });

  it("reads everything anew after more than is kept, and hears nothing of what it has given up", () => {
    const { told, hearer, happens } = stage();
    hearer.look(false, null);
    for (let seq = 0; seq <= MOST_MISSED + 1; seq++) happens(seq);
    hearer.look(true, "9");
    expect(told).toEqual([{ type: "resync", topics: null, place: "9" }]);
    hearer.look(false, null);
    happens(1);
    hearer.forget();
    hearer.look(true, null);
    expect(told).toHaveLength(1);
  });
});
