"""The rows of a grid: tasks in the order in which a person reads the Dag, what is in a group together below it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tradewind.core.dag import DagSpec, GroupSpec


def grid_rows(spec: DagSpec, task_ids: Sequence[str]) -> list[dict[str, Any]]:
    """Rows with `id`, `label`, `depth`, `is_group` and `tasks` (places in `task_ids`). Tasks that the Dag has no more
    come last."""
    tree = _Tree(spec, task_ids)
    return [*tree.below(()), *(tree.task_row(task_id) for task_id in task_ids if task_id not in spec.tasks)]


class _Tree:
    """Groups and tasks of a Dag by what they are in. A way is the ids of groups from the outermost inwards."""

    def __init__(self, spec: DagSpec, task_ids: Sequence[str]) -> None:
        self._tasks = spec.tasks
        self._places = {task_id: place for place, task_id in enumerate(task_ids)}
        self._groups: dict[str, GroupSpec] = {group.group_id: group for group in spec.groups if group.group_id}
        self._ways: dict[str, tuple[str, ...]] = {}
        for way in sorted(map(self._way, self._groups), key=len):
            for task_id in self._groups[way[-1]].task_ids:
                self._ways[task_id] = way  # the innermost group comes last

    def below(self, way: tuple[str, ...]) -> Iterator[dict[str, Any]]:
        """The rows of what is inside the last group of this way, at any depth."""
        opened: set[str] = set()
        for task_id in self._tasks:
            own = self._ways.get(task_id, ())
            if own == way:
                yield self.task_row(task_id)
            elif own[: len(way)] == way and own[len(way)] not in opened:
                inner = own[: len(way) + 1]
                opened.add(inner[-1])
                yield self._group_row(inner)
                yield from self.below(inner)

    def task_row(self, task_id: str) -> dict[str, Any]:
        way = self._ways.get(task_id, ())
        label = task_id.removeprefix(f"{way[-1]}.") if way else task_id
        return _row(task_id, label, len(way), False, [self._places[task_id]])

    def _group_row(self, way: tuple[str, ...]) -> dict[str, Any]:
        group = self._groups[way[-1]]
        label = group.label or way[-1].rpartition(".")[2]
        inside = sorted(self._places[task_id] for task_id in group.task_ids if task_id in self._places)
        return _row(way[-1], label, len(way) - 1, True, inside)

    def _way(self, group_id: str) -> tuple[str, ...]:
        parent = self._groups[group_id].parent
        return (*(self._way(parent) if parent in self._groups else ()), group_id)


def _row(id: str, label: str, depth: int, is_group: bool, tasks: list[int]) -> dict[str, Any]:
    return {"id": id, "label": label, "depth": depth, "is_group": is_group, "tasks": tasks}
