"""The instants of a cron expression, from its fields and a time zone.

A *fixed* cron names its hours (`30 2 * * *`): it means wall-clock time, so a day with a clock change still has each of
its ticks, by the gap and fold policy. An *interval* cron runs in every hour (`*/30 * * * *`): it follows elapsed time,
so a repeated hour has its ticks twice and a skipped hour has none.
"""

from array import array
from bisect import bisect_left, bisect_right
from calendar import monthrange
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

from tradewind.core.timetables.spec import CronSpec
from tradewind.core.timetables.zones import end_of_gap, instants, offset_of_day, zone

SEARCH_YEARS = 50
"""A fifth Monday in February comes at most 40 years after the last; what does not come in 50 never does."""

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_REMEMBERED_DAYS = 4
_REMEMBERED_MONTHS = 4


@lru_cache(maxsize=512)
def cron_ticks(spec: CronSpec, zone_name: str, gap: str = "shift", fold: str = "first") -> "CronTicks | None":
    """The ticks of `spec` on the clocks of a zone; None when there is no such zone."""
    where = zone(zone_name)
    return None if where is None else CronTicks(spec, where, gap, fold)


class CronTicks:
    """The ticks of one cron expression in one zone. They strictly increase, whatever the clocks do."""

    __slots__ = ("_changed_days", "_every_hour", "_fold", "_gap", "_months", "_seconds", "_spec", "_zone")

    def __init__(self, spec: CronSpec, zone: tzinfo, gap: str = "shift", fold: str = "first") -> None:
        self._spec, self._zone, self._gap, self._fold = spec, zone, gap, fold
        self._every_hour = set(spec.hours) >= set(range(24))
        self._seconds = _seconds_of_day(spec)
        self._changed_days: dict[date, list[datetime]] = {}
        self._months: dict[tuple[int, int], Sequence[int]] = {}

    def after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after `instant`, or None when none comes."""
        today, found = instant.astimezone(self._zone).date(), None
        for day in self._dates_from(self._day_before(today)):
            tick, is_plain = self._first_of(day, instant)
            if found is not None:
                return found if tick is None else min(found, tick)
            if tick is not None and is_plain:
                return tick
            found = tick  # where clocks go back over midnight, the next date may have an earlier one
        return found

    def before(self, instant: datetime) -> datetime | None:
        """The last tick strictly before `instant`, or None when none was."""
        today, found = instant.astimezone(self._zone).date(), None
        for day in self._dates_back_from(self._day_after(today)):
            tick, is_plain = self._last_of(day, instant)
            if found is not None:
                return found if tick is None else max(found, tick)
            if tick is not None and is_plain:
                return tick
            found = tick
        return found

    def _first_of(self, day: date, instant: datetime) -> tuple[datetime | None, bool]:
        """The first tick of a date that comes after `instant`, and whether the date's clocks do not change."""
        ticks, origin = self._ticks_of(day)
        if origin is None:
            index = bisect_right(ticks, instant)
            return (ticks[index] if index < len(ticks) else None), False
        index = bisect_right(self._seconds, (instant - origin) // _SECOND)
        return (origin + timedelta(seconds=self._seconds[index]) if index < len(self._seconds) else None), True

    def _last_of(self, day: date, instant: datetime) -> tuple[datetime | None, bool]:
        """The last tick of a date that comes before `instant`, and whether the date's clocks do not change."""
        ticks, origin = self._ticks_of(day)
        if origin is None:
            index = bisect_left(ticks, instant)
            return (ticks[index - 1] if index else None), False
        index = bisect_left(self._seconds, -((origin - instant) // _SECOND))
        return (origin + timedelta(seconds=self._seconds[index - 1]) if index else None), True

    def _ticks_of(self, day: date) -> tuple[Sequence[datetime], datetime | None]:
        """A plain day as the instant of its midnight; a day whose clocks change as the list of its ticks."""
        midnight = datetime(day.year, day.month, day.day)
        offset = offset_of_day(midnight, self._zone)
        if offset is not None:
            return (), midnight.replace(tzinfo=UTC) - offset
        if day not in self._changed_days:
            while len(self._changed_days) >= _REMEMBERED_DAYS:
                self._changed_days.pop(next(iter(self._changed_days)), None)
            self._changed_days[day] = self._ticks_of_changed_day(midnight)
        return self._changed_days[day], None

    def _ticks_of_changed_day(self, midnight: datetime) -> list[datetime]:
        ticks: set[datetime] = set()
        for seconds in self._seconds:
            local = midnight + timedelta(seconds=seconds)
            found = instants(local, self._zone)
            if self._every_hour:
                ticks.update(found)
            elif found:
                ticks.add(found[-1 if self._fold == "second" else 0])
            elif self._gap == "shift":
                ticks.add(end_of_gap(local, self._zone))
        return sorted(ticks)

    # Where clocks change around midnight, a tick may belong to the neighbouring date: the search begins there.
    def _day_before(self, day: date) -> date:
        return self._with_neighbour(day, -_DAY)

    def _day_after(self, day: date) -> date:
        return self._with_neighbour(day, _DAY)

    def _with_neighbour(self, day: date, step: timedelta) -> date:
        other = day + step
        midnight = datetime(other.year, other.month, other.day)
        return day if offset_of_day(midnight, self._zone) is not None else other

    def _dates_from(self, first: date) -> Iterator[date]:
        if not self._seconds:
            return
        months = self._spec.months[bisect_left(self._spec.months, first.month) :]
        for year in self._years(first.year, first.year + SEARCH_YEARS):
            for month in months if year == first.year else self._spec.months:
                days = self._days(year, month)
                if (year, month) == (first.year, first.month):
                    days = days[bisect_left(days, first.day) :]
                for day in days:
                    yield date(year, month, day)

    def _dates_back_from(self, last: date) -> Iterator[date]:
        if not self._seconds:
            return
        months = self._spec.months[: bisect_right(self._spec.months, last.month)]
        for year in reversed(self._years(last.year - SEARCH_YEARS, last.year)):
            for month in reversed(months if year == last.year else self._spec.months):
                days = self._days(year, month)
                if (year, month) == (last.year, last.month):
                    days = days[: bisect_right(days, last.day)]
                for day in reversed(days):
                    yield date(year, month, day)

    def _days(self, year: int, month: int) -> Sequence[int]:
        if (year, month) not in self._months:
            while len(self._months) >= _REMEMBERED_MONTHS:
                self._months.pop(next(iter(self._months)), None)
            self._months[year, month] = _days(self._spec, year, month)
        return self._months[year, month]

    def _years(self, first: int, last: int) -> Sequence[int]:
        if not self._spec.years:
            return range(max(first, 2), min(last, 9998) + 1)
        return [year for year in self._spec.years if first <= year <= last]


def _seconds_of_day(spec: CronSpec) -> "array[int]":
    """The times of day at which it ticks, as seconds since midnight."""
    times = (
        hour * 3600 + minute * 60 + second for hour in spec.hours for minute in spec.minutes for second in spec.seconds
    )
    return array("i", sorted({time for time in times if 0 <= time < 86400}))


def _days(spec: CronSpec, year: int, month: int) -> Sequence[int]:
    """The days of one month on which it ticks, ascending."""
    if not 1 <= month <= 12:
        return ()
    weekday_of_first, length = monthrange(year, month)
    every_day = range(1, length + 1)
    if spec.any_day and spec.any_weekday:
        return every_day
    sunday_based = (weekday_of_first + 1) % 7
    by_weekday = set() if spec.any_weekday else _days_by_weekday(spec, sunday_based, length)
    if spec.any_day:
        return sorted(by_weekday)
    by_day = {day for day in spec.days if day <= length}
    if spec.last_day:
        by_day.add(length)
    if spec.nearest_weekday:
        by_day.add(_nearest_weekday(spec.nearest_weekday, weekday_of_first, length))
    return [day for day in sorted(by_day | by_weekday) if day >= 1]


def _days_by_weekday(spec: CronSpec, weekday_of_first: int, length: int) -> set[int]:
    days = {day for weekday in spec.weekdays for day in range(1 + (weekday - weekday_of_first) % 7, length + 1, 7)}
    for weekday, nth in spec.nth_weekdays:
        of_month = range(1 + (weekday - weekday_of_first) % 7, length + 1, 7)
        if nth == -1:
            days.add(of_month[-1])
        elif 1 <= nth <= len(of_month):
            days.add(of_month[nth - 1])
    return days


def _nearest_weekday(day: int, weekday_of_first: int, length: int) -> int:
    """`day` itself, or the Friday before or Monday after a weekend day without leaving the month."""
    day = min(day, length)
    match (weekday_of_first + day - 1) % 7:
        case 5:
            return day - 1 if day > 1 else day + 2
        case 6:
            return day + 1 if day < length else day - 2
        case _:
            return day
