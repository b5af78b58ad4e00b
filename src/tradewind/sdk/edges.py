"""Edges by the dozen (`chain`, `chain_linear`, `cross_downstream`) and edges with a name (`Label`)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from tradewind.sdk.node import DependencyMixin, Task, flatten


class EdgeModifier(DependencyMixin):
    """The label between two `>>`; every task before it is joined to every task after it."""

    def __init__(self, label: str | None = None) -> None:
        self.label = label
        self._before: list[DependencyMixin] = []
        self._after: list[DependencyMixin] = []

    @property
    def roots(self) -> Sequence[Task]:
        return []

    @property
    def leaves(self) -> Sequence[Task]:
        return []

    def set_upstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        for node in flatten(other):
            self.update_relative(node, upstream=True)

    def set_downstream(self, other: Any, edge_modifier: EdgeModifier | None = None) -> None:
        for node in flatten(other):
            self.update_relative(node, upstream=False)

    def update_relative(
        self, other: DependencyMixin, upstream: bool = True, edge_modifier: EdgeModifier | None = None
    ) -> None:
        if upstream:
            self._before.append(other)
            other.set_downstream(self._after, edge_modifier=self)
        else:
            self._after.append(other)
            other.set_upstream(self._before, edge_modifier=self)


def Label(label: str) -> EdgeModifier:
    """A name for the edges that pass through it: `branch >> Label("no errors") >> load`."""
    return EdgeModifier(label)


def chain(*tasks: Any) -> None:
    """`chain(a, [b, c], [d, e], f)`: each comes before the next; two lists in a row are joined pair by pair."""
    for before, after in pairwise(tasks):
        if isinstance(before, DependencyMixin):
            before.set_downstream(after)
        elif isinstance(after, DependencyMixin):
            after.set_upstream(before)
        else:
            pairs = [list(before), list(after)]
            if len(pairs[0]) != len(pairs[1]):
                raise ValueError(
                    f"chain() joins two lists pair by pair and got {len(pairs[0])} and {len(pairs[1])} tasks; "
                    "use cross_downstream() or chain_linear() to join each with each."
                )
            for left, right in zip(*pairs, strict=True):
                left.set_downstream(right)


def chain_linear(*elements: Any) -> None:
    """`chain_linear(a, [b, c], [d, e])`: every task of one element comes before every task of the next."""
    steps = [list(flatten(element)) for element in elements]
    steps = [step for step in steps if step]
    if len(steps) < 2:
        raise ValueError("chain_linear() set no dependencies; did you forget to expand a list with `*`?")
    for before, after in pairwise(steps):
        cross_downstream(before, after)


def cross_downstream(from_tasks: Sequence[DependencyMixin], to_tasks: Any) -> None:
    """Every one of `from_tasks` comes before every one of `to_tasks`."""
    for task in from_tasks:
        task.set_downstream(to_tasks)
