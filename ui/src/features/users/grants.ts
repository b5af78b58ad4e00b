/** A role's grants as tables of resources and actions: one for all Dags, and one for each choice of some. */
import type { Schemas } from "../../api/client";

export type Grant = Schemas["GrantShape"];
export type Action = Schemas["Action"];
export type Resource = Schemas["Resource"];
export type Cell = `${Action} ${Resource}`;

/** Which Dags: by their ids, their tags, or the folders of their files. */
export interface Scope {
  ids: string[];
  tags: string[];
  folders: string[];
}

export interface Block {
  /** null: all Dags. */
  scope: Scope | null;
  cells: ReadonlySet<Cell>;
}

export const cellOf = (action: Action, resource: Resource): Cell => `${action} ${resource}`;
const keyOf = (scope: Scope | null): string => (scope ? JSON.stringify([[...scope.ids].sort(), [...scope.tags].sort(), [...scope.folders].sort()]) : "all");

/** One block for each choice of Dags; that of all Dags is the first, also where it is empty. */
export const blocksOf = (grants: readonly Grant[]): Block[] => {
  const found = new Map<string, { scope: Scope | null; cells: Set<Cell> }>([["all", { scope: null, cells: new Set() }]]);
  for (const grant of grants) {
    const scope = grant.dags ? { ids: grant.dags.ids ?? [], tags: grant.dags.tags ?? [], folders: grant.dags.folders ?? [] } : null;
    const block = found.get(keyOf(scope)) ?? { scope, cells: new Set<Cell>() };
    found.set(keyOf(scope), block);
    for (const resource of grant.resources) for (const action of grant.actions) block.cells.add(cellOf(action, resource));
  }
  return [...found.values()];
};

/** As few grants as say the same: in each block, the resources with the same actions are one. */
export const grantsOf = (blocks: readonly Block[]): Grant[] =>
  blocks.flatMap((block) => {
    const byResource = new Map<Resource, Action[]>();
    for (const cell of block.cells) {
      const [action, resource] = cell.split(" ") as [Action, Resource];
      byResource.set(resource, [...(byResource.get(resource) ?? []), action]);
    }
    const byActions = new Map<string, Grant>();
    for (const [resource, actions] of byResource) {
      const key = [...actions].sort().join();
      const grant = byActions.get(key) ?? { actions: [...actions].sort(), resources: [], ...(block.scope ? { dags: { ...block.scope } } : {}) };
      byActions.set(key, { ...grant, resources: [...grant.resources, resource].sort() });
    }
    return [...byActions.values()];
  });

/** Why blocks cannot be saved: a choice of Dags that names none, or one that is there twice. */
export const problemOf = (blocks: readonly Block[]): "emptyScope" | "twice" | null => {
  if (blocks.some((block) => block.scope && !block.scope.ids.length && !block.scope.tags.length && !block.scope.folders.length)) return "emptyScope";
  return new Set(blocks.map((block) => keyOf(block.scope))).size < blocks.length ? "twice" : null;
};

/** A block with a cell turned over. */
export const toggled = (block: Block, cell: Cell): Block => {
  const cells = new Set(block.cells);
  if (!cells.delete(cell)) cells.add(cell);
  return { ...block, cells };
};

/** A block in which a whole row is on, or off where it was all on. */
export const rowToggled = (block: Block, resource: Resource, actions: readonly Action[]): Block => {
  const cells = new Set(block.cells);
  const row = actions.map((action) => cellOf(action, resource));
  const all = row.every((cell) => cells.has(cell));
  for (const cell of row) if (all) cells.delete(cell); else cells.add(cell);
  return { ...block, cells };
};
