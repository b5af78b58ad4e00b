"""The instants of cron expressions: equal to croniter in UTC, and sane wherever clocks change."""

import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from croniter.croniter import CroniterBadDateError
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tradewind.core.timetables import TimetableSpec, ticks
from tradewind.core.timetables.cron import CronTicks
from tradewind.core.timetables.spec import CronSpec
from tradewind.core.timetables.zones import zone
from tradewind.sdk.cron import InvalidSchedule, cron_spec

ZONES = [
    "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Antarctica/Troll", "America/Havana", "Asia/Beirut",
    "Africa/Casablanca", "America/Santiago", "Pacific/Apia", "Asia/Gaza", "Atlantic/Azores", "Asia/Tehran",
    "Antarctica/Casey", "Europe/Dublin", "Asia/Seoul", "Asia/Kathmandu", "UTC", "+05:45",
]  # fmt: skip
SHAPES = [
    "0 0 * * *", "30 2 * * *", "*/15 2 * * *", "0 * * * *", "*/30 * * * *", "15,45 1-3 * * *", "0 */2 * * *",
    "30 1 * * SUN", "0 3 L * *", "59 23 * * *", "10 */6 * * 0,6", "*/20 0-4 1-10 * *", "0 9,17 * * MON-FRI",
]  # fmt: skip


def at(text: str) -> datetime:
    """`2024-03-31 02:30+02:00` as an instant; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def clock(expression: str, zone_name: str = "UTC", gap: str = "shift", fold: str = "first") -> CronTicks:
    where = zone(zone_name)
    assert where is not None
    return CronTicks(cron_spec(expression), where, gap, fold)


def local_ticks(
    expression: str, zone_name: str, start: str, end: str, gap: str = "shift", fold: str = "first"
) -> list[str]:
    """The ticks as that zone's clocks show them, with their offset."""
    spec = TimetableSpec(kind="cron", crons=(cron_spec(expression),), timezone=zone_name, gap=gap, fold=fold)
    found = ticks(spec, at(start), at(end))
    return [tick.astimezone(ZoneInfo(zone_name)).isoformat(" ", "minutes") for tick in found]


def fields(low: int, high: int, *special: str) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    return st.one_of(
        st.just("*"),
        st.builds("*/{}".format, st.integers(1, high - low)),
        st.builds("{}-{}".format, number, number),
        st.builds("{}-{}/{}".format, number, number, st.integers(1, 9)),
        st.lists(number, min_size=1, max_size=3).map(lambda numbers: ",".join(map(str, numbers))),
        *map(st.just, special),
    )


EXPRESSIONS = st.builds(
    "{} {} {} {} {}{}".format,
    fields(0, 59),
    fields(0, 23),
    fields(1, 31, "L", "1,L"),
    fields(1, 12, "JAN", "MAR-MAY"),
    fields(0, 7, "MON", "SUN-TUE", "MON-FRI"),
    st.sampled_from(["", "", "", " */20", " 5,50"]),
) | st.builds(
    "{} {} * {} {}".format,
    fields(0, 59),
    fields(0, 23),
    fields(1, 12),
    st.sampled_from(["MON#2", "L5", "FRI#5", "1#1,3#3", "L0,L6"]),
)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 12, 31), timezones=st.just(UTC))


@settings(max_examples=150, deadline=None)
@given(EXPRESSIONS, MOMENTS)
def test_in_utc_every_tick_is_croniters(expression: str, start: datetime) -> None:
    try:
        theirs = croniter(expression, start)
    except ValueError:
        with pytest.raises(InvalidSchedule):
            cron_spec(expression)
        return
    ours, tick = clock(expression), start
    for _ in range(3):
        try:
            expected = theirs.get_next(datetime)
        except CroniterBadDateError:
            assert ours.after(tick) is None
            return
        assert ours.after(tick) == expected
        tick = expected
    assert ours.before(start) == croniter(expression, start).get_prev(datetime)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from(SHAPES), MOMENTS, st.sampled_from(["shift", "skip"]),
       st.sampled_from(["first", "second"]))  # fmt: skip
