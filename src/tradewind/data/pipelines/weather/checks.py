"""Is an hour of weather good? Checks that know what stations leave out, and which gaps are known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.data.objects import NoSuchObject, ObjectStore
from tradewind.data.pipelines.weather.run import KNOWN_GAPS, WeatherRun
from tradewind.data.problems import BadInput
from tradewind.data.quality import CheckResult
from tradewind.data.weather.fields import OBSERVATIONS, schema_of
from tradewind.data.weather.stations import Station

if TYPE_CHECKING:
    import polars as pl

ALLOWED_TO_MISS = {
    "temperature_c": 0.0,
    "humidity_percent": 0.0,
    "wind_speed_ms": 0.34,
    "precipitation_mm": 0.34,
    "wind_direction_deg": 0.67,
    "sea_level_pressure_hpa": 0.67,
    "visibility_m": 0.67,
}
"""The share of an hour's stations that may leave a column out. There is no gust in most hours, so it is not here; a
year of the three stations misses 10 % of the pressures, 2 % of the wind directions and one temperature."""

ONLY_OF_STATIONS = ("sea_level_pressure_hpa", "visibility_m")
"""Columns that the nowcast never has."""

LARGEST_STEPS = {"temperature_c": 15.0, "sea_level_pressure_hpa": 12.0}
"""What never changed by more within an hour at one station."""


@dataclass(frozen=True)
class KnownGap:
    """A stretch of hours in which a station, or one of its columns, is known to be missing."""

    station: int
    start: datetime
    end: datetime | None = None
    column: str | None = None

    def covers(self, station: int, hour: datetime, column: str | None) -> bool:
        return (
            station == self.station
            and self.start <= hour
            and (self.end is None or hour <= self.end)
            and self.column in (None, column)
        )


@dataclass(frozen=True)
class KnownGaps:
    """The gaps written down in `known_gaps.json` of the store: `[{"station": 119, "start": "2026-01-05T00:00Z"}]`."""

    gaps: tuple[KnownGap, ...] = ()

    @classmethod
    def read(cls, store: ObjectStore) -> KnownGaps:
        try:
            content = store.get(KNOWN_GAPS)
        except NoSuchObject:
            return cls()
        try:
            return cls(tuple(_gap(entry) for entry in json.loads(content)))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            problem = f"is no list of gaps with station, start, and perhaps end and column ({error})"
            raise BadInput(f"{store}/{KNOWN_GAPS}", problem) from error

    def cover(self, station: int, hour: datetime, column: str | None = None) -> bool:
        return any(gap.covers(station, hour, column) for gap in self.gaps)


def _gap(entry: dict[str, Any]) -> KnownGap:
    start, end = entry["start"], entry.get("end")
    moments = [datetime.fromisoformat(text) for text in (start, end) if text is not None]
    if any(moment.tzinfo is None for moment in moments):
        raise ValueError("a moment has no time zone")
    return KnownGap(int(entry["station"]), moments[0], moments[1] if end is not None else None, entry.get("column"))


def check_hour(
    run: WeatherRun, hour: datetime, frame: pl.DataFrame, before: pl.DataFrame | None, gaps: KnownGaps, rejected: int
) -> list[CheckResult]:
    """Every check of one hour, which `before` is the hour ahead of."""
    expected = [station for station in run.settings.stations if not gaps.cover(station.number, hour)]
    other_hours = int((frame["observed_at"] != hour).sum())
    twice = frame.height - frame.n_unique(["observed_at", "station"])
    values = frame.height * len(ALLOWED_TO_MISS)
    return [
        _check("schema is as agreed", int(frame.schema != schema_of(OBSERVATIONS)), 1, required=True),
        _check("there are rows", int(frame.is_empty() and bool(expected)), 1, required=True),
        _check("all rows are of this hour", other_hours, frame.height, required=True),
        _check("(observed_at, station) is unique", twice, frame.height, required=True),
        _stations(frame, expected),
        *(_present(frame, hour, column, allowed, gaps) for column, allowed in ALLOWED_TO_MISS.items()),
        _check("few rows and values were rejected", rejected, max(values, 1), 0.1),
        _dew(frame),
        *(_steady(frame, before, column, most) for column, most in LARGEST_STEPS.items()),
    ]


def _stations(frame: pl.DataFrame, expected: list[Station]) -> CheckResult:
    seen = set(frame["station"])
    absent = [station for station in expected if station.number not in seen]
    detail = ", ".join(f"{station.number} {station.name}" for station in absent)
    return _check("every station reported", len(absent), len(expected), 0.34, weight=3.0, detail=detail)


def _present(frame: pl.DataFrame, hour: datetime, column: str, allowed: float, gaps: KnownGaps) -> CheckResult:
    rows = [
        value
        for station, source, value in frame.select("station", "source", column).iter_rows()
        if not gaps.cover(station, hour, column) and not (source == "nowcast" and column in ONLY_OF_STATIONS)
    ]
    return _check(f"{column} is present", sum(value is None for value in rows), len(rows), allowed)


def _dew(frame: pl.DataFrame) -> CheckResult:
    # The tolerance is that of two instruments, each rounded.
    wrong = int((frame["dew_point_c"] > frame["temperature_c"] + 0.6).sum())
    return _check("the dew point is not above the temperature", wrong, frame.height)


def _steady(frame: pl.DataFrame, before: pl.DataFrame | None, column: str, most: float) -> CheckResult:
    name = f"{column} moved by at most {most:g} in the hour"
    if before is None:
        return _check(name, 0, 0)
    both = frame.join(before, on="station", suffix="_before")
    return _check(name, int(((both[column] - both[f"{column}_before"]).abs() > most).sum()), both.height)


def _check(
    name: str,
    bad: int,
    rows: int,
    allowed: float = 0.0,
    *,
    required: bool = False,
    weight: float = 1.0,
    detail: str = "",
) -> CheckResult:
    return CheckResult(name, bad, rows, allowed, 2.0 if required else weight, required, detail)
