"""The instants of a delta: every so many calendar months and seconds, counted from an anchor."""

from calendar import monthrange
from datetime import UTC, datetime, timedelta, tzinfo

_AVERAGE_MONTH = timedelta(days=146097 / 4800)
"""Of the Gregorian calendar's 400 years; good enough to land within a tick or two of the right one."""
_SHORTEST_MONTH = timedelta(days=27)
"""A February, less what a clock change may take."""
_ADJUSTMENTS = 64


class DeltaTicks:
    """The ticks anchor + n × (months, then delta), for every whole n. Months are calendar months in `zone`.

    Counting from the anchor keeps month ends where they belong: 31 January, 29 February, 31 March.
    """

    __slots__ = ("_anchor", "_delta", "_months", "_zone")

    def __init__(self, anchor: datetime, delta: timedelta, months: int = 0, zone: tzinfo = UTC) -> None:
        if not leads_forward(delta, months):
            raise ValueError(f"A delta of {months} months and {delta} does not lead forward; give a positive one.")
        self._anchor, self._delta, self._months, self._zone = anchor, delta, months, zone

    def after(self, instant: datetime) -> datetime | None:
        """The first tick strictly after `instant`."""
        return self._tick(self._last_at_or_before(instant) + 1)

    def before(self, instant: datetime) -> datetime | None:
        """The last tick strictly before `instant`."""
        count = self._last_at_or_before(instant)
        tick = self._tick(count)
        return tick if tick < instant else self._tick(count - 1)

    def _last_at_or_before(self, instant: datetime) -> int:
        count = (instant - self._anchor) // (self._months * _AVERAGE_MONTH + self._delta)
        for _ in range(_ADJUSTMENTS):
            if self._tick(count) > instant:
                count -= 1
            elif self._tick(count + 1) <= instant:
                count += 1
            else:
                break
        return count

    def _tick(self, count: int) -> datetime:
        return add_months(self._anchor, count * self._months, self._zone) + count * self._delta


def leads_forward(delta: timedelta, months: int) -> bool:
    """Whether each tick of such a delta comes after the one before it, in every month of the year."""
    return months >= 0 and months * _SHORTEST_MONTH + delta > timedelta(0)


def add_months(instant: datetime, months: int, zone: tzinfo = UTC) -> datetime:
    """`instant` moved by calendar months on the clocks of `zone`; a day that the month lacks becomes its last."""
    if not months:
        return instant
    local = instant.astimezone(zone).replace(tzinfo=None)
    year, month = divmod(local.year * 12 + local.month - 1 + months, 12)
    day = min(local.day, monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day, tzinfo=zone, fold=0).astimezone(UTC)
