"""The laws of schedules in every zone of the world, at every change of its clocks from 1950 to 2040.

The model here walks real time minute by minute and looks at the clock on the wall; it shares nothing with the
arithmetic that it judges.
"""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tradewind.core.timetables import Restriction, TimetableSpec, next_run, ticks
from tradewind.core.timetables.cron import CronTicks
from tradewind.sdk.cron import cron_spec

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
ZONES = sorted(available_timezones())
FIRST, LAST = datetime(1950, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC)
FIXED = [
    "0 0 * * *", "30 2 * * *", "59 23 * * *", "0 0,12 * * *", "15,45 1-3 * * *", "*/20 0-4 * * *", "0 */2 * * *",
    "30 1 * * SUN", "0 3 L * *", "0 9 * * MON-FRI", "0 0 1 * *", "30 2 * * SUN#1", "0 2 * 3,10 L0", "0 0 * * * 30",
]  # fmt: skip
INTERVALS = ["0 * * * *", "*/30 * * * *", "*/7 * * * *", "10 * * * SUN", "5 * L * *", "15,45 * * 3,4,10,11 *"]


@cache
def changes(name: str) -> tuple[datetime, ...]:
    """The instants, to the second, at which a zone's offset changes."""
    where, step, found = ZoneInfo(name), timedelta(days=6), []
    moment = FIRST - 30 * DAY
    offset = moment.astimezone(where).utcoffset()
    while moment < LAST + 30 * DAY:
        low, high = moment, moment + step
        if high.astimezone(where).utcoffset() != offset:
            while high - low > timedelta(seconds=1):
                middle = low + (high - low) // timedelta(seconds=2) * timedelta(seconds=1)
                low, high = (middle, high) if middle.astimezone(where).utcoffset() == offset else (low, middle)
            found.append(high)
            offset = high.astimezone(where).utcoffset()
        moment = high
    return tuple(found)