def test_ticks_strictly_increase_and_lead_back_the_same_way(
    zone_name: str, expression: str, start: datetime, gap: str, fold: str
) -> None:
    ours = clock(expression, zone_name, gap, fold)
    there = [start]
    for _ in range(12):
        tick = ours.after(there[-1])
        assert tick is not None
        assert tick > there[-1]
        there.append(tick)
    for earlier, later in pairwise(there[1:]):
        assert ours.before(later) == earlier
        assert ours.after(later - timedelta(microseconds=1)) == later


def changes(zone_name: str) -> list[datetime]:
    """The instants, to the minute, at which a zone's offset changes from 2020 to 2035."""
    where = zone(zone_name)
    step, moment, found = timedelta(days=2), at("2020-01-01"), []
    while moment < at("2036-01-01"):
        low, high = moment, moment + step
        if low.astimezone(where).utcoffset() != high.astimezone(where).utcoffset():
            offset = low.astimezone(where).utcoffset()
            while high - low > timedelta(minutes=1):
                middle = low + (high - low) / 2
                low, high = (middle, high) if middle.astimezone(where).utcoffset() == offset else (low, middle)
            found.append(high.replace(second=0, microsecond=0))
        moment += step
    return found


CHANGES = [(name, change) for name in ZONES for change in changes(name)]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CHANGES), st.sampled_from(["0 * * * *", "*/30 * * * *", "*/7 * * * *", "10 * * * SUN"]))
def test_around_a_clock_change_interval_crons_tick_whenever_the_clock_shows_their_time(
    change: tuple[str, datetime], expression: str
) -> None:
    zone_name, moment = change
    spec, where = cron_spec(expression), zone(zone_name)
    start = moment - timedelta(hours=30)
    expected = []
    for minute in range(60 * 60):
        local = (start + timedelta(minutes=minute)).astimezone(where)
        if local.minute in spec.minutes and local.isoweekday() % 7 in spec.weekdays:
            expected.append(start + timedelta(minutes=minute))
    timetable = TimetableSpec(kind="cron", crons=(spec,), timezone=zone_name)
    assert list(ticks(timetable, start, start + timedelta(minutes=60 * 60 - 1))) == expected


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(CHANGES), st.integers(0, 23), st.integers(0, 59), st.sampled_from(["first", "second"]))
def test_around_a_clock_change_a_daily_cron_ticks_once_a_date(
    change: tuple[str, datetime], hour: int, minute: int, fold: str
) -> None:
    zone_name, moment = change
    where = zone(zone_name)
    ours = clock(f"{minute} {hour} * * *", zone_name, fold=fold)
    today = moment.astimezone(where).date()
    dates = []
    tick = ours.before(moment - timedelta(days=3))
    while tick is not None and tick < moment + timedelta(days=4):
        shown = tick.astimezone(where)
        # A shifted tick shows the first time after the gap.
        assert (shown.hour, shown.minute) == (hour, minute) or tick == moment
        dates.append(shown.date())
        tick = ours.after(tick)
    assert len(dates) == len(set(dates))
    assert all(later - earlier == timedelta(days=1) for earlier, later in pairwise(dates))
    assert today in dates


def test_a_time_that_a_clock_change_skips_moves_to_the_first_moment_after_it() -> None:
    assert local_ticks("30 2 * * *", "Europe/Berlin", "2024-03-30 00:00", "2024-04-01 12:00") == [
        "2024-03-30 02:30+01:00", "2024-03-31 03:00+02:00", "2024-04-01 02:30+02:00",
    ]  # fmt: skip


def test_a_skipped_time_is_left_out_where_the_policy_says_so() -> None:
    assert local_ticks("30 2 * * *", "Europe/Berlin", "2024-03-30 00:00", "2024-04-01 12:00", gap="skip") == [
        "2024-03-30 02:30+01:00", "2024-04-01 02:30+02:00",
    ]  # fmt: skip


