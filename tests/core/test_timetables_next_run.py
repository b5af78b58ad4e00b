"""Which run of a schedule comes next, for every kind of timetable."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.timetables import DataInterval, DueRun, Restriction, TimetableSpec, manual_interval, next_run
from tradewind.sdk.cron import cron_spec

DAY = 86400.0


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(*expressions: str, **fields: object) -> TimetableSpec:
    return TimetableSpec(kind="cron", crons=tuple(map(cron_spec, expressions)), **fields)  # type: ignore[arg-type]


def delta(seconds: float, **fields: object) -> TimetableSpec:
    return TimetableSpec(kind="delta", delta_seconds=seconds, **fields)  # type: ignore[arg-type]


def bounds(earliest: str | None = None, latest: str | None = None, catchup: bool = False) -> Restriction:
    return Restriction(at(earliest) if earliest else None, at(latest) if latest else None, catchup)


def ran(start: str, end: str | None = None) -> DueRun:
    return DueRun(at(start), DataInterval(at(start), at(end or start)), at(end or start))


def due(spec: TimetableSpec, last: DueRun | None, restriction: Restriction, now: str) -> list[str] | None:
    """[logical date, interval start, interval end, run_after] of the next run, to the minute."""
    run = next_run(spec, last, restriction, at(now))
    if run is None:
        return None
    assert run.data_interval is not None
    assert run.logical_date == run.data_interval.start
    moments = (run.data_interval.start, run.data_interval.end, run.run_after)
    return [moment.isoformat(" ", "minutes").removesuffix("+00:00") for moment in moments]


def exact(text: str) -> list[str]:
    return [text, text, text]


DAILY = cron("@daily")
DAILY_SPANS = replace(DAILY, data_interval=True)


class TestCronTrigger:
    def test_catchup_starts_at_the_start_date_itself_when_that_is_a_tick(self) -> None:
        assert due(DAILY, None, bounds("2024-01-01", catchup=True), "2024-03-01") == exact("2024-01-01 00:00")

    def test_catchup_starts_at_the_first_tick_after_the_start_date(self) -> None:
        assert due(DAILY, None, bounds("2024-01-01 07:00", catchup=True), "2024-03-01") == exact("2024-01-02 00:00")

    def test_catchup_runs_every_missed_tick(self) -> None:
        last = ran("2024-01-05")
        assert due(DAILY, last, bounds("2024-01-01", catchup=True), "2024-03-01") == exact("2024-01-06 00:00")

    def test_without_catchup_only_the_latest_missed_tick_runs(self) -> None:
        assert due(DAILY, ran("2024-01-05"), bounds("2024-01-01"), "2024-03-01 12:00") == exact("2024-03-01 00:00")
        assert due(DAILY, None, bounds("2024-01-01"), "2024-03-01 12:00") == exact("2024-03-01 00:00")

    def test_without_catchup_the_tick_of_this_very_moment_counts(self) -> None:
        assert due(DAILY, ran("2024-01-05"), bounds(), "2024-03-01 00:00") == exact("2024-03-01 00:00")

    def test_a_tick_that_has_run_is_followed_by_the_next_one(self) -> None:
        assert due(DAILY, ran("2024-03-01"), bounds(), "2024-03-01 12:00") == exact("2024-03-02 00:00")

    def test_a_start_date_in_the_future_is_waited_for(self) -> None:
        assert due(DAILY, None, bounds("2024-06-01"), "2024-03-01 12:00") == exact("2024-06-01 00:00")

    def test_the_end_date_is_inclusive(self) -> None:
        until = bounds("2024-01-01", "2024-01-06", catchup=True)
        assert due(DAILY, ran("2024-01-05"), until, "2024-03-01") == exact("2024-01-06 00:00")
        assert due(DAILY, ran("2024-01-06"), until, "2024-03-01") is None

    @pytest.mark.parametrize(
        ("run_immediately", "now", "first"),
        [
            (False, "2024-03-01 02:00", "2024-03-01 00:00"),  # within a tenth of the day
            (False, "2024-03-01 02:30", "2024-03-02 00:00"),
            (True, "2024-03-01 23:00", "2024-03-01 00:00"),
            (3600.0, "2024-03-01 01:00", "2024-03-01 00:00"),
            (3600.0, "2024-03-01 01:01", "2024-03-02 00:00"),
            (0.0, "2024-03-01 00:01", "2024-03-02 00:00"),
            (False, "2024-03-01 00:00", "2024-03-01 00:00"),
        ],
    )
    @pytest.mark.parametrize("catchup", [True, False])
    def test_without_a_start_date_the_tick_just_passed_runs_while_it_is_fresh(
        self, run_immediately: bool | float, now: str, first: str, catchup: bool
    ) -> None:
        spec = replace(DAILY, run_immediately=run_immediately)
        assert due(spec, None, bounds(catchup=catchup), now) == exact(first)

    def test_a_frequent_cron_has_five_minutes_of_grace(self) -> None:
        spec = cron("*/10 * * * *")
        assert due(spec, None, bounds(catchup=True), "2024-03-01 00:05") == exact("2024-03-01 00:00")
        assert due(spec, None, bounds(catchup=True), "2024-03-01 00:06") == exact("2024-03-01 00:10")

    def test_a_window_ends_at_the_tick(self) -> None:
        spec = replace(DAILY, window_seconds=DAY)
        assert due(spec, ran("2024-01-04", "2024-01-05"), bounds(), "2024-01-05 12:00") == [
            "2024-01-05 00:00", "2024-01-06 00:00", "2024-01-06 00:00",
        ]  # fmt: skip

    def test_the_logical_date_of_a_window_keeps_within_the_bounds(self) -> None:
        spec = replace(DAILY, window_seconds=DAY)
        limits = bounds("2024-01-01", "2024-01-02", catchup=True)
        assert due(spec, None, limits, "2024-03-01") == ["2024-01-01 00:00", "2024-01-02 00:00", "2024-01-02 00:00"]
        assert due(spec, ran("2024-01-02", "2024-01-03"), limits, "2024-03-01") is None

    def test_a_window_of_calendar_months_never_begins_before_the_start_date(self) -> None:
        spec = replace(DAILY, window_months=1)
        assert due(spec, None, bounds("2024-01-31", catchup=True), "2024-03-01") == [
            "2024-02-01 00:00", "2024-03-01 00:00", "2024-03-01 00:00",
        ]  # fmt: skip

    def test_the_earliest_tick_of_several_crons_comes_first(self) -> None:
        spec = cron("0 3 * * *", "30 1 * * *")
        assert due(spec, ran("2024-03-01"), bounds(catchup=True), "2024-03-01") == exact("2024-03-01 01:30")
        assert due(spec, ran("2024-03-01 01:30"), bounds(catchup=True), "2024-03-01") == exact("2024-03-01 03:00")

    def test_a_wider_window_never_takes_a_logical_date_twice(self) -> None:
        spec = replace(DAILY, window_seconds=3 * DAY)
        assert due(spec, ran("2024-01-05"), bounds(catchup=True), "2024-03-01") == [
            "2024-01-06 00:00", "2024-01-09 00:00", "2024-01-09 00:00",
        ]  # fmt: skip


class TestCronDataInterval:
    def test_a_run_is_due_at_the_end_of_its_interval(self) -> None:
        assert due(DAILY_SPANS, None, bounds("2024-01-01", catchup=True), "2024-01-01 12:00") == [
            "2024-01-01 00:00", "2024-01-02 00:00", "2024-01-02 00:00",
        ]  # fmt: skip

    def test_without_catchup_the_last_complete_interval_runs(self) -> None:
        expected = ["2024-02-29 00:00", "2024-03-01 00:00", "2024-03-01 00:00"]
        assert due(DAILY_SPANS, None, bounds("2024-01-01"), "2024-03-01 12:00") == expected
        assert due(DAILY_SPANS, None, bounds(), "2024-03-01 12:00") == expected
        assert due(DAILY_SPANS, None, bounds(), "2024-03-01 00:00") == expected
        assert due(DAILY_SPANS, ran("2024-01-01", "2024-01-02"), bounds(), "2024-03-01 12:00") == expected

    def test_with_catchup_but_no_start_date_nothing_is_due(self) -> None:
        assert due(DAILY_SPANS, None, bounds(catchup=True), "2024-03-01") is None

    def test_the_next_interval_begins_where_the_last_one_ended(self) -> None:
        last = ran("2024-01-01", "2024-01-02")
        assert due(DAILY_SPANS, last, bounds("2024-01-01", catchup=True), "2024-03-01") == [
            "2024-01-02 00:00", "2024-01-03 00:00", "2024-01-03 00:00",
        ]  # fmt: skip

    def test_the_end_date_bounds_the_start_of_the_interval(self) -> None:
        until = bounds("2024-01-01", "2024-01-02", catchup=True)
        assert due(DAILY_SPANS, ran("2024-01-01", "2024-01-02"), until, "2024-03-01") is not None
        assert due(DAILY_SPANS, ran("2024-01-02", "2024-01-03"), until, "2024-03-01") is None

    def test_a_schedule_that_was_a_trigger_does_not_take_its_logical_date_again(self) -> None:
        assert due(DAILY_SPANS, ran("2024-01-05"), bounds(catchup=True), "2024-01-05 12:00") == [
            "2024-01-06 00:00", "2024-01-07 00:00", "2024-01-07 00:00",
        ]  # fmt: skip

    def test_a_schedule_that_has_changed_goes_on_from_its_own_ticks(self) -> None:
        last = ran("2024-01-05 12:00", "2024-01-05 13:00")
        assert due(DAILY_SPANS, last, bounds(catchup=True), "2024-01-05 13:30") == [
            "2024-01-06 00:00", "2024-01-07 00:00", "2024-01-07 00:00",
        ]  # fmt: skip

    def test_the_day_of_a_clock_change_is_shorter(self) -> None:
        spec = replace(DAILY_SPANS, timezone="Europe/Berlin")
        run = next_run(spec, None, bounds("2024-03-30 23:00", catchup=True), at("2024-04-01"))
        assert run is not None
        assert run.data_interval is not None
        assert run.data_interval.end - run.data_interval.start == timedelta(hours=23)


class TestDelta:
    def test_a_trigger_counts_from_the_start_date(self) -> None:
        spec = delta(3600)
        assert due(spec, None, bounds("2024-01-01 05:10", catchup=True), "2024-03-01") == exact("2024-01-01 05:10")
        assert due(spec, None, bounds("2024-01-01 05:10"), "2024-03-01 12:00") == exact("2024-03-01 11:10")
        assert due(spec, ran("2024-01-01 05:10"), bounds("2024-01-01 05:10", catchup=True), "2024-03-01") == exact(
            "2024-01-01 06:10"
        )

    def test_without_a_start_date_it_runs_at_once_and_counts_from_the_epoch(self) -> None:
        assert due(delta(DAY), None, bounds(), "2024-03-01 12:34") == exact("2024-03-01 00:00")

    def test_after_a_pause_only_the_latest_tick_runs(self) -> None:
        assert due(delta(3600), ran("2024-01-01 05:10"), bounds(), "2024-03-01 12:00") == exact("2024-03-01 11:10")

    def test_a_data_interval_is_due_at_its_end(self) -> None:
        spec = delta(DAY, data_interval=True)
        expected = ["2024-02-29 05:00", "2024-03-01 05:00", "2024-03-01 05:00"]
        assert due(spec, None, bounds("2024-01-01 05:00"), "2024-03-01 12:00") == expected
        assert due(spec, ran("2024-02-28 05:00", "2024-02-29 05:00"), bounds(), "2024-03-01 12:00") == expected

    def test_a_later_start_date_is_counted_from(self) -> None:
        last = ran("2024-01-01", "2024-01-02")
        assert due(delta(DAY, data_interval=True), last, bounds("2024-02-01 07:00", catchup=True), "2024-03-01") == [
            "2024-02-01 07:00", "2024-02-02 07:00", "2024-02-02 07:00",
        ]  # fmt: skip

    def test_months_are_calendar_months(self) -> None:
        spec = TimetableSpec(kind="delta", delta_months=1, data_interval=True)
        assert due(spec, ran("2024-01-01", "2024-02-01"), bounds(catchup=True), "2024-02-01") == [
            "2024-02-01 00:00", "2024-03-01 00:00", "2024-03-01 00:00",
        ]  # fmt: skip


class TestTheOtherKinds:
    def test_once_runs_at_its_start_date_or_at_once(self) -> None:
        spec = TimetableSpec(kind="once")
        assert due(spec, None, bounds("2024-01-01"), "2024-03-01") == exact("2024-01-01 00:00")
        assert due(spec, None, bounds(), "2024-03-01 12:00") == exact("2024-03-01 12:00")
        assert due(spec, ran("2024-01-01"), bounds("2024-01-01"), "2024-03-01") is None
        assert due(spec, None, bounds("2024-01-02", "2024-01-01"), "2024-03-01") is None

    def test_continuous_covers_the_time_since_the_last_run(self) -> None:
        spec = TimetableSpec(kind="continuous", active_runs_limit=1)
        assert due(spec, None, bounds("2024-01-01"), "2024-03-01") == [
            "2024-01-01 00:00", "2024-03-01 00:00", "2024-03-01 00:00",
        ]  # fmt: skip
        assert due(spec, ran("2024-01-01", "2024-03-01"), bounds("2024-01-01"), "2024-03-01 00:07") == [
            "2024-03-01 00:00", "2024-03-01 00:07", "2024-03-01 00:07",
        ]  # fmt: skip

    def test_continuous_waits_for_its_start_date_and_ends_with_its_end_date(self) -> None:
        spec = TimetableSpec(kind="continuous")
        assert due(spec, None, bounds("2024-06-01"), "2024-03-01") == exact("2024-06-01 00:00")
        assert due(spec, ran("2024-03-01", "2024-03-02"), bounds(latest="2024-03-01"), "2024-03-02") is None

    def test_continuous_without_a_start_date_never_takes_a_logical_date_twice(self) -> None:
        spec, now, last = TimetableSpec(kind="continuous"), at("2024-03-01"), None
        for _ in range(4):
            run = next_run(spec, last, bounds(), now)
            assert run is not None
            assert last is None or run.logical_date > last.logical_date  # type: ignore[operator]
            last = run

    def test_events_run_one_after_another(self) -> None:
        events = TimetableSpec(kind="events", events=(at("2024-01-09"), at("2024-01-01"), at("2024-01-20")))
        catch = bounds("2024-01-01", catchup=True)
        assert due(events, None, catch, "2024-03-01") == exact("2024-01-01 00:00")
        assert due(events, ran("2024-01-01"), catch, "2024-03-01") == exact("2024-01-09 00:00")
        assert due(events, ran("2024-01-20"), catch, "2024-03-01") is None
        assert due(events, None, bounds(catchup=True), "2024-03-01") == exact("2024-01-01 00:00")

    def test_without_catchup_events_before_the_first_run_are_past(self) -> None:
        events = TimetableSpec(kind="events", events=(at("2024-01-01"), at("2024-01-09"), at("2024-01-20")))
        assert due(events, None, bounds("2023-01-01"), "2024-01-10") == exact("2024-01-20 00:00")
        assert due(events, None, bounds(), "2024-01-20") == exact("2024-01-20 00:00")
        assert due(events, None, bounds(), "2024-02-01") is None

    def test_without_catchup_an_event_missed_between_runs_still_comes(self) -> None:
        events = TimetableSpec(kind="events", events=(at("2024-01-01"), at("2024-01-05"), at("2024-01-09")))
        assert due(events, ran("2024-01-01"), bounds(), "2024-01-12") == exact("2024-01-09 00:00")
        assert due(events, ran("2024-01-09"), bounds(), "2024-01-12") is None

    @pytest.mark.parametrize("kind", ["never", "asset", "custom", "unheard of"])
    def test_a_kind_without_moments_of_its_own_is_never_due(self, kind: str) -> None:
        assert due(TimetableSpec(kind=kind), None, bounds("2024-01-01"), "2024-03-01") is None

    @pytest.mark.parametrize(
        "spec",
        [
            cron("0 0 30 2 *"),
            cron("0 0 30 2 *", data_interval=True),
            cron("@daily", timezone="Mars/Phobos"),
            TimetableSpec(kind="cron"),
            TimetableSpec(kind="delta"),
            delta(-5.0),
            delta(float("inf")),
            delta(float("nan")),
            delta(DAY, timezone="Mars/Phobos"),
            TimetableSpec(kind="events"),
        ],
    )
    @pytest.mark.parametrize("catchup", [True, False])
    def test_a_schedule_that_never_comes_is_never_due_and_raises_nothing(
        self, spec: TimetableSpec, catchup: bool
    ) -> None:
        for earliest in (None, "2024-01-01"):
            assert due(spec, None, bounds(earliest, catchup=catchup), "2024-03-01") is None
            assert due(spec, ran("2024-01-01"), bounds(earliest, catchup=catchup), "2024-03-01") is None
        assert manual_interval(spec, at("2024-03-01")) is not None

    @pytest.mark.parametrize("when", [datetime.max, datetime.min])
    @pytest.mark.parametrize("spec", [DAILY, DAILY_SPANS, delta(DAY), delta(DAY, data_interval=True)])
    def test_the_ends_of_the_calendar_raise_nothing(self, spec: TimetableSpec, when: datetime) -> None:
        moment = when.replace(tzinfo=UTC)
        last = DueRun(moment, DataInterval(moment, moment), moment)
        next_run(spec, last, Restriction(moment, None, False), moment)
        next_run(spec, None, Restriction(None, None, False), moment)
        manual_interval(spec, moment)


class TestManualRuns:
    @pytest.mark.parametrize(
        ("spec", "interval"),
        [
            (DAILY_SPANS, ("2024-02-29 00:00", "2024-03-01 00:00")),
            (delta(DAY, data_interval=True), ("2024-02-29 12:30", "2024-03-01 12:30")),
            (DAILY, ("2024-03-01 12:30", "2024-03-01 12:30")),
            (replace(DAILY, window_seconds=3600.0), ("2024-03-01 11:30", "2024-03-01 12:30")),
            (replace(DAILY, window_months=1), ("2024-02-01 12:30", "2024-03-01 12:30")),
            (delta(DAY), ("2024-03-01 12:30", "2024-03-01 12:30")),
            (TimetableSpec(kind="never"), ("2024-03-01 12:30", "2024-03-01 12:30")),
            (TimetableSpec(kind="asset"), ("2024-03-01 12:30", "2024-03-01 12:30")),
            (TimetableSpec(kind="once"), ("2024-03-01 12:30", "2024-03-01 12:30")),
            (TimetableSpec(kind="events", events=(at("2024-01-01"),)), ("2024-03-01 12:30", "2024-03-01 12:30")),
            (
                TimetableSpec(kind="events", events=(at("2024-01-01"),), restrict_to_events=True),
                ("2024-01-01 00:00", "2024-01-01 00:00"),
            ),
            (
                TimetableSpec(kind="events", events=(at("2025-01-01"),), restrict_to_events=True),
                ("2025-01-01 00:00", "2025-01-01 00:00"),
            ),
        ],
    )
    def test_a_manual_run_covers_what_its_timetable_says(self, spec: TimetableSpec, interval: tuple[str, str]) -> None:
        assert manual_interval(spec, at("2024-03-01 12:30")) == DataInterval(at(interval[0]), at(interval[1]))

    def test_a_manual_run_on_a_boundary_covers_the_interval_that_ends_there(self) -> None:
        assert manual_interval(DAILY_SPANS, at("2024-03-01")) == DataInterval(at("2024-02-29"), at("2024-03-01"))

    def test_a_manual_run_after_a_skipped_hour_covers_a_whole_day(self) -> None:
        spec = cron("0 2 * * *", timezone="America/New_York", data_interval=True)
        assert manual_interval(spec, at("2024-03-10 07:30")) == DataInterval(
            at("2024-03-09 07:00"), at("2024-03-10 07:00")
        )

    def test_only_a_custom_timetable_can_say_for_itself(self) -> None:
        assert manual_interval(TimetableSpec(kind="custom", custom="m.C"), at("2024-03-01")) is None


SPECS = st.builds(
    lambda base, window, months, spans: replace(
        base, window_seconds=window, window_months=months, data_interval=spans
    ),
    st.sampled_from(
        [
            cron("@hourly"), cron("30 2 * * *", timezone="Europe/Berlin"), cron("0 3 L * *", "0 5 * * MON"),
            cron("*/30 * * * *", timezone="Australia/Lord_Howe", fold="second", gap="skip"),
            delta(3600.0), delta(100000.5), TimetableSpec(kind="delta", delta_months=1, timezone="America/New_York"),
            TimetableSpec(kind="continuous"), TimetableSpec(kind="once"),
            TimetableSpec(kind="events", events=tuple(at(f"20{year}-05-05") for year in range(21, 34))),
        ]
    ),
    st.sampled_from([0.0, 3600.0, 7 * DAY]),
    st.sampled_from([0, 0, 1]),
    st.booleans(),
)  # fmt: skip
MOMENTS = st.datetimes(datetime(2021, 1, 1), datetime(2033, 1, 1), timezones=st.just(UTC))


@settings(max_examples=150, deadline=None)
@given(
    SPECS,
    st.none() | MOMENTS,
    st.booleans(),
    MOMENTS,
    st.lists(st.timedeltas(timedelta(0), timedelta(days=40)), min_size=2, max_size=8),
)
def test_a_schedule_never_goes_backwards(
    spec: TimetableSpec, earliest: datetime | None, catchup: bool, now: datetime, steps: list[timedelta]
) -> None:
    restriction = Restriction(earliest, None, catchup)
    last: DueRun | None = None
    for step in steps:
        now += step
        run = next_run(spec, last, restriction, now)
        if run is None:
            assert spec.kind in ("once", "events") or (last is None and earliest is None and catchup)
            return
        assert run.logical_date is not None
        assert run.data_interval is not None
        assert run.data_interval.start <= run.data_interval.end <= run.run_after
        assert earliest is None or run.logical_date >= earliest
        if last is not None:
            assert last.logical_date is not None
            assert run.logical_date > last.logical_date
            assert run.run_after >= last.run_after
        last, now = run, max(now, run.run_after)


@settings(max_examples=60, deadline=None)
@given(SPECS, MOMENTS, MOMENTS)
def test_asking_twice_gives_the_same_answer(spec: TimetableSpec, earliest: datetime, now: datetime) -> None:
    restriction = Restriction(earliest, None, True)
    assert next_run(spec, None, restriction, now) == next_run(spec, None, restriction, now)
