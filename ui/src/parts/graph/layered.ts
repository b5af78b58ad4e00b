/**
 * Items in ranks, edges leading from one rank to later ones: one level of a graph, whatever is inside its items.
 *
 * `along` is the direction of the edges, `across` the other one. Every step is linear in what there is, or nearly so.
 */

/** Ways through ranks cost memory and time; a graph that would have more of them than this gets straight edges. */
const MOST_WAYPOINTS = 60_000;
const WAYPOINT = 6;
/** After so many sweeps that made nothing better, no further one will. */
const PATIENCE = 5;

export interface Level {
  /** Sizes of the items. */
  across: ArrayLike<number>;
  along: ArrayLike<number>;
  /** Pairs of items. */
  edges: readonly (readonly [number, number])[];
  /** Items that are reached from outside, and from which something outside is reached. */
  entries: readonly number[];
  exits: readonly number[];
  gapAcross: number;
  gapAlong: number;
}

/** Where an edge passes a rank: at `at`, from `start` to `end`. */
export interface Waypoint {
  at: number;
  start: number;
  end: number;
}

export interface Placed {
  /** Middle of each item across, and where it begins along. */
  at: Float64Array;
  start: Float64Array;
  /** Where the rank of each item ends. */
  rankEnd: Float64Array;
  across: number;
  along: number;
  /** Of each edge, from its first item to its second. */
  ways: Waypoint[][];
  /** Edges that go against the order, since the items lie in a circle. */
  isBack: Uint8Array;
  entryWays: Map<number, Waypoint[]>;
  exitWays: Map<number, Waypoint[]>;
}

export const placeLevel = (level: Level): Placed => {
  const isBack = backEdges(level.across.length, level.edges);
  const edges = level.edges.map(([from, to], n): [number, number] => (isBack[n] ? [to, from] : [from, to]));
  const rank = ranksOf(level, edges);
  const chains = new Chains(level, edges, rank);
  const order = ordered(chains);
  const at = spread(chains, order, level.gapAcross);
  return measured(level, chains, order, at, isBack);
};

/** Edges whose turning round leaves no circle: those that a walk in depth finds leading back to where it comes from. */
const backEdges = (count: number, edges: Level["edges"]): Uint8Array => {
  const out = adjacency(count, edges.map(([from], n) => [from, n]));
  const mark = new Uint8Array(count);
  const isBack = new Uint8Array(edges.length);
  const next = new Int32Array(count);
  for (let root = 0; root < count; root++) {
    if (mark[root]) continue;
    const path = [root];
    mark[root] = 1;
    while (path.length) {
      const item = path[path.length - 1] as number;
      const edge = out[item]?.[next[item] as number];
      if (edge === undefined) {
        mark[item] = 2;
        path.pop();
        continue;
      }
      next[item] = (next[item] as number) + 1;
      const to = (edges[edge] as readonly [number, number])[1];
      if (mark[to] === 1) isBack[edge] = 1;
      else if (!mark[to]) {
        mark[to] = 1;
        path.push(to);
      }
    }
  }
  return isBack;
};

const adjacency = (count: number, pairs: readonly (readonly [number, number])[]): number[][] => {
  const lists: number[][] = Array.from({ length: count }, () => []);
  for (const [from, to] of pairs) lists[from]?.push(to);
  return lists;
};

/** Every item as early as what is before it allows; what begins a chain stands right before the chain. */
const ranksOf = (level: Level, edges: readonly (readonly [number, number])[]): Int32Array => {
  const count = level.across.length;
  const [out, into] = [adjacency(count, edges), adjacency(count, edges.map(([from, to]) => [to, from] as const))];
  const rank = new Int32Array(count);
  const waits = Int32Array.from(into, (list) => list.length);
  const queue = [...waits.keys()].filter((item) => waits[item] === 0);
  for (let n = 0; n < queue.length; n++) {
    const item = queue[n] as number;
    for (const to of out[item] as number[]) {
      rank[to] = Math.max(rank[to] as number, (rank[item] as number) + 1);
      waits[to] = (waits[to] as number) - 1;
      if (waits[to] === 0) queue.push(to);
    }
  }
  for (const item of queue) {
    const after = out[item] as number[];
    if ((into[item] as number[]).length === 0 && after.length) rank[item] = Math.min(...after.map((to) => rank[to] as number)) - 1;
  }
  wrapLonely(level, out, into, rank);
  return rank;
};

