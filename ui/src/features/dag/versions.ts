/** What is new, gone or otherwise connected between two versions of a Dag. */
import type { Schemas } from "../../api/client";
import type { Change } from "../../parts/graph";

type DagGraph = Schemas["DagGraph"];

export const changesBetween = (before: Pick<DagGraph, "tasks">, after: Pick<DagGraph, "tasks">): Map<string, Change> => {
  const old = new Map(before.tasks.map((task) => [task.id, task]));
  const changes = new Map<string, Change>();
  for (const task of after.tasks) {
    const was = old.get(task.id);
    if (!was) changes.set(task.id, "added");
    else if (was.upstream.join("\n") !== task.upstream.join("\n") || was.operator !== task.operator || was.trigger_rule !== task.trigger_rule) changes.set(task.id, "rewired");
    old.delete(task.id);
  }
  for (const id of old.keys()) changes.set(id, "removed");
  return changes;
};

/** The newer graph with the tasks that only the older one has. */
export const union = (after: DagGraph, before: DagGraph): DagGraph => {
  const known = new Set(after.tasks.map((task) => task.id));
  const groups = new Set(after.groups.map((group) => group.id));
  return {
    ...after,
    version: `${after.version} and ${before.version}`,
    tasks: [...after.tasks, ...before.tasks.filter((task) => !known.has(task.id))],
    groups: [...after.groups, ...before.groups.filter((group) => !groups.has(group.id))],
  };
};
