"""Many collected hours as one table, read without changing anything: what is missing or unreadable is told."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tradewind.data.objects import NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather.catalogue import READERS, entries_between
from tradewind.data.pipelines.weather.checks import KnownGaps
from tradewind.data.pipelines.weather.hours import look_at_hour
from tradewind.data.pipelines.weather.run import observations_key
from tradewind.data.runtime import progress
from tradewind.data.weather.fields import OBSERVATIONS, schema_of
from tradewind.data.weather.stations import Station
from tradewind.data.weather.times import HOUR

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Coverage:
    """How much of a stretch of hours the catalogue and the store have."""

    wanted: int
    held: tuple[datetime, ...]
    missing: tuple[datetime, ...]
    stations: dict[int, float]
    """By number: of the hours in which the station is expected, the part in which it reported."""

    @property
    def percent(self) -> float:
        return 100 * len(self.held) / max(self.wanted, 1)


@dataclass(frozen=True)
class HoursRead:
    """The rows of many hours, one for each station and hour, and what was left out."""

    frame: pl.DataFrame
    hours: int
    unreadable: dict[datetime, str]
    doubled: int
    """Rows left out because the station's hour was there already, or because they are of another hour."""


def coverage(
    store: ObjectStore, first: datetime, last: datetime, stations: Iterable[Station], gaps: KnownGaps
) -> Coverage:
    """What there is of the hours from `first` to `last`, both included. An hour whose object is gone is missing."""
    entries = entries_between(store, first, last)
    kept = set(store.keys("observations"))
    hours = hours_between(first, last)
    held = tuple(hour for hour in hours if hour in entries and observations_key(hour) in kept)
    has = set(held)
    reported = {}
    for station in stations:
        expected = [hour for hour in hours if not gaps.cover(station.number, hour)]
        seen = sum(hour in has and station.number in entries[hour]["stations"] for hour in expected)
        reported[station.number] = seen / len(expected) if expected else 1.0
    return Coverage(len(hours), held, tuple(hour for hour in hours if hour not in has), reported)


def read_hours(store: ObjectStore, hours: Iterable[datetime]) -> HoursRead:
    """All rows of these hours. An hour that cannot be read is left where it is, and told."""
    import polars as pl

    def look(hour: datetime) -> tuple[pl.DataFrame | None, str]:
        try:
            frame, _, wrong = look_at_hour(store, hour)
        except NoSuchObject:
            return None, "is gone"
        return frame, wrong

    wanted = sorted(set(hours))
    frames = [pl.DataFrame(schema=schema_of(OBSERVATIONS))]
    unreadable: dict[datetime, str] = {}
    rows = 0
    with ThreadPoolExecutor(READERS) as readers:
        for done, (hour, (frame, wrong)) in enumerate(zip(wanted, readers.map(look, wanted), strict=True), 1):
            if frame is None:
                unreadable[hour] = f"{observations_key(hour)} {wrong}"
            else:
                rows += frame.height
                frames.append(frame.filter(pl.col("observed_at") == hour))
            progress(done, len(wanted), "hours")
    whole = pl.concat(frames).unique(["observed_at", "station"], keep="last", maintain_order=True)
    whole = whole.sort("station", "observed_at")
    return HoursRead(whole, len(wanted) - len(unreadable), unreadable, rows - whole.height)


def hours_between(first: datetime, last: datetime) -> list[datetime]:
    """The hours from `first` to `last`, both included."""
    return [first + n * HOUR for n in range((last - first) // HOUR + 1)]
