"""The partition that a run of a partitioned schedule is for."""

from datetime import UTC, datetime, timedelta

from tradewind.core.timetables.delta import add_months
from tradewind.core.timetables.moments import ticks_of
from tradewind.core.timetables.spec import TimetableSpec
from tradewind.core.timetables.zones import zone


def partition_of(spec: TimetableSpec, run_after: datetime) -> tuple[datetime, str] | None:
    """The partition's date and key, for the run that is due at a tick; None where the schedule has no partitions."""
    if spec.partition is None:
        return None
    where = zone(spec.timezone) or UTC
    date = _moved(spec, run_after.astimezone(UTC))
    date = add_months(date, spec.partition.months, where) + timedelta(seconds=spec.partition.seconds)
    return date, date.astimezone(where).strftime(spec.partition.key_format)


def date_of_key(spec: TimetableSpec, key: str) -> datetime | None:
    """The date of the partition that a key names; None where the schedule has no partitions. Raises ValueError for a
    key that is not written as the schedule writes them."""
    if spec.partition is None:
        return None
    at = datetime.strptime(key, spec.partition.key_format)
    return (at.replace(tzinfo=zone(spec.timezone) or UTC) if at.tzinfo is None else at).astimezone(UTC)


def _moved(spec: TimetableSpec, tick: datetime) -> datetime:
    ticks, count = ticks_of(spec), spec.partition.ticks if spec.partition else 0
    for _ in range(abs(count)):
        step = None if ticks is None else ticks.after(tick) if count > 0 else ticks.before(tick)
        if step is None:
            break
        tick = step
    return tick
