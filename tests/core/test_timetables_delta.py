"""The instants of a delta."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.timetables import TimetableSpec, ticks
from tradewind.core.timetables.delta import DeltaTicks, add_months

MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC))
BERLIN = ZoneInfo("Europe/Berlin")


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@settings(max_examples=100, deadline=None)
@given(MOMENTS, MOMENTS, st.integers(0, 30), st.timedeltas(timedelta(seconds=1), timedelta(days=400)))
def test_ticks_strictly_increase_and_lead_back_the_same_way(
    anchor: datetime, start: datetime, months: int, delta: timedelta
) -> None:
    ours = DeltaTicks(anchor, delta, months, BERLIN)
    there = [start]
    for _ in range(5):
        tick = ours.after(there[-1])
        assert tick is not None
        assert tick > there[-1]
        there.append(tick)
    for earlier, later in pairwise(there[1:]):
        assert ours.before(later) == earlier
    last_before = ours.before(start)
    assert last_before is not None
    assert last_before < start
    assert ours.after(last_before) in (there[1], start)


@settings(max_examples=50, deadline=None)
@given(MOMENTS, MOMENTS, st.timedeltas(timedelta(microseconds=1), timedelta(days=400)))
def test_every_tick_is_a_whole_number_of_deltas_from_the_anchor(
    anchor: datetime, start: datetime, delta: timedelta
) -> None:
    tick = DeltaTicks(anchor, delta).after(start)
    assert tick is not None
    assert (tick - anchor) % delta == timedelta(0)
    assert tick - delta <= start


def test_month_ends_stay_month_ends() -> None:
    spec = TimetableSpec(kind="delta", delta_months=1)
    days = [tick.date().isoformat() for tick in ticks(spec, day("2024-01-31"), day("2024-05-31"))]
    assert days == ["2024-01-31", "2024-02-29", "2024-03-31", "2024-04-30", "2024-05-31"]


def test_months_are_calendar_months_of_the_zone() -> None:
    midnight = datetime(2024, 2, 1, tzinfo=BERLIN).astimezone(UTC)
    ours = DeltaTicks(midnight, timedelta(0), 3, BERLIN)
    tick = ours.after(midnight)
    assert tick is not None
    assert tick.astimezone(BERLIN).isoformat() == "2024-05-01T00:00:00+02:00"


@pytest.mark.parametrize(("months", "moved"), [(1, "2024-02-29"), (13, "2025-02-28"), (-11, "2023-02-28")])
def test_a_day_that_a_month_lacks_becomes_its_last(months: int, moved: str) -> None:
    assert add_months(day("2024-01-31"), months) == day(moved)


@pytest.mark.parametrize(("months", "delta"), [(0, 0), (0, -1), (-1, 86400 * 60), (1, -86400 * 30)])
def test_a_delta_that_does_not_lead_forward_has_no_ticks(months: int, delta: float) -> None:
    with pytest.raises(ValueError, match="does not lead forward"):
        DeltaTicks(day("2024-01-01"), timedelta(seconds=delta), months)
    spec = TimetableSpec(kind="delta", delta_months=months, delta_seconds=delta)
    assert list(ticks(spec, day("2024-01-01"), day("2024-12-31"))) == []
