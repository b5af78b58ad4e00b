"""What a backfill has to do, worked out by brute force: its dates, and what becomes of each.

It shares no code with the scheduler: a schedule is walked minute by minute, and every rule is said once more in its
simplest form. All moments are microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

from tradewind.core.dag import DagSpec

MINUTE = timedelta(minutes=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Date(NamedTuple):
    """A run that a schedule has: its logical date, and when it is due."""

    logical: int
    due: int


def micros(moment: datetime) -> int:
    """Microseconds since 1970."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def dates_between(spec: DagSpec, first: datetime, last: datetime) -> Iterator[Date]:
    """The runs of a schedule with logical dates from `first` to `last`, were the schedule asked for `first` by name."""
    ticks = [tick for tick in _ticks(spec, first, last + timedelta(hours=2)) if tick >= first]
    for tick, following in pairwise(ticks):
        if tick <= last:
            yield Date(micros(tick), micros(following if spec.timetable.data_interval else tick))


def dates_of(spec: DagSpec, first: datetime, last: datetime, known_at: int, *, backwards: bool = False) -> list[Date]:
    """The dates of a backfill that was asked for at that moment: those of the range that are due, in its order."""
    found = [date for date in dates_between(spec, first, last) if date.due <= known_at]
    return found[::-1] if backwards else found


def becomes(state: str | None, reprocess: str) -> str:
    """What becomes of a date with a run in this state (None: without one): `create`, `clear` or `leave`."""
    if state is None:
        return "create"
    wanted = {"none": (), "failed": ("failed",), "completed": ("failed", "success")}[reprocess]
    return "clear" if state in wanted else "leave"


def _ticks(spec: DagSpec, first: datetime, end: datetime) -> Iterator[datetime]:
    """Every tick of the schedule from no later than `first` on and before `end`."""
    match spec.timetable.kind:
        case "delta":
            anchor = min(first, spec.start_date or first)
            step, tick = timedelta(seconds=spec.timetable.delta_seconds or 0), anchor
            while tick < end:
                yield tick
                tick += step
        case "cron":
            tick = first.replace(second=0, microsecond=0)
            while tick < end:
                if tick.minute in spec.timetable.crons[0].minutes:
                    yield tick
                tick += MINUTE
        case other:
            raise ValueError(f"Which dates a backfill of {other} has is not worked out here.")
