/**
 * Where everything of a graph is drawn: groups are laid out from the inside outwards, each then an item of the level around it.
 *
 * A closed group is one item; its edges are those of what is inside. The same graph always gives the same picture.
 */
import { type Placed, placeLevel, type Waypoint } from "./layered";
import type { Box, Direction, Graph, Picture, Route } from "./types";

export const NODE = { width: 190, height: 42 };
const GAP = { down: { across: 20, along: 44 }, right: { across: 14, along: 56 } };
/** Inside the border of a group; its name stands at the top. */
const PAD = { side: 16, top: 24, bottom: 16 };

export interface LayoutOptions {
  /** Without one: whichever shows the graph larger on a usual screen. */
  direction?: Direction | undefined;
  closed: ReadonlySet<string>;
}

export const layOut = (graph: Graph, options: LayoutOptions): Picture => {
  const tree = new Tree(graph, options.closed);
  if (options.direction) return new Drawing(tree, options.direction).picture();
  const down = new Drawing(tree, "down").picture();
  if (scaleOf(down) > 0.75) return down;
  const right = new Drawing(tree, "right").picture();
  return scaleOf(right) > scaleOf(down) * 1.1 ? right : down;
};

const scaleOf = (picture: Picture): number => Math.min(1100 / picture.width, 700 / picture.height);

interface Item {
  id: string;
  parent: Container;
  /** Of an open group. */
  inside: Container | null;
  /** Its place among the items of its level. */
  place: number;
  isClosed: boolean;
}

interface Container {
  id: string | null;
  /** The group as an item of the level around it; null for the whole graph. */
  own: Item | null;
  items: Item[];
  depth: number;
  edges: [number, number][];
  edgeOf: Map<number, number>;
  entries: Set<number>;
  exits: Set<number>;
}

interface Link {
  from: Item;
  to: Item;
  label: string;
}

const container = (id: string | null, own: Item | null, depth: number): Container =>
  ({ id, own, items: [], depth, edges: [], edgeOf: new Map(), entries: new Set(), exits: new Set() });

/** What is to be seen, by what it is in, and the edges between. */
class Tree {
  readonly root = container(null, null, 0);
  /** Inner before outer. */
  readonly containers: Container[] = [];
  readonly links: Link[] = [];
  private readonly groups = new Map<string, Container | Item>();

  constructor(graph: Graph, closed: ReadonlySet<string>) {
    const byId = new Map(graph.groups.map((group) => [group.id, group]));
    const opening = new Set<string>();
    const place = (id: string | null): Container | Item => {
      const known = id === null ? this.root : this.groups.get(id);
      if (known) return known;
      const group = byId.get(id as string);
      // A group that is named and not there, or inside itself, is left out rather than trusted.
      if (!group || opening.has(group.id)) return this.root;
      opening.add(group.id);
      const around = place(group.parent);
      const made = "items" in around ? this.add(group.id, around, closed.has(group.id)) : around;
      this.groups.set(group.id, made);
      return made;
    };
    const shown = new Map<string, Item>();
    for (const node of graph.nodes) {
      const around = place(node.group);
      shown.set(node.id, "items" in around ? this.item(node.id, around) : around);
    }
    this.containers.push(...[...this.groups.values()].filter((each): each is Container => "items" in each), this.root);
    this.containers.sort((a, b) => b.depth - a.depth);
    this.connect(graph, shown);
  }

  private item(id: string, parent: Container, inside: Container | null = null, isClosed = false): Item {
    const made = { id, parent, inside, place: parent.items.length, isClosed };
    parent.items.push(made);
    return made;
  }

  private add(id: string, around: Container, isClosed: boolean): Container | Item {
    if (isClosed) return this.item(id, around, null, true);
    const inside = container(id, null, around.depth + 1);
    inside.own = this.item(id, around, inside);
    return inside;
  }

  private connect(graph: Graph, shown: ReadonlyMap<string, Item>): void {
    const known = new Set<string>();
    for (const edge of graph.edges) {
      const [from, to] = [shown.get(edge.from), shown.get(edge.to)];
      const key = from && to ? `${from.id}\n${to.id}` : "";
      if (!from || !to || from === to || known.has(key)) continue;
      known.add(key);
      this.links.push({ from, to, label: edge.label ?? "" });
      const [outs, ins] = ways(from, to);
      const [a, b] = [outs.at(-1) as Item, ins.at(-1) as Item];
      for (const item of outs.slice(0, -1)) item.parent.exits.add(item.place);
      for (const item of ins.slice(0, -1)) item.parent.entries.add(item.place);
      edgeBetween(a, b);
    }
  }
}

/** The item, the group that it is in, the group around that … */
const climb = (item: Item): Item[] => {
  const way = [item];
  for (let at = item.parent.own; at; at = at.parent.own) way.push(at);
  return way;
};

/** From both outwards to where their ways meet: the last ones are two items of the innermost level that holds both. */
const ways = (from: Item, to: Item): [Item[], Item[]] => {
  const [outs, ins] = [climb(from), climb(to)];
  while (outs.length > 1 && ins.length > 1 && outs.at(-1) === ins.at(-1)) {
    outs.pop();
    ins.pop();
  }
  return [outs, ins];
};

const edgeBetween = (a: Item, b: Item): number => {
  const level = a.parent;
  const key = a.place * level.items.length + b.place;
  let found = level.edgeOf.get(key);
  if (found === undefined) {
    found = level.edges.length;
    level.edges.push([a.place, b.place]);
    level.edgeOf.set(key, found);
  }
  return found;
};

