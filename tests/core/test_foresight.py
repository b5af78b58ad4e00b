"""What coming runs will need, against counts made second by second."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tradewind.core.foresight import Overlap, PoolUse, overlap_of, pool_uses, profile_of
from tradewind.core.timetables import DueRun, Restriction, TimetableSpec, next_run
from tradewind.core.timetables.span import runs_between
from tradewind.sdk.timetables import timetable_spec
from tradewind.testing.builders import CONTINUOUS, NEVER, dag, every, expand

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
FREE = Restriction(None, None, False)


def at(**after: float) -> datetime:
    return START + timedelta(**after)


def due(spec: TimetableSpec, bounds: Restriction = FREE, end: datetime | None = None, **given: Any) -> list[str]:
    runs = runs_between(spec, bounds, START, end or at(days=1), **given)
    return [run.run_after.strftime("%d %H:%M") for run in runs]


class TestRunsOfASpan:
    def test_the_first_moment_counts_and_the_last_does_not(self) -> None:
        assert due(timetable_spec("0 */8 * * *", timezone="UTC")) == ["01 00:00", "01 08:00", "01 16:00"]

    def test_a_data_interval_that_began_before_is_due_in_it(self) -> None:
        spec = timetable_spec("0 */8 * * *", timezone="UTC", create_data_intervals=True)
        runs = list(runs_between(spec, FREE, START, at(days=1)))
        assert [run.logical_date for run in runs] == [at(hours=-8), at(hours=0), at(hours=8)]

    @pytest.mark.parametrize("catchup", [True, False])
    def test_what_was_due_before_has_been_made(self, catchup: bool) -> None:
        bounds = Restriction(at(days=-100), None, catchup)
        assert due(every(hours=12), bounds) == ["01 00:00", "01 12:00"]

    def test_a_delta_goes_on_counting_from_its_start_date(self) -> None:
        assert due(every(hours=7), Restriction(at(hours=-10), None, True)) == ["01 04:00", "01 11:00", "01 18:00"]

    def test_dates_bound_it(self) -> None:
        bounds = Restriction(at(hours=5), at(hours=9), False)
        assert due(every(hours=3), bounds) == ["01 05:00", "01 08:00"]

    def test_once_is_once_and_only_in_its_own_time(self) -> None:
        once = timetable_spec("@once", timezone="UTC")
        assert due(once, Restriction(at(hours=3), None, False)) == ["01 03:00"]
        assert due(once, Restriction(at(hours=-3), None, False)) == []

    def test_continuous_runs_follow_each_others_end(self) -> None:
        assert due(CONTINUOUS, lasts=8 * HOUR) == ["01 00:00", "01 08:00", "01 16:00"]

    def test_events_of_the_span_are_its_runs(self) -> None:
        spec = TimetableSpec(kind="events", events=(at(hours=-1), at(hours=1), at(hours=2), at(days=3)))
        assert due(spec) == ["01 01:00", "01 02:00"]

    def test_a_custom_timetable_has_the_runs_that_its_code_named(self) -> None:
        named = [DueRun(None, None, at(hours=n)) for n in (-1, 1, 30)]
        assert due(TimetableSpec(kind="custom"), named=named) == ["01 01:00"]

    def test_no_schedule_no_runs(self) -> None:
        assert due(NEVER) == []

    @settings(max_examples=50, deadline=None)
    @given(st.sampled_from(["@hourly", "*/7 * * * *", "30 2 * * *", "0 9 * * MON-FRI"]), st.booleans(),
           st.sampled_from(["UTC", "Europe/Berlin"]), st.integers(-3000, 3000))  # fmt: skip
    def test_it_is_what_the_scheduler_would_make_step_by_step(
        self, cron: str, intervals: bool, zone: str, minutes: int
    ) -> None:
        spec = timetable_spec(cron, timezone=zone, create_data_intervals=intervals)
        start = datetime(2026, 3, 28, tzinfo=UTC) + minutes * MINUTE
        end = start + timedelta(days=2)
        found = list(runs_between(spec, FREE, start, end))
        made, now, last = [], start - timedelta(days=4), None
        while (run := next_run(spec, last, FREE, now)) is not None and run.run_after < end:
            now, last = max(now, run.run_after), run
            made.append(run)
        assert found == [run for run in made if run.run_after >= start]


class TestOverlap:
    def test_runs_that_end_in_time_do_not_overlap(self) -> None:
        assert overlap_of([at(hours=n) for n in range(5)], HOUR) == Overlap(0, 1, START)

    def test_longer_ones_do(self) -> None:
        assert overlap_of([at(hours=n) for n in range(5)], 2.5 * HOUR) == Overlap(4, 3, at(hours=2))

    def test_no_runs_never_overlap(self) -> None:
        assert overlap_of([], HOUR) == Overlap(0, 0, None)

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.integers(0, 500), max_size=30).map(sorted), st.integers(1, 200))
    def test_as_many_go_on_at_once_as_a_look_at_each_moment_finds(self, minutes: list[int], lasts: int) -> None:
        going_on = [sum(begin <= minute < begin + lasts for begin in minutes) for minute in range(701)]
        found = overlap_of([at(minutes=minute) for minute in minutes], lasts * MINUTE)
        assert found.most == max(going_on)
        assert found.runs == sum(any(b < a + lasts for a in minutes[:n]) for n, b in enumerate(minutes))


class TestPools:
    def test_each_step_of_the_longest_chain_has_its_share_of_the_time(self) -> None:
        spec = dag("a >> [b, c] >> d", tasks={"b": {"pool": "small", "pool_slots": 3}})
        assert profile_of(spec, MINUTE) == {
            "default_pool": {
                timedelta(0): 1, timedelta(seconds=60): -1
            },
            "small": {timedelta(seconds=20): 3, timedelta(seconds=40): -3},
        }  # fmt: skip

    def test_a_mapped_task_counts_as_often_as_the_file_says(self) -> None:
        profile = profile_of(dag("a", tasks={"a": {"map": expand(x=3, y=4)}}), MINUTE)
        assert profile["default_pool"][timedelta(0)] == 12

    def test_what_is_never_sent_to_a_worker_wants_nothing(self) -> None:
        assert profile_of(dag("a >> b", never_sent=True), MINUTE) == {}

    @settings(max_examples=50, deadline=None)
    @given(st.lists(st.tuples(st.lists(st.integers(0, 300), max_size=6).map(sorted), st.integers(1, 90),
                              st.integers(1, 3)), max_size=5))  # fmt: skip
    def test_the_slots_wanted_are_those_of_all_runs_that_go_on(self, dags: list[tuple[list[int], int, int]]) -> None:
        groups = []
        wanted = [0] * 500
        for begins, lasts, slots in dags:
            spec = dag("a", pool="p", pool_slots=slots)
            groups.append(([at(seconds=begin) for begin in begins], [profile_of(spec, lasts * SECOND)]))
            for begin in begins:
                for second in range(begin, begin + lasts):
                    wanted[second] += slots
        use = pool_uses(groups).get("p", PoolUse(()))
        assert use.most == max(wanted)
        assert use.peaks(START, at(seconds=500), 500) == wanted
        assert use.peaks(START, at(seconds=500), 50) == [max(wanted[n : n + 10]) for n in range(0, 500, 10)]
        assert use.seconds_above(2) == sum(slots > 2 for slots in wanted)
        if use.most:
            assert use.most_at == at(seconds=wanted.index(use.most))
