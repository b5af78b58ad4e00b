"""TimetableSpec: a timetable as values, so that deciding when a run is due needs no author code."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CronSpec:
    """One cron expression as sets of fields. Weekdays count from Sunday = 0, as cron does."""

    expression: str
    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: tuple[int, ...]
    any_day: bool
    """The day-of-month field is `*`: only the weekday decides."""
    any_weekday: bool
    """The weekday field is `*`: only the day of month decides. When neither is `*`, either may match."""
    last_day: bool = False
    """`L` in the day-of-month field: the last day of the month matches."""
    nth_weekdays: tuple[tuple[int, int], ...] = ()
    """(weekday, n) for `MON#2`; n = -1 for the last one of the month (`L5`)."""
    seconds: tuple[int, ...] = (0,)
    nearest_weekday: int = 0
    """`15W`: the weekday (Monday to Friday) of the same month that is nearest to this day; 0 when not asked for."""
    years: tuple[int, ...] = ()
    """The seventh field; empty for every year."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartitionSpec:
    """Which partition a run is for: the date of its tick, moved, and written as a key."""

    key_format: str
    """For strftime, on the clocks of the timetable's zone."""
    ticks: int = 0
    months: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TimetableSpec:
    """When a Dag's runs are due.

    kind: `never`, `once`, `continuous`, `cron`, `delta`, `events`, `asset` (asset events alone), `custom`.
    `data_interval=True`: a run covers [tick, next tick] and is due at its end; False: the run is due at the tick and
    covers [tick − window, tick].
    """

    kind: str
    summary: str = ""
    """What Airflow's UI shows: the cron text, `1 day, 0:00:00`, `None`, `@once` …"""
    description: str = ""
    timezone: str = "UTC"
    crons: tuple[CronSpec, ...] = ()
    delta_seconds: float | None = None
    delta_months: int = 0
    """For relativedelta: calendar months, added before the seconds."""
    window_seconds: float = 0.0
    window_months: int = 0
    """For a relativedelta window: calendar months, taken off before the seconds."""
    data_interval: bool = False
    run_immediately: bool | float = False
    """What a first run without start_date does about the tick just passed: never, always, or within n seconds."""
    events: tuple[datetime, ...] = ()
    restrict_to_events: bool = False
    gap: str = "shift"
    """A local time that a DST change skips: `shift` runs at the first moment after it, `skip` leaves it out."""
    fold: str = "first"
    """A local time that comes twice: `first` or `second` for fixed hours; interval crons follow elapsed time."""
    active_runs_limit: int | None = None
    partition: PartitionSpec | None = None
    partitioned_at_runtime: bool = False
    """The partition is named when a run is made, or by its tasks."""
    custom: str = ""
    """Class path of a custom timetable, evaluated in a code host."""