/** Items without an edge stand in rows below the others, rather than in one row without end. */
const wrapLonely = (level: Level, out: number[][], into: number[][], rank: Int32Array): void => {
  const lonely = [...rank.keys()].filter((item) => !out[item]?.length && !into[item]?.length);
  const others = rank.length - lonely.length;
  if (lonely.length <= 6 && (others === 0 || lonely.length <= 2)) return;
  const [across, along] = [level.across[lonely[0] ?? 0] ?? 1, level.along[lonely[0] ?? 0] ?? 1];
  const columns = Math.max(4, Math.round(Math.sqrt((lonely.length * 1.8 * (along + level.gapAlong)) / (across + level.gapAcross))));
  const first = others ? rank.reduce((most, each) => Math.max(most, each), 0) + 1 : 0;
  lonely.forEach((item, n) => { rank[item] = first + Math.floor(n / columns); });
};

/** Items and the waypoints between them, as nodes of ranks that follow each other. The first nodes are the items. */
class Chains {
  readonly rank: number[];
  readonly size: number[];
  readonly items: number;
  readonly ranks: number;
  readonly up: number[][];
  readonly down: number[][];
  /** Waypoints of each edge in order of rank, and of each way to and from the outside. */
  readonly ofEdge: number[][];
  readonly ofEntry = new Map<number, number[]>();
  readonly ofExit = new Map<number, number[]>();

  constructor(level: Level, edges: readonly (readonly [number, number])[], rank: Int32Array) {
    this.items = rank.length;
    this.rank = [...rank];
    this.size = Array.from(level.across);
    this.ranks = this.rank.reduce((most, each) => Math.max(most, each), -1) + 1;
    this.up = Array.from(rank, () => []);
    this.down = Array.from(rank, () => []);
    const last = this.ranks - 1;
    const length = (item: number): number => rank[item] as number;
    let cost = edges.reduce((sum, [from, to]) => sum + length(to) - length(from) - 1, 0);
    const through = cost <= MOST_WAYPOINTS;
    this.ofEdge = edges.map(([from, to]) => (through ? this.chain(from, length(from) + 1, length(to), to) : this.link(from, to)));
    cost += level.entries.reduce((sum, item) => sum + length(item), 0) + level.exits.reduce((sum, item) => sum + last - length(item), 0);
    if (cost > MOST_WAYPOINTS) return;
    for (const item of level.entries) this.ofEntry.set(item, this.chain(-1, 0, length(item), item));
    for (const item of level.exits) this.ofExit.set(item, this.chain(item, length(item) + 1, last + 1, -1));
  }

  private chain(from: number, first: number, until: number, to: number): number[] {
    const made: number[] = [];
    let before = from;
    for (let rank = first; rank < until; rank++) {
      const node = this.rank.length;
      this.rank.push(rank);
      this.size.push(WAYPOINT);
      this.up.push([]);
      this.down.push([]);
      made.push(node);
      this.link(before, node);
      before = node;
    }
    this.link(before, to);
    return made;
  }

  private link(from: number, to: number): number[] {
    if (from >= 0 && to >= 0) {
      this.down[from]?.push(to);
      this.up[to]?.push(from);
    }
    return [];
  }

  isItem(node: number): boolean {
    return node < this.items;
  }
}