def test_several_skipped_times_become_one_tick() -> None:
    assert local_ticks("*/15 2,3 * * *", "Europe/Berlin", "2024-03-31 00:00", "2024-03-31 01:20") == [
        "2024-03-31 03:00+02:00", "2024-03-31 03:15+02:00",
    ]  # fmt: skip


@pytest.mark.parametrize(("fold", "offset"), [("first", "+02:00"), ("second", "+01:00")])
def test_a_repeated_time_ticks_once_for_fixed_hours(fold: str, offset: str) -> None:
    assert local_ticks("30 2 * * *", "Europe/Berlin", "2024-10-26 12:00", "2024-10-28 00:00", fold=fold) == [
        f"2024-10-27 02:30{offset}"
    ]


def test_a_repeated_hour_has_its_ticks_twice_for_interval_crons() -> None:
    assert local_ticks("*/30 * * * *", "Europe/Berlin", "2024-10-26 23:45", "2024-10-27 01:45") == [
        "2024-10-27 02:00+02:00", "2024-10-27 02:30+02:00", "2024-10-27 02:00+01:00", "2024-10-27 02:30+01:00",
    ]  # fmt: skip


def test_a_skipped_hour_leaves_an_hourly_cron_an_hour_apart() -> None:
    found = local_ticks("0 * * * *", "Europe/Berlin", "2024-03-31 00:00", "2024-03-31 02:00")
    assert found == ["2024-03-31 01:00+01:00", "2024-03-31 03:00+02:00", "2024-03-31 04:00+02:00"]


def test_morning_runs_keep_their_wall_clock_after_a_change_at_night() -> None:
    found = local_ticks("0 7,9 * * *", "America/Los_Angeles", "2020-03-07 00:00-08:00", "2020-03-08 20:00-07:00")
    assert [text[:16] for text in found] == [
        "2020-03-07 07:00", "2020-03-07 09:00", "2020-03-08 07:00", "2020-03-08 09:00",
    ]  # fmt: skip


def test_a_day_that_a_zone_left_out_moves_to_the_next_one() -> None:
    found = local_ticks("0 6 * * *", "Pacific/Apia", "2011-12-29 00:00-10:00", "2012-01-01 00:00+14:00")
    assert found == ["2011-12-29 06:00-10:00", "2011-12-31 00:00+14:00", "2011-12-31 06:00+14:00"]


def test_months_in_their_own_zone() -> None:
    assert local_ticks("0 0 1 * *", "Asia/Seoul", "2024-01-15", "2024-03-15") == [
        "2024-02-01 00:00+09:00", "2024-03-01 00:00+09:00",
    ]  # fmt: skip


def test_a_fixed_offset_needs_no_zone_name() -> None:
    assert clock("0 9 * * *", "+09:00").after(at("2024-01-01 00:00")) == at("2024-01-02 00:00")
    assert clock("0 9 * * *", "-0330").after(at("2024-01-01 00:00")) == at("2024-01-01 12:30")


@pytest.mark.parametrize("expression", ["0 0 30 2 *", "0 0 31 4,6 *", "0 0 1 1 * 0 1990"])
def test_an_impossible_date_never_comes(expression: str) -> None:
    assert clock(expression).after(at("2024-01-01")) is None


@pytest.mark.parametrize(
    ("expression", "tick"),
    [
        ("0 0 29 2 *", "2028-02-29"),
        ("0 0 * 2 MON#5", "2044-02-29"),
        ("0 0 L * *", "2024-04-30"),
        ("0 0 * * L5", "2024-04-26"),
        ("0 0 1 1 * 0 2060", "2060-01-01"),
        ("0 0 13 * FRI", "2024-04-05"),
        ("30 * * * * 15", "2024-04-01 12:30:15"),
    ],
)
def test_unusual_days_are_found(expression: str, tick: str) -> None:
    assert clock(expression).after(at("2024-04-01 12:00")) == at(tick)


