"""Where a task instance stands inside a mapped group: its element, and what of other tasks inside stands beside it."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

from tradewind.sdk.node import mapped_group_of

if TYPE_CHECKING:
    from tradewind.sdk.xcom_arg import Pull


class Place:
    """The place of one instance. The arithmetic is that of `core.mapped_groups`: an instance `n` of a task that is
    mapped by itself as well belongs to element `n // own length`."""

    def __init__(self, group: Any, task: Any, map_index: int, pull: Pull) -> None:
        self._group, self._task, self._map_index, self._pull = group, task, map_index, pull
        self._lengths: dict[str, int] = {}

    @cached_property
    def element(self) -> int:
        """Which element of what the group expands over."""
        return self._map_index // self._own_length(self._task)

    @cached_property
    def _inside(self) -> frozenset[str]:
        return frozenset(task.task_id for task in self._group.iter_tasks())

    @property
    def own_index(self) -> int:
        """Which of its own instances within that element."""
        return self._map_index % self._own_length(self._task)

    @cached_property
    def arguments(self) -> dict[str, Any]:
        """The element, as arguments of the group's function."""
        found: dict[str, Any] = self._group.expand_input.kwargs_for(self.element, self._pull)
        return found

    def holds(self, task_id: str) -> bool:
        """Whether another task is inside the same group."""
        return task_id in self._inside

    def beside(self, task_id: str) -> int | list[int]:
        """The map index of another task inside for the same element; all of them where it is mapped itself."""
        other = self._task.dag.get_task(task_id)
        if not other.is_mapped:
            return self.element
        length = self._own_length(other)
        return list(range(self.element * length, (self.element + 1) * length))

    def _own_length(self, task: Any) -> int:
        """How many instances a task has for each element. What it expands over is fetched once."""
        expand_input = getattr(task, "expand_input", None)
        if task.task_id not in self._lengths:
            self._lengths[task.task_id] = expand_input.length(self._pull) or 1 if expand_input is not None else 1
        return self._lengths[task.task_id]


def place_of(task: Any, map_index: int, pull: Pull) -> Place | None:
    """The place of an instance; None for one that is in no mapped group."""
    group = mapped_group_of(task) if map_index >= 0 else None
    return Place(group, task, map_index, pull) if group is not None else None
