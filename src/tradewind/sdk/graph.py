"""The order of a Dag's tasks, and the cycle that leaves none."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING, Any

from tradewind.sdk.exceptions import AirflowDagCycleException

if TYPE_CHECKING:
    from tradewind.sdk.dag import DAG


def in_order(dag: DAG) -> list[Any]:
    """The tasks, each after everything it waits for, otherwise as authored; a cycle is an error that names it."""
    place = {task_id: index for index, task_id in enumerate(dag.task_dict)}
    waits = {task_id: len(task.upstream_task_ids) for task_id, task in dag.task_dict.items()}
    ready = [place[task_id] for task_id, count in waits.items() if count == 0]
    heapq.heapify(ready)
    ids, ordered = list(dag.task_dict), []
    while ready:
        task = dag.task_dict[ids[heapq.heappop(ready)]]
        ordered.append(task)
        for task_id in task.downstream_task_ids:
            waits[task_id] -= 1
            if waits[task_id] == 0:
                heapq.heappush(ready, place[task_id])
    if len(ordered) < len(ids):
        cycle = find_cycle(dag, {task_id for task_id, count in waits.items() if count})
        raise AirflowDagCycleException(
            f"Cycle detected in Dag {dag.dag_id!r}: {' >> '.join(cycle)}; take one of these edges out."
        )
    return ordered


def find_cycle(dag: DAG, among: set[str]) -> list[str]:
    """The task ids of one cycle, its first again at the end, beginning with the one that was authored first."""
    place = {task_id: index for index, task_id in enumerate(dag.task_dict)}
    path: list[str] = []
    current = min(among, key=place.__getitem__)
    while current not in path:
        path.append(current)
        current = min(dag.task_dict[current].upstream_task_ids & among, key=place.__getitem__)
    cycle = path[path.index(current) :][::-1]
    start = cycle.index(min(cycle, key=place.__getitem__))
    return [*cycle[start:], *cycle[: start + 1]]
