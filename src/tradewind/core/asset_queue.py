"""Asset events that wait for a run of one Dag, and which of them its next run takes."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple

from tradewind.core.assets import AssetKey, is_met


class WaitingEvent(NamedTuple):
    """An asset event that some Dag has not had a run for yet."""

    number: int
    """Its place in the ledger."""
    at: datetime
    keys: tuple[AssetKey, ...]
    """What it answers to; the first one is the asset itself."""
    partition: str | None = None
    """The partition of the asset that was updated."""
    date: datetime | None = None
    """The date of that partition, where the run that updated it has one."""


class Taken(NamedTuple):
    """What a run takes out of a queue."""

    seen: tuple[WaitingEvent, ...]
    """The events that the run is told of, oldest first."""
    passed_over: tuple[WaitingEvent, ...] = ()
    """Older ones that it stands for as well, and does not see."""


class AssetQueue:
    """The events that wait for one Dag, oldest first. What is asked at each event costs the same however many wait."""

    __slots__ = ("_by_key", "events")

    def __init__(self) -> None:
        self.events: dict[int, WaitingEvent] = {}
        self._by_key: dict[AssetKey, dict[int, datetime]] = {}

    def put(self, event: WaitingEvent) -> None:
        self.events[event.number] = event
        for key in event.keys:
            self._by_key.setdefault(key, {})[event.number] = event.at

    def drop(self, number: int) -> None:
        for key in self.events.pop(number).keys:
            del self._by_key[key][number]
            if not self._by_key[key]:
                del self._by_key[key]

    @property
    def updated(self) -> dict[AssetKey, datetime]:
        """When what the events answer to was updated last."""
        return {key: next(reversed(times.values())) for key, times in self._by_key.items()}

    def take(self, condition: Any, policy: str) -> Taken | None:
        """What the Dag's next run would take; None while the condition is not met. Nothing is removed."""
        if not is_met(condition, self._by_key):
            return None
        events = self.events.values()
        match policy:
            case "each":
                return Taken(_oldest_that_meet(condition, events))
            case "latest":
                newest = {event.keys[0]: event for event in events}
                seen = tuple(sorted(newest.values()))
                return Taken(seen, tuple(event for event in events if newest[event.keys[0]] is not event))
            case _:
                return Taken(tuple(events))


def _oldest_that_meet(condition: Any, events: Iterable[WaitingEvent]) -> tuple[WaitingEvent, ...]:
    """The oldest events that meet the condition together, and no other."""
    chosen: list[WaitingEvent] = []
    updated: set[AssetKey] = set()
    for event in events:
        if updated.issuperset(event.keys):
            continue  # what it answers to has been updated before
        chosen.append(event)
        updated.update(event.keys)
        if is_met(condition, updated):
            break
    for event in reversed(chosen):
        others = [other for other in chosen if other is not event]
        if is_met(condition, {key for other in others for key in other.keys}):
            chosen = others
    return tuple(chosen)
