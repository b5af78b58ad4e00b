"""Alert rules over lines of the event log: exact edges, and who is told what, when, and how often."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from tradewind.core.alert_conditions import (
    Condition,
    DataStale,
    DeadlineMissed,
    FailureRate,
    MachineLimit,
    MetricLimit,
    RunDidNotStart,
    RunLongerThan,
)
from tradewind.core.alert_silences import Hush, Silence, silent_until
from tradewind.core.alert_watches import Subject
from tradewind.core.alerts import AlertState, Firing, Notice, Rule, Scope, advance, firing_first, hush
from tradewind.core.decisions import Record

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
"""A Monday."""


class Told:
    """A state that time passes over, with every notice so far."""

    def __init__(self, condition: Condition, **rule: Any) -> None:
        self.state = AlertState((Rule("rule", condition, **{"dedupe_window": timedelta(0), **rule}),), START)
        self.notices: list[Notice] = []

    def event(self, seconds: float, name: str, dag_id: str = "etl", run_id: str = "", **facts: Any) -> list[str]:
        return self._advance(Record(name, dag_id, run_id, **facts), seconds)

    def pass_to(self, seconds: float) -> list[str]:
        return self._advance(None, seconds)

    def run(self, seconds: float, run_id: str, after: str, dag_id: str = "etl") -> list[str]:
        return self.event(seconds, "run.moved", dag_id, run_id, after=after)

    def _advance(self, event: Record | None, seconds: float) -> list[str]:
        fresh = advance(self.state, event, START + timedelta(seconds=seconds))
        self.notices += fresh
        return [said(notice) for notice in fresh]

    @property
    def wakes_at(self) -> float | None:
        at = self.state.next_wakeup
        return None if at is None else (at - START).total_seconds()


def said(notice: Notice) -> str:
    again = f" again {notice.repeat}" if notice.repeat else ""
    return f"{(notice.at - START).total_seconds():g} {notice.status}{again}"


def ends(told: Told, *, failed: int, of: int) -> list[str]:
    found: list[str] = []
    for number in range(of):
        found += told.run(number, f"r{number}", "failed" if number >= of - failed else "success")
    return found


# --- conditions ---


def test_a_tenth_of_the_runs_is_ten_percent_and_less_is_not() -> None:
    assert ends(Told(FailureRate(Fraction("0.1"))), failed=1, of=10) == ["9 firing"]
    assert ends(Told(FailureRate(Fraction("0.1"))), failed=1, of=11) == []
    assert ends(Told(FailureRate(Fraction("0.11"))), failed=11, of=100) == ["99 firing"]
    assert ends(Told(FailureRate(Fraction("0.11"))), failed=10, of=100) == []


def test_the_failure_rate_names_its_numbers_and_recovers_below_the_limit() -> None:
    told = Told(FailureRate(Fraction("0.1"), minimum_runs=10))
    ends(told, failed=1, of=10)
    assert told.notices[0].sentence == ("rule: 1 of 10 runs of the Dag etl failed within 1 d, 10 %; the limit is 10 %.")
    assert told.run(20, "next", "success") == ["20 recovered"]
    assert told.notices[1].value == pytest.approx(100 / 11)


def test_failures_count_by_dag_or_together() -> None:
    for together, expected in ((False, ["1 firing"]), (True, [])):
        told = Told(FailureRate(Fraction("0.6"), together=together))
        assert told.run(0, "a", "success", "good") + told.run(1, "b", "failed", "bad") == expected


def test_runs_that_leave_the_window_count_no_longer_and_where_none_is_left_all_stays_as_it_is() -> None:
    told = Told(FailureRate(Fraction("0.5"), window=timedelta(seconds=100)))
    told.run(0, "a", "success")
    told.run(1, "b", "success")
    assert told.run(2, "c", "failed") == []
    assert told.wakes_at == 100
    assert told.pass_to(99.9) == []
    assert told.pass_to(500) == ["100 firing"]
    assert told.wakes_at is None
    assert told.run(600, "d", "success") == ["600 recovered"]


def test_a_run_is_long_at_the_limit_and_not_before() -> None:
    told = Told(RunLongerThan(timedelta(hours=1)))
    told.run(0, "slow", "running")
    assert told.wakes_at == 3600
    assert told.pass_to(3599.999) == []
    assert told.pass_to(3600) == ["3600 firing"]
    assert told.notices[0].sentence == "rule: The run slow of the Dag etl has run for 1 h; the limit is 1 h."
    assert told.run(4000, "slow", "success") == ["4000 recovered"]
    assert told.notices[1].sentence == "rule: The run slow of the Dag etl took 1 h 6 min; the limit is 1 h."


def test_a_run_that_ends_in_time_leaves_nothing_behind() -> None:
    told = Told(RunLongerThan(timedelta(hours=1)))
    told.run(0, "quick", "running")
    told.run(3599, "quick", "failed")
    assert told.pass_to(10_000) == []
    assert told.state.episodes == {}
    assert told.state.armed == {}
    assert told.state.moments == []


def test_a_run_is_long_by_its_dags_own_average_of_runs_that_succeeded() -> None:
    told = Told(RunLongerThan(times=2.0, last_runs=3, minimum_runs=2))
    for start, run_id, seconds, state in ((0, "a", 100, "success"), (200, "b", 9000, "failed")):
        told.run(start, run_id, "running")
        told.run(start + seconds, run_id, state)
    assert told.wakes_at is None, "one run is no average"
    told.run(10_000, "c", "running")
    told.run(10_200, "c", "success")
    told.run(20_000, "d", "running")
    assert told.pass_to(20_299) == []
    assert told.pass_to(20_300) == ["20300 firing"]
    assert told.notices[0].limit == 300.0


def test_quality_is_too_low_at_79_and_not_at_80() -> None:
    told = Told(MetricLimit("quality_score", 80, is_below=True))

    def score(seconds: float, value: Any) -> list[str]:
        body = {"name": "quality_score", "value": value}
        return told.event(seconds, "metric.recorded", run_id="r", task_id="check", body=body)

    assert score(0, 80) == []
    assert score(1, 79) == ["1 firing"]
    assert told.notices[0].sentence == "rule: quality_score of the Dag etl, run r, task check is 79; the least is 80."
    assert score(2, float("nan")) == score(3, "80") == score(4, True) == score(5, None) == []
    assert score(6, 80) == ["6 recovered"]
    assert told.state.episodes == {}


def test_values_of_other_names_and_labels_do_not_mix() -> None:
    told = Told(MetricLimit("rows", 10))
    body = {"name": "rows", "value": 10, "labels": {"source": "a"}}
    assert told.event(0, "metric.recorded", body=body) == ["0 firing"]
    assert told.event(1, "metric.recorded", body={**body, "labels": {"source": "b"}, "value": 1}) == []
    assert told.event(2, "metric.recorded", body={**body, "name": "others", "value": 1}) == []
    assert told.event(3, "metric.recorded", body={**body, "value": 9}) == ["3 recovered"]


def test_memory_and_disk_are_too_full_at_90_percent() -> None:
    for resource in ("memory", "disk"):
        told = Told(MachineLimit(resource, 90))

        def uses(seconds: float, percent: float, told: Told = told, resource: str = resource) -> list[str]:
            return told.event(seconds, "worker.measured", "", body={"worker": "w1", f"{resource}_percent": percent})

        assert uses(0, 89.99) == []
        assert uses(1, 90) == ["1 firing"]
        assert uses(2, 89) == ["2 recovered"]
        uses(3, 95)
        assert told.event(4, "worker.lost", "", body={"worker": "w1"}) == ["4 recovered"]


def test_a_missed_deadline_is_told_and_over_with_its_run() -> None:
    told = Told(DeadlineMissed())
    told.event(0, "run.created", run_id="late")
    missed = {"reason": (START + timedelta(seconds=50)).isoformat(), "body": {"deadline": "deadline:0"}}
    assert told.event(50, "run.deadline_missed", run_id="late", **missed) == ["50 firing"]
    assert told.notices[0].sentence == ("rule: The run late of the Dag etl was not over by 2026-03-02 08:00:50 UTC.")
    assert told.run(70, "late", "success") == ["70 recovered"]


def test_a_deadline_of_a_run_that_is_over_already_is_told_once_and_waits_for_no_end() -> None:
    told = Told(DeadlineMissed(), dedupe_window=timedelta(minutes=1))
    told.run(0, "broken", "running")
    told.run(1, "broken", "failed")
    assert told.event(50, "run.deadline_missed", run_id="broken", body={"deadline": "deadline:0"}) == ["50 firing"]
    assert told.pass_to(10_000) == []
    assert told.state.episodes == {}


def due(told: Told, seconds: float, at: float | None) -> list[str]:
    run_after = None if at is None else (START + timedelta(seconds=at)).isoformat()
    return told.event(seconds, "dag.due", body={"run_after": run_after})


def test_a_run_that_is_due_and_never_made_is_missed() -> None:
    told = Told(RunDidNotStart(timedelta(minutes=5)))
    due(told, 0, 600)
    assert told.wakes_at == 900
    assert told.pass_to(899) == []
    assert told.pass_to(900) == ["900 firing"]
    assert told.notices[0].sentence == (
        "rule: A run of the Dag etl was due at 2026-03-02 08:10:00 UTC and was not made, and has not started within "
        "5 min."
    )
    told.event(1000, "run.created", run_id="r1", reason="timetable")
    assert told.run(1001, "r1", "running") == ["1001 recovered"]
    assert told.state.episodes == {}
    assert told.state.moments == []


def test_a_run_that_was_made_and_does_not_start_is_missed_by_when_it_was_due() -> None:
    told = Told(RunDidNotStart(timedelta(minutes=5)))
    due(told, 0, 600)
    told.event(700, "run.created", run_id="r1", reason="timetable")
    due(told, 700, 4200)
    assert told.pass_to(900) == ["900 firing"]
    assert "The run r1 of the Dag etl was due at" in told.notices[0].sentence
    assert told.run(950, "r1", "running") == ["950 recovered"]


def test_a_run_that_starts_in_time_a_dag_that_is_paused_and_a_backfill_are_not_missed() -> None:
    told = Told(RunDidNotStart(timedelta(minutes=5)))
    due(told, 0, 600)
    told.event(600, "run.created", run_id="r1", reason="timetable")
    told.run(899, "r1", "running")
    due(told, 899, 4200)
    due(told, 900, None)
    told.event(901, "run.created", run_id="b1", reason="backfill")
    assert told.pass_to(100_000) == []


def test_data_is_stale_at_its_age_and_fresh_with_the_next_update() -> None:
    told = Told(DataStale(timedelta(hours=6), ("weather*",)))
    told.event(0, "asset.updated", body={"name": "weather", "uri": "s3://weather"})
    told.event(0, "asset.updated", body={"name": "other", "uri": "s3://other"})
    assert told.pass_to(6 * 3600 - 1) == []
    assert told.pass_to(30 * 3600) == ["21600 firing"]
    assert told.event(30 * 3600, "asset.updated", body={"name": "weather", "uri": "s3://weather"}) == [
        "108000 recovered"
    ]


def test_an_asset_that_is_named_is_waited_for_before_its_first_update() -> None:
    told = Told(DataStale(timedelta(hours=1), ("s3://weather",)))
    assert told.pass_to(3600) == ["3600 firing"]
    assert told.notices[0].sentence == (
        "rule: The asset s3://weather was never updated in the 1 h that it is watched; the limit is 1 h."
    )
    assert told.event(4000, "asset.updated", "", body={"name": "weather", "uri": "s3://weather"}) == ["4000 recovered"]


@pytest.mark.parametrize(
    ("scope", "found"),
    [
        (Scope(), True),
        (Scope(dags=("et*",)), True),
        (Scope(dags=("other", "ETL")), False),
        (Scope(tags=("night*",)), True),
        (Scope(tags=("day",)), False),
        (Scope(dags=("etl",), tags=("day",)), False),
    ],
)
def test_a_rule_looks_at_the_dags_of_its_scope(scope: Scope, found: bool) -> None:
    told = Told(FailureRate(Fraction(1)), scope=scope)
    told.event(0, "dag.described", body={"tags": ["nightly"]})
    assert bool(told.run(1, "a", "failed")) is found


def test_a_rule_about_tasks_looks_at_those_of_its_scope() -> None:
    told = Told(MetricLimit("rows", 1), scope=Scope(tasks=("load_*",)))
    body = {"name": "rows", "value": 1}
    assert told.event(0, "metric.recorded", task_id="check", body=body) == []
    assert told.event(0, "metric.recorded", task_id="load_x", body=body) == ["0 firing"]


# --- time ---


def memory(told: Told, seconds: float, percent: float) -> list[str]:
    return told.event(seconds, "worker.measured", "", body={"worker": "w", "memory_percent": percent})


MEMORY = MachineLimit("memory", 90)


def test_it_fires_when_it_has_held_for_long_enough_and_not_when_it_ceased_before() -> None:
    told = Told(MEMORY, for_duration=timedelta(seconds=60))
    memory(told, 0, 95)
    assert memory(told, 59, 50) == []
    memory(told, 100, 95)
    assert told.pass_to(159) == []
    assert told.pass_to(200) == ["160 firing"]
    assert (told.notices[0].since - START).total_seconds() == 100


def test_it_recovers_when_it_has_not_held_for_long_enough() -> None:
    told = Told(MEMORY, recover_after=timedelta(seconds=60))
    memory(told, 0, 95)
    memory(told, 10, 50)
    memory(told, 50, 95)
    assert told.pass_to(80) == []
    memory(told, 100, 50)
    assert told.pass_to(300) == ["160 recovered"]
    assert len(told.notices) == 2


def test_what_goes_on_is_told_again_after_the_window_and_by_a_key_of_its_own() -> None:
    told = Told(MEMORY, dedupe_window=timedelta(minutes=10))
    memory(told, 0, 95)
    assert memory(told, 300, 96) == []
    assert told.pass_to(1300) == ["600 firing again 1", "1200 firing again 2"]
    assert memory(told, 1400, 10) == ["1400 recovered"]
    assert len({notice.key for notice in told.notices}) == 4
    assert len({notice.alert for notice in told.notices}) == 1
    assert memory(told, 1500, 95) == ["1500 firing"]
    assert told.notices[-1].alert != told.notices[0].alert


def test_who_asks_for_no_recovery_is_not_told_of_one() -> None:
    told = Told(MEMORY, notify_recovery=False)
    memory(told, 0, 95)
    assert memory(told, 1, 10) == []
    assert told.state.episodes == {}


# --- silence ---


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def test_what_fires_in_a_silence_is_told_at_its_end_if_it_still_does() -> None:
    told = Told(MEMORY, silences=(Silence(at(0), at(100)),))
    memory(told, 10, 95)
    assert told.pass_to(99) == []
    assert told.pass_to(150) == ["100 firing"]


def test_what_is_over_before_a_silence_ends_is_never_told() -> None:
    told = Told(MEMORY, silences=(Silence(at(0), at(100)),))
    memory(told, 10, 95)
    memory(told, 20, 10)
    assert told.pass_to(1000) == []
    assert told.state.episodes == {}


def test_the_end_of_what_was_told_before_a_silence_is_told_after_it() -> None:
    told = Told(MEMORY, silences=(Silence(at(5), at(100)),))
    assert memory(told, 0, 95) == ["0 firing"]
    assert memory(told, 20, 10) == []
    assert told.pass_to(1000) == ["100 recovered"]


def test_a_missed_deadline_of_a_run_that_is_over_outlasts_a_silence() -> None:
    told = Told(DeadlineMissed(), silences=(Silence(at(0), at(100)),))
    told.event(50, "run.deadline_missed", run_id="broken", body={"deadline": "deadline:0"})
    assert told.pass_to(1000) == ["100 firing"]


def test_nightly_hours_go_past_midnight_by_the_clock_of_their_zone() -> None:
    nights = Silence(hours=(time(22), time(6)), days=frozenset({4, 5}), zone="Asia/Seoul")  # Friday and Saturday

    def silent(text: str) -> str | None:
        until = nights.until(datetime.fromisoformat(text))
        return until.isoformat() if until else None

    assert silent("2026-03-06T21:59:59+09:00") is None
    assert silent("2026-03-06T22:00:00+09:00") == "2026-03-06T21:00:00+00:00"
    assert silent("2026-03-07T05:59:59+09:00") == "2026-03-06T21:00:00+00:00"
    assert silent("2026-03-07T06:00:00+09:00") is None
    assert silent("2026-03-09T01:00:00+09:00") is None, "Sunday's night is not among them"


def test_silences_that_follow_on_one_another_are_one() -> None:
    first, second = Silence(at(0), at(100)), Silence(at(50), at(200))
    assert silent_until((first, second), at(10)) == at(200)
    assert silent_until((first, second), at(200)) is None
    always = silent_until((Silence(hours=(time(0), time(0))),), at(0))
    assert always is not None
    assert always > at(86_400)


# --- laws ---


def history() -> Iterator[tuple[float, Record]]:
    for number in range(400):
        run_id, second = f"r{number}", 60.0 * number
        body = {"name": "a" if number % 3 else "b", "uri": ""}
        yield second, Record("run.created", f"d{number % 3}", run_id, reason="cli", after="queued")
        yield second + 1, Record("run.moved", f"d{number % 3}", run_id, after="running")
        yield second + 2, Record("worker.measured", body={"worker": "w", "memory_percent": (37 * number) % 100})
        yield second + 40, Record("asset.updated", body=body)
        yield (
            second + 59,
            Record("run.moved", f"d{number % 3}", run_id, after="failed" if number % 7 == 0 else "success"),
        )


RULES = tuple(
    Rule(f"rule{number}", condition, for_duration=timedelta(seconds=5 * number), dedupe_window=timedelta(minutes=7))
    for number, condition in enumerate(
        (
            FailureRate(Fraction("0.1"), timedelta(hours=1)),
            RunLongerThan(timedelta(seconds=57)),
            RunLongerThan(times=1.0),
            MEMORY,
            RunDidNotStart(timedelta(seconds=1)),
            DataStale(timedelta(seconds=100)),
            DeadlineMissed(),
        )
    )
)


def play(*, wakes: bool) -> tuple[list[Notice], AlertState]:
    """The history, as it comes, or with a call at each moment that was asked for."""
    state, notices = AlertState(RULES, START), list[Notice]()
    for second, event in history():
        now = at(second)
        while wakes and state.next_wakeup is not None and state.next_wakeup < now:
            notices += advance(state, None, state.next_wakeup)
        notices += advance(state, event, now)
    return notices, state


def test_the_same_history_gives_the_same_notices_however_often_time_is_told() -> None:
    (once, _), (often, state) = play(wakes=False), play(wakes=True)
    assert once == often
    assert len(once) > 100
    assert len({notice.key for notice in once}) == len(once)
    assert all(first.at <= second.at for first, second in pairwise(once))
    assert len(state.moments) < 100
    assert len(state.armed) < 100
    assert len(state.episodes) < 20


def test_everything_that_fires_is_over_once_at_most() -> None:
    notices, _ = play(wakes=False)
    by_alert: dict[str, list[str]] = {}
    for notice in notices:
        by_alert.setdefault(notice.alert, []).append(f"{notice.status} {notice.repeat}")
    for told in by_alert.values():
        assert told[0] == "firing 0"
        assert told.count("recovered 0") <= 1
        assert "recovered 0" not in told[:-1]


# --- silences that people ask for ---


def hushed(told: Told, seconds: float, *hushes: tuple[str, str, float]) -> list[str]:
    """Silences of rules and Dags from now until then; returns what is told at once."""
    now = START + timedelta(seconds=seconds)
    asked = [
        Hush(str(n), Silence(now, START + timedelta(seconds=end)), rules, dags)
        for n, (rules, dags, end) in enumerate(hushes)
    ]
    fresh = hush(told.state, asked, now)
    told.notices += fresh
    return [said(notice) for notice in fresh]


def test_a_silence_holds_back_what_fires_until_its_end_and_then_it_is_told() -> None:
    told = Told(FailureRate(Fraction("0.5")))
    assert hushed(told, 0, ("*", "", 100)) == []
    assert told.run(10, "a", "failed") == []
    at = START + timedelta(seconds=10)
    (one,) = told.state.firing(at)
    assert (one.notice.rule, one.is_told, one.silent_until) == ("rule", False, START + timedelta(seconds=100))
    (later,) = told.state.firing(START + timedelta(seconds=100))
    assert later.silent_until is None
    assert told.pass_to(99.9) == []
    assert told.pass_to(100) == ["100 firing"]
    (one,) = told.state.firing(START + timedelta(seconds=101))
    assert one.is_told
    assert one.notice == told.notices[-1]


def test_what_fires_has_those_first_that_people_are_told_of_and_that_matter_most() -> None:
    def one(severity: str, since: int, *, is_silent: bool = False) -> Firing:
        at = START + timedelta(seconds=since)
        notice = Notice(f"{severity}-{since}", "a", "r", severity, "firing", 0, at, at, Subject(), 1, 1, "")
        return Firing(notice, True, at if is_silent else None)

    found = [one("warning", 1), one("critical", 0, is_silent=True), one("warning", 2), one("error", 0), one("odd", 9)]
    keys = [each.notice.key for each in sorted(found, key=firing_first)]
    assert keys == ["error-0", "warning-2", "warning-1", "odd-9", "critical-0"]


def test_what_is_over_before_the_silence_is_was_never_told() -> None:
    told = Told(FailureRate(Fraction("0.6")))
    hushed(told, 0, ("rule", "etl", 100))
    told.run(10, "a", "failed")
    told.run(20, "b", "success")
    assert told.pass_to(200) == []


def test_a_silence_that_ends_early_tells_at_once_what_still_fires() -> None:
    told = Told(FailureRate(Fraction("0.5")))
    hushed(told, 0, ("*", "", 100))
    told.run(10, "a", "failed")
    assert hushed(told, 20) == ["20 firing"]
    assert told.pass_to(200) == []


def test_a_silence_of_another_rule_or_dag_holds_nothing_back() -> None:
    for rules, dags in (("other", ""), ("*", "oth*"), ("rul", "etl")):
        told = Told(FailureRate(Fraction("0.5")))
        hushed(told, 0, (rules, dags, 100))
        assert told.run(10, "a", "failed") == ["10 firing"], (rules, dags)


def test_a_silence_of_dags_is_not_for_machines_and_a_name_with_signs_is_itself() -> None:
    assert not Hush("x", Silence(), "*", "*").covers("disk", "")
    assert Hush("x", Silence(), "*", "").covers("disk", "")
    assert Hush("x", Silence(), "late [sea]", "").covers("late [sea]", "")


def test_an_end_that_comes_in_a_silence_is_told_after_it() -> None:
    told = Told(FailureRate(Fraction("0.6")))
    assert told.run(10, "a", "failed") == ["10 firing"]
    hushed(told, 20, ("*", "", 100))
    assert told.run(30, "b", "success") == []
    assert told.pass_to(150) == ["100 recovered"]