interface Spot {
  across: number;
  along: number;
}

/** A tree laid out in one direction. */
class Drawing {
  private readonly placed = new Map<Container, Placed>();
  private readonly origin = new Map<Container, Spot>();
  private readonly sizes = new Map<Container, Spot>();
  private readonly isDown: boolean;

  constructor(private readonly tree: Tree, private readonly direction: Direction) {
    this.isDown = direction === "down";
    for (const level of tree.containers) {
      const sizes = level.items.map((item) => this.sizeOf(item));
      const gap = GAP[direction];
      const placed = placeLevel({
        across: sizes.map((size) => size.across), along: sizes.map((size) => size.along), edges: level.edges,
        entries: [...level.entries], exits: [...level.exits], gapAcross: gap.across, gapAlong: gap.along,
      });
      this.placed.set(level, placed);
      const [before, after] = this.padding();
      this.sizes.set(level, { across: before.across + placed.across + after.across, along: before.along + placed.along + after.along });
    }
    this.origin.set(tree.root, { across: PAD.side, along: PAD.side });
    for (const level of [...tree.containers].reverse()) if (level.own) this.origin.set(level, this.inside(level.own));
  }

  picture(): Picture {
    const root = this.placed.get(this.tree.root) as Placed;
    const size = this.turned({ across: root.across + 2 * PAD.side, along: root.along + 2 * PAD.side });
    const boxes: { nodes: Box[]; groups: Box[]; closed: Box[] } = { nodes: [], groups: [], closed: [] };
    for (const level of [...this.tree.containers].reverse()) {
      for (const item of level.items) (item.inside ? boxes.groups : item.isClosed ? boxes.closed : boxes.nodes).push(this.box(item));
    }
    return { direction: this.direction, width: size.x, height: size.y, ...boxes, routes: this.tree.links.map((link) => this.route(link)) };
  }

  private padding(): [Spot, Spot] {
    return this.isDown
      ? [{ across: PAD.side, along: PAD.top }, { across: PAD.side, along: PAD.bottom }]
      : [{ across: PAD.top, along: PAD.side }, { across: PAD.bottom, along: PAD.side }];
  }

  private sizeOf(item: Item): Spot {
    if (item.inside) return this.sizes.get(item.inside) as Spot;
    return this.isDown ? { across: NODE.width, along: NODE.height } : { across: NODE.height, along: NODE.width };
  }

  private turned(spot: Spot): { x: number; y: number } {
    return this.isDown ? { x: spot.across, y: spot.along } : { x: spot.along, y: spot.across };
  }

  private middle(item: Item): Spot & { rankEnd: number } {
    const [placed, origin] = [this.placed.get(item.parent) as Placed, this.origin.get(item.parent) as Spot];
    return {
      across: origin.across + (placed.at[item.place] as number),
      along: origin.along + (placed.start[item.place] as number),
      rankEnd: origin.along + (placed.rankEnd[item.place] as number),
    };
  }

  private inside(own: Item): Spot {
    const [spot, size, [before]] = [this.middle(own), this.sizeOf(own), this.padding()];
    return { across: spot.across - size.across / 2 + before.across, along: spot.along + before.along };
  }

  private box(item: Item): Box {
    const [spot, size] = [this.middle(item), this.sizeOf(item)];
    const at = this.turned({ across: spot.across - size.across / 2, along: spot.along });
    const extent = this.turned(size);
    return { id: item.id, x: at.x, y: at.y, width: extent.x, height: extent.y, depth: item.parent.depth };
  }

  private route(link: Link): Route {
    const [outs, ins] = ways(link.from, link.to);
    const [a, b] = [outs.at(-1) as Item, ins.at(-1) as Item];
    const level = a.parent;
    const placed = this.placed.get(level) as Placed;
    const edge = edgeBetween(a, b);
    const points: number[] = [];
    const add = (across: number, along: number): void => {
      const at = this.turned({ across, along });
      points.push(at.x, at.y);
    };
    const through = (ways: readonly Waypoint[] | undefined, origin: Spot, isBack = false): void => {
      for (const way of isBack ? [...(ways ?? [])].reverse() : (ways ?? [])) {
        add(origin.across + way.at, origin.along + (isBack ? way.end : way.start));
        add(origin.across + way.at, origin.along + (isBack ? way.start : way.end));
      }
    };
    const [start, end] = [this.middle(link.from), this.middle(link.to)];
    const length = this.sizeOf(link.from).along;
    const origin = this.origin.get(level) as Spot;
    if (placed.isBack[edge]) {
      add(start.across, start.along);
      add(start.across, start.along);
      through(placed.ways[edge], origin, true);
      add(end.across, end.along + this.sizeOf(link.to).along);
      return { from: link.from.id, to: link.to.id, label: link.label, points };
    }
    add(start.across, start.along + length);
    add(start.across, start.rankEnd);
    for (const item of outs.slice(0, -1)) {
      through(this.placed.get(item.parent)?.exitWays.get(item.place), this.origin.get(item.parent) as Spot);
      const own = item.parent.own as Item;
      const last = this.isDown ? (points.at(-2) as number) : (points.at(-1) as number);
      const around = this.middle(own);
      add(last, around.along + this.sizeOf(own).along);
      add(last, around.rankEnd);
    }
    through(placed.ways[edge], origin);
    for (const item of ins.slice(0, -1).reverse()) {
      through(this.placed.get(item.parent)?.entryWays.get(item.place), this.origin.get(item.parent) as Spot);
    }
    add(end.across, end.along);
    return { from: link.from.id, to: link.to.id, label: link.label, points };
  }
}