@pytest.mark.parametrize(
    ("day", "months", "tick"),
    [
        (15, (4,), "2024-04-15"),  # a Monday
        (6, (4,), "2024-04-05"),  # a Saturday
        (14, (4,), "2024-04-15"),  # a Sunday
        (1, (6,), "2024-06-03"),  # a Saturday, and May is another month
        (31, (6,), "2024-06-28"),  # the last of June is a Sunday, and July is another month
    ],
)
def test_the_nearest_weekday_stays_within_the_month(day: int, months: tuple[int, ...], tick: str) -> None:
    spec = replace(cron_spec("0 0 1 * *"), days=(), months=months, nearest_weekday=day)
    assert CronTicks(spec, UTC).after(at("2024-04-01 12:00")) == at(tick)


def test_an_nth_weekday_decides_alone_beside_a_day_of_month() -> None:
    """As croniter has it, where croniter finds a date at all."""
    ours = clock("0 0 1-20 * MON#2")
    theirs = croniter("0 0 1-20 * MON#2", at("2024-01-01"))
    tick = at("2024-01-01")
    for _ in range(6):
        tick = ours.after(tick) or tick
        assert tick == theirs.get_next(datetime)


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_fields_that_no_parser_would_give_raise_nothing(data: st.DataObject) -> None:
    numbers = st.lists(st.integers(-5, 99), max_size=3).map(lambda some: tuple(sorted(set(some))))
    spec = CronSpec(
        expression="",
        minutes=data.draw(numbers), hours=data.draw(numbers), days=data.draw(numbers), months=data.draw(numbers),
        weekdays=data.draw(numbers), any_day=data.draw(st.booleans()), any_weekday=data.draw(st.booleans()),
        last_day=data.draw(st.booleans()),
        nth_weekdays=tuple(data.draw(st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), max_size=2))),
    )  # fmt: skip
    start = data.draw(MOMENTS)
    assume(spec.months)
    tick = CronTicks(spec, UTC).after(start)
    assert tick is None or tick > start


def test_the_next_tick_is_found_by_fields_and_not_by_walking() -> None:
    """A leap day, in a zone with clock changes, costs as few calls four years off as tomorrow's noon does."""
    moment = at("2024-03-01")
    near, far = (_calls(clock(text, "Europe/Berlin"), moment) for text in ("0 12 * * *", "0 0 29 2 *"))
    assert near <= far < 10 * near


def _calls(ours: CronTicks, moment: datetime) -> int:
    """How many functions are called to find the tick after a moment."""
    ours.after(moment)
    seen: list[str] = []
    outer = sys.getprofile()
    sys.setprofile(lambda frame, event, argument: seen.append(event) if event.endswith("call") else None)
    try:
        ours.after(moment)
    finally:
        sys.setprofile(outer)
    return len(seen)


def test_ticks_include_both_ends() -> None:
    spec = TimetableSpec(kind="cron", crons=(cron_spec("@hourly"),))
    assert list(ticks(spec, at("2024-01-01 00:00"), at("2024-01-01 02:00"))) == [
        at("2024-01-01 00:00"), at("2024-01-01 01:00"), at("2024-01-01 02:00"),
    ]  # fmt: skip
    assert list(ticks(spec, at("2024-01-01 00:01"), at("2024-01-01 00:59"))) == []


def test_several_crons_tick_together_once() -> None:
    spec = TimetableSpec(kind="cron", crons=(cron_spec("0 */8 * * *"), cron_spec("0 */12 * * *")))
    hours = [tick.hour for tick in islice(ticks(spec, at("2024-01-01"), at("2024-01-02")), 4)]
    assert hours == [0, 8, 12, 16]


@pytest.mark.parametrize("name", ["Mars/Phobos", "", "../etc/passwd", "+25:00", "utc"])
def test_a_zone_name_from_anywhere_raises_nothing(name: str) -> None:
    assert (zone(name) is UTC) == (name in ("", "utc"))
