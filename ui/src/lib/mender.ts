/** Keeps the answers that pages show true: mends them in place where a change says all, else has them asked for anew. */
import type { Query, QueryClient, QueryKey } from "@tanstack/react-query";
import { type Grid, type Key, keysOf, keysOfTopic, patchedGrid } from "./patches";
import type { Change } from "./stream";

/** An answer is asked for anew at most this often, however much happens. */
export const PAUSE_MS = 1_000;
/** Browsers that hear of the same thing do not all ask at once. */
export const JITTER_MS = 100;
/** After a gap they ask within this time. */
export const RESYNC_MS = 2_000;

type Later = (ms: number, call: () => void) => void;

export class Mender {
  private readonly queries: QueryClient;
  private readonly later: Later;
  private readonly random: () => number;
  private readonly waiting = new Map<string, { key: Key; again: boolean }>();

  constructor(queries: QueryClient, later: Later, random: () => number) {
    this.queries = queries;
    this.later = later;
    this.random = random;
  }

  changed(changes: readonly Change[]): void {
    const mended = this.mendGrids(changes);
    const keys = new Map<string, Key>();
    for (const change of changes) {
      for (const key of keysOf(change)) if (!(key[0] === "grid" && mended.has(String(key[1])))) keys.set(JSON.stringify(key), key);
    }
    for (const key of keys.values()) this.old(key);
  }

  /** Something about these topics may have been missed by answers from before `asOfMs`. */
  resync(topics: readonly string[], asOfMs: number): void {
    for (const key of topics.flatMap(keysOfTopic)) {
      this.later(this.random() * JITTER_MS, () => {
        this.refresh(key, (query) => query.state.dataUpdatedAt < asOfMs);
      });
    }
  }

  /** Everything on screen is asked for anew, at some moment of the next two seconds. */
  everything(): void {
    this.later(this.random() * RESYNC_MS, () => { this.refresh([]); });
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

  /** These answers are old: asked for now, and again after a pause where more happens in it. */
  private old(key: Key): void {
    const name = JSON.stringify(key);
    const waits = this.waiting.get(name);
    if (waits) {
      waits.again = true;
      return;
    }
    this.waiting.set(name, { key, again: false });
    this.later(this.random() * JITTER_MS, () => { this.refresh(key); });
    this.later(PAUSE_MS, () => {
      const again = this.waiting.get(name)?.again;
      this.waiting.delete(name);
      if (again) this.old(key);
    });
  }

  private refresh(key: Key, predicate?: (query: Query) => boolean): void {
    // An answer on its way may be from before: it is asked for once more.
    void this.queries.invalidateQueries({ queryKey: key, refetchType: "active", ...(predicate ? { predicate } : {}) });
  }
}
