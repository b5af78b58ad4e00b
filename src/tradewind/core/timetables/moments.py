"""The moments of a timetable, of whatever kind, as one thing that can be asked forward and backward."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Protocol

from tradewind.core.timetables.cron import cron_ticks
from tradewind.core.timetables.delta import DeltaTicks, leads_forward
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.core.timetables.zones import zone

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


class Ticks(Protocol):
    """Moments that strictly increase."""

    def after(self, instant: datetime) -> datetime | None:
        """The first one strictly after `instant`, or None."""

    def before(self, instant: datetime) -> datetime | None:
        """The last one strictly before `instant`, or None."""


class Several:
    """The moments of several schedules together; one that they share counts once."""

    __slots__ = ("_parts",)

    def __init__(self, parts: list[Ticks]) -> None:
        self._parts = parts

    def after(self, instant: datetime) -> datetime | None:
        return min((tick for part in self._parts if (tick := part.after(instant)) is not None), default=None)

    def before(self, instant: datetime) -> datetime | None:
        return max((tick for part in self._parts if (tick := part.before(instant)) is not None), default=None)


class Listed:
    """Moments given one by one."""

    __slots__ = ("_moments",)

    def __init__(self, moments: tuple[datetime, ...]) -> None:
        self._moments = sorted(moment.astimezone(UTC) for moment in moments)

    def after(self, instant: datetime) -> datetime | None:
        index = bisect_right(self._moments, instant)
        return self._moments[index] if index < len(self._moments) else None

    def before(self, instant: datetime) -> datetime | None:
        index = bisect_left(self._moments, instant)
        return self._moments[index - 1] if index else None


def ticks_of(spec: TimetableSpec, anchor: datetime = EPOCH) -> Ticks | None:
    """The moments of a timetable; None for one that has none of its own. A delta counts from `anchor`."""
    match spec.kind:
        case "cron":
            parts = [cron_ticks(cron, spec.timezone, spec.gap, spec.fold) for cron in spec.crons]
            known: list[Ticks] = [part for part in parts if part is not None]
            return known[0] if len(known) == 1 else Several(known)
        case "delta":
            where, delta = zone(spec.timezone), delta_of(spec)
            if where is None or not leads_forward(delta, spec.delta_months):
                return None
            return DeltaTicks(anchor, delta, spec.delta_months, where)
        case "events":
            return Listed(spec.events)
        case _:
            return None


def delta_of(spec: TimetableSpec) -> timedelta:
    """The part of its delta that is not calendar months."""
    return timedelta(seconds=spec.delta_seconds or 0)


def at_or_after(ticks: Ticks, instant: datetime) -> datetime | None:
    return ticks.after(instant - MOMENT)


def at_or_before(ticks: Ticks, instant: datetime) -> datetime | None:
    return ticks.before(instant + MOMENT)


def ticks(spec: TimetableSpec, start: datetime, end: datetime) -> Iterator[datetime]:
    """The moments of a cron, delta or events timetable from `start` to `end`, both inclusive.

    A delta counts from `start`; the other kinds have no moments of their own.
    """
    start = start.astimezone(UTC)
    moments = ticks_of(spec, anchor=start)
    tick = None if moments is None else at_or_after(moments, start)
    while moments is not None and tick is not None and tick <= end:
        yield tick
        tick = moments.after(tick)
