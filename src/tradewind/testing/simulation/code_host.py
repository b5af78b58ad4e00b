"""What a code host says of code that authors wrote: which runs come, and for which partitions events are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from random import Random
from typing import Any

from tradewind.core.assets import keys_of
from tradewind.core.dag import DagSpec
from tradewind.core.inputs import PartitionsNamed
from tradewind.core.partition_mappers import UnfitPartition
from tradewind.core.partition_queue import Partitions
from tradewind.core.timetables import RunsAhead, next_run
from tradewind.core.world import World
from tradewind.scheduler.facts import wanted_partitions, wanted_runs
from tradewind.scheduler.named_runs import due_run


class Asked:
    """What the scheduler wanted to know of a Dag's code at one moment; by when it is answered it may be less."""

    def __init__(self, world: World, dag_id: str) -> None:
        self._dag_id = dag_id
        self._last = wanted_runs(world, [dag_id])[dag_id]["last"]
        self._events = wanted_partitions(world, [dag_id]).get(dag_id, [])

    def runs(self, spec: DagSpec, rng: Random, now: datetime) -> RunsAhead | None:
        """The next one to three runs of a timetable of somebody's own; None for other timetables."""
        if spec.timetable.kind != "custom":
            return None
        alike, last = replace(spec.timetable, kind="delta"), due_run(self._last) if self._last else None
        found = []
        for _ in range(rng.randint(1, 3)):
            last = next_run(alike, last, spec.restriction(), now)
            if last is None:
                return RunsAhead(tuple(found), now, is_all=True)
            found.append(last)
        return RunsAhead(tuple(found), now)

    def partitions(self, spec: DagSpec) -> tuple[PartitionsNamed, ...]:
        """For which partitions each event is that was asked about, and what those are made of."""
        if not spec.partitions:
            return ()
        likes = Partitions(_without_code(spec.partitions))
        return tuple(_named(likes, *asked) for asked in self._events)


def _without_code(partitions: Mapping[str, Any]) -> dict[str, Any]:
    mappers = [[leaf, mapper.get("like", mapper)] for leaf, mapper in partitions["mappers"]]
    return {**partitions, "default": partitions["default"].get("like", partitions["default"]), "mappers": mappers}


def _named(likes: Partitions, event: int, name: str, uri: str, key: str, partition: str = "") -> PartitionsNamed:
    mapper = likes.mapper(keys_of(name, uri, ())[0])
    try:
        keys = () if partition else mapper.downstream(key)
        needs = {one: needed for one in keys or (partition,) if (needed := mapper.needed(one)) is not None}
    except (UnfitPartition, ValueError) as problem:
        return PartitionsNamed(event=event, error=str(problem))
    return PartitionsNamed(event=event, keys=tuple(keys), needs=needs)