/** Nodes of each rank in an order with few crossings: by the middle of their neighbours, several times back and forth. */
const ordered = (chains: Chains): number[][] => {
  let order = firstOrder(chains);
  let best = order.map((row) => [...row]);
  let fewest = crossings(chains, best);
  const sweeps = chains.rank.length > 6000 ? 6 : chains.rank.length > 1500 ? 10 : 20;
  const middle = new Float64Array(chains.rank.length);
  let since = 0;
  for (let sweep = 0; sweep < sweeps && fewest > 0 && since < PATIENCE; sweep++) {
    order = order.map((row) => [...row]);
    const place = placesOf(chains, order);
    const isDown = sweep % 2 === 0;
    const rows = isDown ? order : [...order].reverse();
    for (const row of rows) sortRow(row, isDown ? chains.up : chains.down, place, middle, sweep % 4 < 2);
    const count = crossings(chains, order);
    since++;
    if (count < fewest) {
      since = 0;
      fewest = count;
      best = order.map((row) => [...row]);
    }
  }
  return best;
};

/** As a walk in depth from the beginnings comes by, so that what belongs together is together. */
const firstOrder = (chains: Chains): number[][] => {
  const rows: number[][] = Array.from({ length: chains.ranks }, () => []);
  const seen = new Uint8Array(chains.rank.length);
  const starts = [...chains.rank.keys()].sort((a, b) => (chains.rank[a] as number) - (chains.rank[b] as number) || a - b);
  for (const start of starts) {
    if (seen[start]) continue;
    const stack = [start];
    while (stack.length) {
      const node = stack.pop() as number;
      if (seen[node]) continue;
      seen[node] = 1;
      rows[chains.rank[node] as number]?.push(node);
      const below = chains.down[node] as number[];
      for (let n = below.length - 1; n >= 0; n--) if (!seen[below[n] as number]) stack.push(below[n] as number);
    }
  }
  return rows;
};

const placesOf = (chains: Chains, order: readonly number[][]): Float64Array => {
  const place = new Float64Array(chains.rank.length);
  for (const row of order) row.forEach((node, n) => { place[node] = n; });
  return place;
};

const sortRow = (row: number[], neighbours: readonly number[][], place: Float64Array, middle: Float64Array, tiesTurn: boolean): void => {
  for (const node of row) {
    const near = neighbours[node] as number[];
    middle[node] = near.length ? near.reduce((sum, each) => sum + (place[each] as number), 0) / near.length : (place[node] as number);
  }
  const turn = tiesTurn ? 1 : -1;
  row.sort((a, b) => (middle[a] as number) - (middle[b] as number) || turn * ((place[a] as number) - (place[b] as number)));
  row.forEach((node, n) => { place[node] = n; });
};

/** How many pairs of edges cross, counted with a tree of sums over the places of the next rank. */
const crossings = (chains: Chains, order: readonly number[][]): number => {
  const place = placesOf(chains, order);
  let found = 0;
  for (let rank = 0; rank + 1 < order.length; rank++) {
    const width = (order[rank + 1] as number[]).length;
    const sums = new Int32Array(width + 1);
    let seen = 0;
    for (const node of order[rank] as number[]) {
      const ends = (chains.down[node] as number[]).map((to) => place[to] as number);
      for (const end of ends) {
        let before = 0;
        for (let n = end + 1; n > 0; n -= n & -n) before += sums[n] as number;
        found += seen - before;
      }
      for (const end of ends) {
        for (let n = end + 1; n <= width; n += n & -n) sums[n] = (sums[n] as number) + 1;
        seen++;
      }
    }
  }
  return found;
};

/** Where each node is across: near its neighbours, in order, and never too near to the next one. */
const spread = (chains: Chains, order: readonly number[][], gap: number): Float64Array => {
  const at = new Float64Array(chains.rank.length);
  const offsets = order.map((row) => offsetsOf(chains, row, gap));
  order.forEach((row, n) => {
    const middle = (offsets[n]?.[row.length - 1] ?? 0) / 2;
    row.forEach((node, k) => { at[node] = (offsets[n]?.[k] ?? 0) - middle; });
  });
  const settle = (n: number, sides: readonly (readonly number[][])[]): void => {
    settleRow(chains, order[n] as number[], offsets[n] as Float64Array, sides, at);
  };
  const rounds = chains.rank.length > 6000 ? 4 : 10;
  for (let round = 0; round < rounds; round++) {
    for (let n = 1; n < order.length; n++) settle(n, [chains.up]);
    for (let n = order.length - 2; n >= 0; n--) settle(n, [chains.down]);
  }
  for (let round = 0; round < 3; round++) for (let n = 0; n < order.length; n++) settle(n, [chains.up, chains.down]);
  return at;
};

