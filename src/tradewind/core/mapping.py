"""Expanding a mapped task: into how many instances, and from when on that is known."""

from collections.abc import Callable, Iterable, Iterator
from math import prod

from tradewind.core.dag import LengthSpec, MapSpec

MOST_INSTANCES = 100_000
"""More instances of one task in one run are refused: what decides them is most likely wrong, and everybody would wait.
The installation's core.max_map_length bounds each result that is expanded over; this bounds what they come to."""

Lengths = Callable[[str, str], int | None]
"""(task_id, key) to the length of the value that the task left there, or None while there is none."""


def expansion_length(map: MapSpec, lengths: Lengths) -> int | None:
    """How many instances a mapped task has, or None when a value that it expands over is missing."""
    return _all_known((_length(spec, lengths) for _, spec in map.inputs), prod)


def literal_length(map: MapSpec) -> int | None:
    """How many instances, where the Dag file alone says so; None when it depends on what a task leaves."""
    return expansion_length(map, lambda task_id, key: None)


def sources(map: MapSpec) -> frozenset[str]:
    """The tasks whose values decide into how many instances a mapped task expands."""
    return frozenset(task_id for _, spec in map.inputs for task_id in _sources(spec))


def _sources(spec: LengthSpec) -> Iterator[str]:
    if spec.kind == "xcom":
        yield spec.task_id
    for part in spec.parts:
        yield from _sources(part)


def _length(spec: LengthSpec, lengths: Lengths) -> int | None:
    parts = (_length(part, lengths) for part in spec.parts)
    match spec.kind:
        case "literal":
            return spec.length
        case "xcom":
            return lengths(spec.task_id, spec.key)
        case "map" | "concat":
            return _all_known(parts, sum)
        case "zip":
            return _all_known(parts, lambda known: (max if spec.fill else min)(known, default=0))
        case _:
            raise ValueError(f"An expansion input has kind {spec.kind!r}; use literal, xcom, map, zip or concat.")


def _all_known(parts: Iterable[int | None], combine: Callable[[list[int]], int]) -> int | None:
    known: list[int] = []
    for part in parts:
        if part is None:
            return None
        known.append(part)
    return combine(known)
