"""Events that wait for one Dag by the partition of the run that will take them, and when a partition is complete."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import AssetKey, is_met, named_in
from tradewind.core.partition_mappers import MOST_KEYS, Mapper, Needed, UnfitPartition, mapper_of

Heard = Mapping[tuple[AssetKey, str], Needed]
"""By asset and partition of the Dag, what the code of the asset's mapper has said that the partition is made of."""
NOTHING: Heard = MappingProxyType({})

UNNAMED = ""
"""Stands for the partitions of an event until the code of the Dag's mapper has named them."""

MOST_SHOWN = 3
"""Partitions of which `why` says what they wait for."""


class Partitions:
    """How a Dag's partitions follow from those of its assets: its DagSpec's `partitions`, ready to compute."""

    __slots__ = ("_by_key", "_default", "most")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self._default = mapper_of(data["default"])
        self._by_key = {key: mapper_of(mapper) for leaf, mapper in data["mappers"] for key in _names(leaf)}
        self.most: int = data.get("most", MOST_KEYS)

    def mapper(self, asset: AssetKey) -> Mapper:
        """The mapper of an asset, by its name or else by its uri."""
        by_uri = self._by_key.get(AssetKey("uri", asset.uri), self._default)
        return self._by_key.get(AssetKey("name", asset.name), by_uri)

    def targets(self, event: WaitingEvent) -> tuple[str, ...]:
        """The Dag's partitions that an event is for, each once; `UNNAMED` where code has to be asked. Raises
        UnfitPartition."""
        mapper = self.mapper(event.keys[0])
        if mapper.has_to_be_asked:
            return (UNNAMED,)
        try:
            return self.fitting(event, mapper.downstream(event.partition or ""))
        except (OverflowError, ValueError) as error:
            raise UnfitPartition(str(error)) from None

    def fitting(self, event: WaitingEvent, named: Iterable[str]) -> tuple[str, ...]:
        """What a mapper has named for an event, each once. Raises UnfitPartition where that is too much."""
        mapper, keys = self.mapper(event.keys[0]), tuple(dict.fromkeys(named))
        most = self.most if mapper.most is None else mapper.most
        if len(keys) > most:
            raise UnfitPartition(f"it is for {len(keys)} partitions, which is more than the {most} allowed")
        return keys

    def asks_what_is_needed(self, event: WaitingEvent) -> bool:
        """Whether code has to say of what a partition is made for which such an event waits."""
        mapper = self.mapper(event.keys[0])
        return mapper.waits and mapper.has_to_be_asked

    def is_complete(self, condition: Any, key: str, events: Iterable[WaitingEvent], heard: Heard = NOTHING) -> bool:
        """Whether the events that wait for a partition are all that its run needs. `heard` is what the code of mappers
        has said of that."""
        waiting = tuple(events)
        enough = {asset for asset, keys in _come(waiting).items() if self._is_enough(asset, key, keys, heard)}
        return is_met(condition, {name for event in waiting if event.keys[0] in enough for name in event.keys})

    def _is_enough(self, asset: AssetKey, key: str, come: frozenset[str], heard: Heard) -> bool:
        mapper = self.mapper(asset)
        if mapper.waits and mapper.has_to_be_asked:
            return (asset, key) in heard and heard[asset, key].is_met(come)
        try:
            return mapper.is_enough(key, come)
        except (UnfitPartition, OverflowError, ValueError):
            return False  # the Dag's mappers do not fit each other: the partition never comes about

    def date(self, key: str, events: Iterable[WaitingEvent]) -> datetime | None:
        """The date of a partition: what its key says, else what the runs that updated the assets had, if all agree."""
        waiting = tuple(events)
        mappers = {event.keys[0]: self.mapper(event.keys[0]) for event in waiting}
        try:
            dates = {date for mapper in mappers.values() if (date := mapper.date(key)) is not None}
        except (UnfitPartition, OverflowError, ValueError):
            return None
        if not dates:
            dates = {e.date for e in waiting if e.date is not None and mappers[e.keys[0]].carries_date}
        return dates.pop() if len(dates) == 1 else None

    def date_of_key(self, condition: Any, key: str) -> datetime | None:
        """The date that a key says by itself. Raises UnfitPartition for one that some mapper cannot read."""
        mappers = {self.mapper(asset) for asset in named_in(condition) if asset.kind != "alias"}
        dates = {date for mapper in mappers if (date := mapper.date(key)) is not None}
        return dates.pop() if len(dates) == 1 else None

    def waits_for(self, condition: Any, key: str, events: Iterable[WaitingEvent], heard: Heard = NOTHING) -> str:
        """What a partition has and what it lacks, asset by asset: one phrase for people."""
        waiting = tuple(events)

        def said(asset: AssetKey) -> str:
            mine = [event for event in waiting if asset in event.keys]
            found = frozenset(event.partition for event in mine)
            if mine and self.asks_what_is_needed(mine[0]):
                told = heard.get((mine[0].keys[0], key))
                return (
                    f"{asset} ({len(found & told.keys)} of {len(told.keys)})"
                    if told
                    else f"{asset} ({len(found)} have come)"
                )
            try:
                needed = self.mapper(asset).needs(key)
            except (UnfitPartition, OverflowError, ValueError):
                return f"{asset} (its mapper has no such partition)"
            if needed is None:
                return f"{asset} ({'has come' if found else 'has not come'})"
            return f"{asset} ({len(found & needed)} of {len(needed)})"

        return ", ".join(map(said, named_in(condition)))