@st.composite
def moments(draw: st.DrawFn) -> tuple[str, datetime]:
    """A zone, and a moment that often lies close to a change of its clocks."""
    name = draw(st.sampled_from(ZONES))
    if (known := changes(name)) and draw(st.integers(0, 9)):
        near = st.sampled_from([-60, -30, -1, 0, 1, 30, 60]) | st.integers(-48 * 60, 48 * 60)
        return name, draw(st.sampled_from(known)) + draw(near) * MINUTE
    return name, FIRST + draw(st.integers(0, (LAST - FIRST) // MINUTE)) * MINUTE


def clock(expression: str, name: str, gap: str = "shift", fold: str = "first") -> CronTicks:
    return CronTicks(cron_spec(expression), ZoneInfo(name), gap, fold)


BEFORE_A_DATE_COMES_BACK = ("America/St_Johns", datetime(2006, 10, 29, 2, 30, 30, tzinfo=UTC))
"""A minute of the new date, after which the clocks go back into the old one."""

POLICIES = {"gap": st.sampled_from(["shift", "skip"]), "fold": st.sampled_from(["first", "second"])}


@settings(max_examples=200, deadline=None)
@given(at=moments(), expression=st.sampled_from(FIXED + INTERVALS), **POLICIES)
@example(at=(BEFORE_A_DATE_COMES_BACK[0], BEFORE_A_DATE_COMES_BACK[1] - MINUTE), expression="*/30 * * * *",
         gap="shift", fold="first")  # fmt: skip
def test_time_never_goes_backwards_and_leads_back_the_way_it_came(
    at: tuple[str, datetime], expression: str, gap: str, fold: str
) -> None:
    name, start = at
    ours, there = clock(expression, name, gap, fold), [start]
    for _ in range(8):
        tick = ours.after(there[-1])
        assert tick is not None
        assert tick > there[-1]
        there.append(tick)
    for earlier, later in pairwise(there[1:]):
        assert ours.before(later) == earlier
        assert ours.after(later - timedelta(microseconds=1)) == later
        assert ours.after(earlier) == later


def days_of(expression: str, day: date) -> bool:
    """Whether a cron of this test has ticks on a date."""
    spec, weekday = cron_spec(expression), day.isoweekday() % 7
    last = (day + DAY).month != day.month
    nth = {(weekday, (day.day + 6) // 7)} | ({(weekday, -1)} if (day + 7 * DAY).month != day.month else set())
    by_day = (day.day in spec.days or (spec.last_day and last)) if not spec.any_day else True
    by_weekday = (weekday in spec.weekdays or bool(nth & set(spec.nth_weekdays))) if not spec.any_weekday else True
    return day.month in spec.months and by_day and by_weekday


def wall(name: str, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
    """Every instant of a stretch with what the clock shows: each half minute, and each second around a change."""
    where, found, moment = ZoneInfo(name), [], start
    while moment < end:
        found.append((moment, moment.astimezone(where).replace(tzinfo=None)))
        moment += timedelta(seconds=30)
    return found


@settings(max_examples=80, deadline=None)
@given(at=moments(), expression=st.sampled_from(INTERVALS))
def test_interval_crons_tick_whenever_the_clock_shows_their_time(at: tuple[str, datetime], expression: str) -> None:
    name, moment = at
    spec = cron_spec(expression)
    start, end = moment - timedelta(hours=13), moment + timedelta(hours=13)
    # Offsets of former times have odd seconds; looked at in whole local minutes.
    expected = set()
    for instant, shown in wall(name, start.replace(second=0), end):
        exact = instant - timedelta(seconds=shown.second) if shown.second < 30 else None
        if exact is None or exact.astimezone(ZoneInfo(name)).replace(tzinfo=None) != shown.replace(second=0):
            continue
        if shown.minute in spec.minutes and days_of(expression, shown.date()):
            expected.add(exact)
    timetable = TimetableSpec(kind="cron", crons=(spec,), timezone=name)
    inside = (start + MINUTE, end - MINUTE)
    assert list(ticks(timetable, *inside)) == sorted(tick for tick in expected if inside[0] <= tick <= inside[1])


@settings(max_examples=150, deadline=None)
@given(at=moments(), expression=st.sampled_from(FIXED), **POLICIES)
@example(at=(BEFORE_A_DATE_COMES_BACK[0], BEFORE_A_DATE_COMES_BACK[1] + 3 * DAY), expression="59 23 * * *",
         gap="shift", fold="second")  # fmt: skip
def test_fixed_hours_run_once_for_each_time_of_each_date_by_the_policy(
    at: tuple[str, datetime], expression: str, gap: str, fold: str
) -> None:
    """None is lost in a gap (with `shift`) and none runs twice in a fold, whatever day the clocks change."""
    name, moment = at
    where, spec = ZoneInfo(name), cron_spec(expression)
    start, end = moment - 3 * DAY, moment + 3 * DAY
    expected: set[datetime] = set()
    day = start.astimezone(where).date() - 2 * DAY
    while day <= end.astimezone(where).date() + 2 * DAY:
        times = [(h, m, s) for h in spec.hours for m in spec.minutes for s in spec.seconds]
        for hour, minute, second in times if days_of(expression, day) else []:
            local = datetime(day.year, day.month, day.day, hour, minute, second)
            readings = [local.replace(tzinfo=where, fold=n).astimezone(UTC) for n in (0, 1)]
            real = sorted({r for r in readings if r.astimezone(where).replace(tzinfo=None) == local})
            if real:
                expected.add(real[-1 if fold == "second" else 0])
            elif gap == "shift":
                # The first moment after the gap: a change of the clocks between the two readings.
                low, high = sorted(readings)
                after = [change for change in changes(name) if low < change <= high]
                assert len(after) == 1, (name, local)
                expected.add(after[0])
        day += DAY
    timetable = TimetableSpec(kind="cron", crons=(spec,), timezone=name, gap=gap, fold=fold)
    assert list(ticks(timetable, start, end)) == sorted(tick for tick in expected if start <= tick <= end)


@settings(max_examples=150, deadline=None)
@given(at=moments(), expression=st.sampled_from(FIXED + INTERVALS), data_interval=st.booleans(), **POLICIES)
@example(at=BEFORE_A_DATE_COMES_BACK, expression="*/30 * * * *", data_interval=False, gap="shift", fold="first")
def test_catching_up_makes_each_run_once_and_its_intervals_have_no_holes(
    at: tuple[str, datetime], expression: str, data_interval: bool, gap: str, fold: str
) -> None:
    name, start = at
    spec = TimetableSpec(
        kind="cron", crons=(cron_spec(expression),), timezone=name, data_interval=data_interval, gap=gap, fold=fold
    )
    bounds, now = Restriction(start, None, True), start + 3 * DAY
    runs, run = [], next_run(spec, None, bounds, now)
    while run is not None and len(runs) < 40:
        runs.append(run)
        run = next_run(spec, run, bounds, now)
    due = [run.run_after for run in runs]
    assert due == sorted(set(due))
    expected = list(ticks(spec, start, due[-1]))
    assert due == (expected[1:] if data_interval else expected)
    for before, after in pairwise(runs):
        assert before.data_interval is not None
        assert after.data_interval is not None
        assert not data_interval or before.data_interval.end == after.data_interval.start


@pytest.mark.parametrize("name", ["Asia/Seoul", "Europe/Berlin", "Pacific/Apia", "Africa/Monrovia", "Asia/Gaza"])
def test_the_zones_that_matter_here_are_among_those_drawn(name: str) -> None:
    assert name in ZONES
    assert len(ZONES) > 400
    assert changes(name)