const offsetsOf = (chains: Chains, row: readonly number[], gap: number): Float64Array => {
  const offsets = new Float64Array(row.length);
  for (let k = 1; k < row.length; k++) {
    const [before, node] = [row[k - 1] as number, row[k] as number];
    const near = chains.isItem(before) || chains.isItem(node) ? gap : gap * 0.6;
    offsets[k] = (offsets[k - 1] as number) + ((chains.size[before] as number) + (chains.size[node] as number)) / 2 + near;
  }
  return offsets;
};

/** The places nearest to those wished for (least squares) that keep order and distance: neighbours that push each other move as one. */
const settleRow = (chains: Chains, row: readonly number[], offsets: Float64Array, sides: readonly (readonly number[][])[], at: Float64Array): void => {
  const [starts, means, weights]: [number[], number[], number[]] = [[], [], []];
  row.forEach((node, k) => {
    let [wish, weight] = [0, 0];
    for (const side of sides) {
      for (const near of side[node] as number[]) {
        // Long edges want to be straight more than anything.
        const pull = chains.isItem(node) ? (chains.isItem(near) ? 1 : 2) : chains.isItem(near) ? 2 : 8;
        wish += pull * (at[near] as number);
        weight += pull;
      }
    }
    if (weight === 0) [wish, weight] = [(at[node] as number) * 0.05, 0.05];
    starts.push(k);
    means.push(wish / weight - (offsets[k] as number));
    weights.push(weight);
    for (let top = means.length - 1; top > 0 && (means[top - 1] as number) > (means[top] as number); top--) {
      const [w0, w1] = [weights[top - 1] as number, weights[top] as number];
      means[top - 1] = ((means[top - 1] as number) * w0 + (means[top] as number) * w1) / (w0 + w1);
      weights[top - 1] = w0 + w1;
      starts.pop();
      means.pop();
      weights.pop();
    }
  });
  starts.push(row.length);
  for (let block = 0; block < means.length; block++) {
    for (let k = starts[block] as number; k < (starts[block + 1] as number); k++) at[row[k] as number] = (means[block] as number) + (offsets[k] as number);
  }
};

const measured = (level: Level, chains: Chains, order: readonly number[][], at: Float64Array, isBack: Uint8Array): Placed => {
  let least = Infinity;
  let most = -Infinity;
  for (let node = 0; node < at.length; node++) {
    least = Math.min(least, (at[node] as number) - (chains.size[node] as number) / 2);
    most = Math.max(most, (at[node] as number) + (chains.size[node] as number) / 2);
  }
  const begins = new Float64Array(order.length);
  const ends = new Float64Array(order.length);
  let along = 0;
  order.forEach((row, n) => {
    begins[n] = along;
    along += row.reduce((length, node) => (chains.isItem(node) ? Math.max(length, level.along[node] as number) : length), 0);
    ends[n] = along;
    along += level.gapAlong;
  });
  const pass = (nodes: readonly number[]): Waypoint[] =>
    nodes.map((node) => ({ at: (at[node] as number) - least, start: begins[chains.rank[node] as number] as number, end: ends[chains.rank[node] as number] as number }));
  const items = [...Array(chains.items).keys()];
  return {
    at: Float64Array.from(items, (item) => (at[item] as number) - least),
    start: Float64Array.from(items, (item) => begins[chains.rank[item] as number] as number),
    rankEnd: Float64Array.from(items, (item) => ends[chains.rank[item] as number] as number),
    across: Math.max(0, most - least),
    along: Math.max(0, along - level.gapAlong),
    ways: chains.ofEdge.map(pass),
    isBack,
    entryWays: new Map([...chains.ofEntry].map(([item, nodes]) => [item, pass(nodes)])),
    exitWays: new Map([...chains.ofExit].map(([item, nodes]) => [item, pass(nodes)])),
  };
};