class PartitionQueue:
    """The events that wait for one Dag. An event waits in every partition that it is for."""

    __slots__ = ("due", "events", "heard")

    def __init__(self) -> None:
        self.events: dict[str, dict[int, WaitingEvent]] = {}
        """By partition, oldest first."""
        self.due: dict[str, None] = {}
        """Partitions to look at: something has changed since they were last found incomplete."""
        self.heard: dict[tuple[AssetKey, str], Needed] = {}
        """What the code of mappers has said that the waiting partitions are made of. It is asked again when its file
        is parsed, so it is never stored."""

    def hear(self, key: str, event: WaitingEvent, needed: Needed) -> None:
        """The code of an event's mapper says what the partition for which it waits is made of."""
        self.heard[event.keys[0], key] = needed
        self.due[key] = None

    def by_asset(self) -> Iterator[tuple[str, WaitingEvent]]:
        """One waiting event of each asset in each partition, of those first of which nothing has been said yet."""
        pairs = {
            (event.keys[0], key): event
            for key, events in self.events.items() if key != UNNAMED
            for event in events.values()
        }  # fmt: skip
        for (_, key), event in sorted(pairs.items(), key=lambda pair: pair[0] in self.heard):
            yield key, event

    def put(self, key: str, event: WaitingEvent) -> None:
        self.events.setdefault(key, {})[event.number] = event
        if key != UNNAMED:
            self.due[key] = None

    def drop(self, key: str, number: int) -> None:
        del self.events[key][number]
        if not self.events[key]:
            del self.events[key]
            self.due.pop(key, None)
            for place in [place for place in self.heard if place[1] == key]:
                del self.heard[place]

    def look_at_all(self) -> None:
        """What a partition needs may be something else now."""
        self.due = dict.fromkeys(key for key in self.events if key != UNNAMED)


def partitions_wait(
    partitions: Partitions, condition: Any, waiting: Mapping[str, Iterable[WaitingEvent]], heard: Heard = NOTHING
) -> str:
    """What the next partitions of a Dag wait for: one phrase for people."""
    keys = [key for key in waiting if key != UNNAMED]
    said = [f"{key}: {partitions.waits_for(condition, key, waiting[key], heard)}" for key in keys[:MOST_SHOWN]]
    more = [f"and {len(keys) - MOST_SHOWN} partitions more"] if len(keys) > MOST_SHOWN else []
    unnamed = len(tuple(waiting.get(UNNAMED, ())))
    asked = [f"the code of its partition mapper, to name the partitions of {unnamed} events"] if unnamed else []
    names = ", ".join(map(str, named_in(condition)))
    return "; ".join([*said, *more, *asked]) or f"a partition of {names} (none has come since the last run)"


def _names(leaf: Any) -> Iterable[AssetKey]:
    """How the asset that a mapper was given for may be found."""
    for key in named_in(leaf):
        if key.kind == "asset":
            yield from (AssetKey("name", key.name), AssetKey("uri", key.uri))
        elif key.kind == "uri":
            yield AssetKey("uri", key.name)
        else:
            yield key


def _come(events: Iterable[WaitingEvent]) -> dict[AssetKey, frozenset[str]]:
    """The partitions of each asset that have come."""
    found: dict[AssetKey, set[str]] = {}
    for event in events:
        found.setdefault(event.keys[0], set()).add(event.partition or "")
    return {asset: frozenset(keys) for asset, keys in found.items()}
