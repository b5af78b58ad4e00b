/** Keeps the answers that pages show true: mends them in place where a change says all, else has them asked for anew. */
import type { Query, QueryClient, QueryKey } from "@tanstack/react-query";
import { type Grid, type Key, keysOf, keysOfTopic, patchedGrid } from "./patches";
import type { Change } from "./stream";

declare module "@tanstack/react-query" {
  interface Register {
    queryMeta: {
      /** An answer about all that there is: old when anything of these topics has happened, whatever it was. */
      some?: readonly string[];
    };
  }
}

/** An answer is asked for anew at most this often, however much happens. */
export const PAUSE_MS = 1_000;
/** One that takes long is asked for less often: this many times as long as it took. */
const REST = 4;
/** Browsers that hear of the same thing do not all ask at once. */
export const JITTER_MS = 100;
/** After a gap they ask within this time. */
export const RESYNC_MS = 1_500;
const SOME = "some:";

/** What a mender needs of its surroundings; times in milliseconds. */
export interface Surroundings {
  later: (ms: number, call: () => void) => void;
  random: () => number;
  now: () => number;
}

export class Mender {
  private readonly queries: QueryClient;
  private readonly world: Surroundings;
  /** By an answer that was asked for a moment ago, whether it must be asked for again. */
  private readonly resting = new Map<string, { again: boolean }>();
  private asksAll = false;
  private isSeen = true;

  constructor(queries: QueryClient, world: Surroundings) {
    this.queries = queries;
    this.world = world;
  }

  changed(changes: readonly Change[]): void {
    const mended = this.mendGrids(changes);
    const keys = new Map<string, Key>();
    const topics = new Set<string>();
    for (const change of changes) {
      if (change.kind === "some") topics.add(change.state);
      for (const key of keysOf(change)) if (!(key[0] === "grid" && mended.has(String(key[1])))) keys.set(JSON.stringify(key), key);
    }
    for (const query of this.about([...keys.values()], topics)) this.old(query);
  }

  /** Something about these topics may have been missed by answers from before `asOfMs`. */
  resync(topics: readonly string[], asOfMs: number): void {
    const some = new Set(topics.flatMap((topic) => (topic.startsWith(SOME) ? [topic.slice(SOME.length)] : [])));
    for (const query of this.about(topics.flatMap(keysOfTopic), some)) if (query.state.dataUpdatedAt < asOfMs) this.old(query);
  }

  /** Answers with this key are old, whatever has happened. */
  outdated(key: Key): void {
    for (const query of this.about([key], new Set())) this.old(query);
  }

  /** Everything on screen is asked for anew, at some moment of the next second or so. */
  everything(): void {
    if (this.asksAll) return;
    this.asksAll = true;
    this.world.later(this.world.random() * RESYNC_MS, () => {
      this.asksAll = false;
      void this.queries.invalidateQueries({ refetchType: this.isSeen ? "active" : "none" });
    });
  }

  /** Nobody looks: what becomes old is not asked for before somebody does. */
  hide(): void {
    this.isSeen = false;
  }

  show(): void {
    if (this.isSeen) return;
    this.isSeen = true;
    void this.queries.refetchQueries({ type: "active", predicate: (query) => query.state.isInvalidated });
  }

  private about(keys: readonly Key[], topics: ReadonlySet<string>): Query[] {
    return this.queries.getQueryCache().getAll().filter((query) =>
      keys.some((key) => key.every((part, n) => query.queryKey[n] === part)) || query.meta?.some?.some((topic) => topics.has(topic)));
  }

  /** The Dags whose grids on screen are true again without a question. */
  private mendGrids(changes: readonly Change[]): Set<string> {
    const byDag = new Map<string, Change[]>();
    for (const change of changes) {
      if (change.dag_id && keysOf(change).some((key) => key[0] === "grid")) byDag.set(change.dag_id, [...(byDag.get(change.dag_id) ?? []), change]);
    }
    const mended = new Set<string>();
    for (const [dag, its] of byDag) {
      const known = this.queries.getQueriesData<Grid>({ queryKey: ["grid", dag] });
      const after = known.map(([key, grid]): [QueryKey, Grid | null] => [key, grid ? patchedGrid(grid, its) : null]);
      if (!after.length || after.some(([, grid]) => !grid)) continue;
      for (const [key, grid] of after) this.queries.setQueryData(key, grid ?? undefined);
      mended.add(dag);
    }
    return mended;
  }

  /** This answer is old: asked for now, and again after a pause where more happens until then. */
  private old(query: Query): void {
    query.invalidate();
    if (!this.isSeen || !query.isActive()) return; // asked for when somebody looks
    const rests = this.resting.get(query.queryHash);
    if (rests) {
      rests.again = true;
      return;
    }
    this.resting.set(query.queryHash, { again: false });
    this.world.later(this.world.random() * JITTER_MS, () => void this.ask(query));
  }

  private async ask(query: Query): Promise<void> {
    const began = this.world.now();
    // An answer on its way may be from before: it is asked for once more. What happens from here on is for the next.
    if (this.isSeen && query.isActive()) await this.queries.refetchQueries({ queryKey: query.queryKey, exact: true, type: "active" });
    this.world.later(Math.max(PAUSE_MS, REST * (this.world.now() - began)), () => {
      const again = this.resting.get(query.queryHash)?.again;
      this.resting.delete(query.queryHash);
      if (again) this.old(query);
    });
  }
}
