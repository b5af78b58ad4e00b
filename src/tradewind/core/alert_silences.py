"""When people are not to be told: once from one moment to another, or at hours that come again."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

MOST_LINKS = 100
"""Silences that follow on one another without a gap; after so many it is looked at again."""


@dataclass(frozen=True, slots=True)
class Silence:
    """A time of silence. With a `start` or `end` and hours, it is silent while both say so."""

    start: datetime | None = None
    end: datetime | None = None
    hours: tuple[time, time] | None = None
    """From when to when, by the clock of `zone`; past midnight where the second is not later than the first."""
    days: frozenset[int] = field(default_factory=lambda: frozenset(range(7)))
    """Days on which such hours begin; Monday is 0."""
    zone: str = "UTC"

    def until(self, now: datetime) -> datetime | None:
        """When the silence ends that there is at this moment; None when there is none."""
        if (self.start is not None and now < self.start) or (self.end is not None and now >= self.end):
            return None
        if self.hours is None:
            return self.end or datetime.max.replace(tzinfo=UTC)
        over = self._hours_until(now)
        return min(over, self.end) if over is not None and self.end is not None else over

    def _hours_until(self, now: datetime) -> datetime | None:
        assert self.hours is not None
        first, last = self.hours
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for day in (today - timedelta(days=1), today):
            begins = datetime.combine(day, first, zone).astimezone(UTC)
            ends = datetime.combine(day if first < last else day + timedelta(days=1), last, zone).astimezone(UTC)
            if day.weekday() in self.days and begins <= now < ends:
                return ends
        return None


@dataclass(frozen=True, slots=True)
class Hush:
    """A silence that somebody asked for, of the rules and Dags that its patterns name. Without a pattern for Dags it is
    for alerts of every kind, also those that are about no Dag."""

    id: str
    silence: Silence
    rules: str = "*"
    dags: str = ""

    def covers(self, rule: str, dag_id: str) -> bool:
        return _fits(rule, self.rules) and (not self.dags or (bool(dag_id) and _fits(dag_id, self.dags)))


def _fits(name: str, pattern: str) -> bool:
    return name == pattern or fnmatchcase(name, pattern)  # a name may itself hold what means something in a pattern


def silent_until(silences: Iterable[Silence], now: datetime) -> datetime | None:
    """When people may be told again; None when they may be told now."""
    silences, until = tuple(silences), None
    for _ in range(MOST_LINKS):
        ends = [end for silence in silences if (end := silence.until(until or now)) is not None]
        if not ends:
            return until
        until = max(ends)
        if until.year == datetime.max.year:
            return until
    return until
