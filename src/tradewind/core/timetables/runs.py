"""The values that timetables speak in: what a run covers, when it is due, and the bounds it must keep."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class DataInterval:
    """The span of data that a run covers."""

    start: datetime
    end: datetime

    @classmethod
    def between(cls, start: datetime | None, end: datetime | None) -> "DataInterval | None":
        """The span between two moments; None where one of them is missing."""
        return None if start is None or end is None else cls(start, end)


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run of the schedule: the data it covers and the earliest moment at which it may start."""

    logical_date: datetime | None
    data_interval: DataInterval | None
    run_after: datetime
    run_id: str = ""
    """What a custom timetable wants the run to be called; empty for the usual name."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """The bounds of a Dag's schedule. `earliest` and `latest` bound the logical date, both inclusive."""

    earliest: datetime | None
    latest: datetime | None
    catchup: bool
