"""Runs: made by hand or by the schedule, ended by their tasks, by time, or by a rule."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tradewind.core.decisions import WarmHost
from tradewind.core.errors import DagNotFound, RunAlreadyExists
from tradewind.core.inputs import DagGone, TimerFired
from tradewind.testing.builders import CONTINUOUS, dag, every
from tradewind.testing.world import START, Play

HOURLY = every(hours=1)


def test_a_run_of_an_unknown_dag_is_refused(play: Play) -> None:
    with pytest.raises(DagNotFound):
        play.start("nothing")


def test_a_run_id_and_a_logical_date_are_taken_once(play: Play) -> None:
    play.start(dag("a"), run_id="mine")
    with pytest.raises(RunAlreadyExists):
        play.start("etl", run_id="mine")
    play.start("etl", logical_date=START)
    with pytest.raises(RunAlreadyExists):
        play.start("etl", logical_date=START)
    assert len(play.runs) == 2


def test_runs_made_in_the_same_moment_have_different_ids(play: Play) -> None:
    spec = dag("a", never_sent=True)
    ids = {play.start(spec).run_id for _ in range(3)}
    assert len(ids) == 3
    assert all(name.startswith("manual__2024-01-01T00:00:00+00:00") for name in ids)


def test_dagrun_timeout_fails_the_run_and_stops_what_is_open(play: Play) -> None:
    play.start(dag("a >> b", dagrun_timeout_seconds=60))
    attempt = play.begin("a")
    play.advance(seconds=61)
    assert (play.run_state(), play.run().reason) == ("failed", "timed_out")
    assert play.states() == {"a": "skipped", "b": "skipped"}
    assert [a.id for a in play.stopped] == [attempt.id]
    play.report(attempt, "cancelled")
    assert play.states() == {"a": "skipped", "b": "skipped"}
    assert not play.world.runs


def test_dagrun_timeout_counts_from_the_start_of_the_run_and_again_after_a_clear(play: Play) -> None:
    play.start(dag("a", dagrun_timeout_seconds=60))
    play.advance(seconds=50)
    play.fail("a")
    play.clear()
    play.advance(seconds=50)
    assert play.run_state() == "running"
    play.advance(seconds=10)
    assert play.run_state() == "failed"


def test_fail_fast_ends_the_others_but_not_the_teardown(play: Play) -> None:
    spec = dag("up >> [a, b]; [a, b] >> down; c; d >> e; up >> down", fail_fast=True, tasks={
        "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}})  # fmt: skip
    play.start(spec)
    play.succeed("up")
    running = play.begin("b")
    play.fail("a")
    assert play.states() == {"up": "success", "a": "failed", "b": "failed", "c": "skipped", "d": "skipped",
                             "e": "skipped", "down": "queued"}  # fmt: skip
    assert running.id in [a.id for a in play.stopped]
    play.succeed("down")
    assert play.run_state() == "failed"


def test_a_teardown_that_fails_ends_a_fail_fast_run_too(play: Play) -> None:
    spec = dag("up >> a >> down; up >> down; b; c >> d", fail_fast=True, tasks={
        "up": {"is_setup": True}, "down": {"is_teardown": True, "trigger_rule": "all_done_setup_success"}})  # fmt: skip
    play.start(spec)
    play.succeed("up")
    play.succeed("a")
    play.begin("b")
    play.fail("down")
    assert play.states() == {"up": "success", "a": "success", "down": "failed", "b": "failed", "c": "skipped",
                             "d": "skipped"}  # fmt: skip


def test_fail_fast_waits_for_the_last_try(play: Play) -> None:
    play.start(dag("a; b", fail_fast=True, retries=1, retry_delay_seconds=1))
    play.fail("a")
    play.begin("b")
    play.advance(seconds=1)
    assert play.state("b") == "running"
    play.fail("a")
    assert play.state("b") == "failed"


def test_fail_fast_with_several_tasks_lost_at_once_ends_each_of_them(play: Play) -> None:
    play.start(dag("a; b; c", fail_fast=True))
    play.begin("b")
    play.lose_worker()
    assert play.states() == {"a": "failed", "b": "failed", "c": "skipped"}
    assert play.run_state() == "failed"


def test_failed_runs_in_a_row_pause_their_dag(play: Play) -> None:
    spec = dag("a", max_consecutive_failed_dag_runs=2)
    for end in ("fail", "succeed", "fail", "fail"):
        assert not play.world.dags.get("etl") or not play.world.dags["etl"].is_paused
        play.start(spec)
        getattr(play, end)("a")
    assert play.world.dags["etl"].is_paused
    play.unpause()
    assert play.world.dags["etl"].failures_in_a_row == 0


def test_the_end_of_a_run_calls_back_once_and_again_after_a_clear(play: Play) -> None:
    play.start(dag("a", callbacks=("on_success", "on_failure")))
    play.fail("a")
    assert [c.kind for c in play.callbacks.values()] == ["dag:on_failure"]
    play.clear()
    play.succeed("a")
    assert [c.kind for c in play.callbacks.values()] == ["dag:on_failure", "dag:on_success"]
    play.clear()
    play.succeed("a")
    assert len(play.callbacks) == 3


def test_a_run_whose_tasks_can_never_start_fails_as_deadlocked(play: Play) -> None:
    spec = dag("a >> b")
    # No authored Dag has a cycle; rows that have one must end the run all the same, with a reason.
    cycle = replace(spec, tasks={**spec.tasks, "a": replace(spec.tasks["a"], upstream=("b",))})
    play.start(cycle)
    assert (play.run_state(), play.run().reason) == ("failed", "all_tasks_deadlocked")


# --- schedule ---


def test_catchup_makes_every_missed_run_in_order(play: Play) -> None:
    play.load(dag("a", never_sent=True, timetable=HOURLY, start_date=START - timedelta(hours=5), catchup=True))
    play.advance(seconds=0)
    dates = [run.logical_date for run in play.runs.values()]
    assert dates == [START - timedelta(hours=n) for n in range(5, -1, -1)]
    play.advance(hours=2)
    assert len(play.runs) == 8


def test_without_catchup_only_the_latest_run_is_made(play: Play) -> None:
    play.load(dag("a", never_sent=True, timetable=HOURLY, start_date=START - timedelta(hours=5)))
    play.advance(seconds=0)
    assert [run.logical_date for run in play.runs.values()] == [START]
    play.advance(hours=3)
    assert len(play.runs) == 4
    assert {run.run_id for run in play.runs.values()} >= {"scheduled__2024-01-01T03:00:00+00:00"}


def test_a_schedule_waits_while_all_active_runs_are_taken(play: Play) -> None:
    play.load(dag("a", timetable=HOURLY, start_date=START, catchup=True, max_active_runs=1))
    play.advance(hours=5)
    assert len(play.runs) == 1
    for count in range(2, 7):
        play.succeed("a", run=play.runs[count - 1])
        play.advance(seconds=0)
        assert len(play.runs) == count
    play.succeed("a")
    play.advance(seconds=0)
    assert len(play.runs) == 6, "the next one is not due yet"


def test_a_paused_dag_makes_no_runs_and_without_catchup_goes_on_at_the_latest(play: Play) -> None:
    play.load(dag("a", never_sent=True, timetable=HOURLY, start_date=START), paused=True)
    play.advance(hours=5)
    assert not play.runs
    play.unpause()
    play.advance(seconds=0)
    assert [run.logical_date for run in play.runs.values()] == [START + timedelta(hours=5)]


def test_pausing_again_and_again_leaves_one_run_for_each_moment(play: Play) -> None:
    play.load(dag("a", never_sent=True, timetable=HOURLY, start_date=START))
    for _ in range(20):
        play.pause()
        play.unpause()
    play.advance(hours=3)
    assert len(play.runs) == 4
    assert len(play.world.timers) <= 4, "each moment has its timers once"


def test_a_manual_run_for_the_next_logical_date_takes_the_schedule_s_place(play: Play) -> None:
    play.load(dag("a", timetable=HOURLY, start_date=START + timedelta(hours=1)))
    play.start("etl", logical_date=START + timedelta(hours=1))
    play.advance(hours=1)
    assert [run.run_type for run in play.runs.values()] == ["manual"]
    assert "run.passed_over" in [record.name for record in play.records]
    play.advance(hours=1)
    assert [run.run_type for run in play.runs.values()] == ["manual", "scheduled"]


def test_a_slot_that_the_store_says_is_taken_is_passed_over(play: Play) -> None:
    play.load(dag("a", timetable=HOURLY, start_date=START + timedelta(hours=1)))
    for _ in range(2):
        play.give(TimerFired(kind="schedule_taken", subject=("etl", START + timedelta(hours=1))))
    play.advance(hours=2)
    assert [run.logical_date for run in play.runs.values()] == [START + timedelta(hours=2)]


def test_a_continuous_dag_goes_on_run_after_run_without_stopping_the_rest(play: Play) -> None:
    play.load(dag("a", never_sent=True, timetable=CONTINUOUS, start_date=START - timedelta(days=1)))
    for kind, subject in play.world.due(play.now):
        play.give(TimerFired(kind=kind, subject=subject))
    assert len(play.runs) == 1, "one run for each turn"
    assert play.world.next_timer() - play.now < timedelta(seconds=1)


def test_a_continuous_dag_has_one_run_at_a_time(play: Play) -> None:
    play.load(dag("a", timetable=CONTINUOUS, start_date=START - timedelta(days=1)))
    for count in range(1, 5):
        play.advance(seconds=1)
        assert len(play.runs) == count
        play.succeed("a")
    first, second = play.runs[1], play.runs[2]
    assert second.data_interval_start == first.data_interval_end
    assert second.data_interval_end == first.end_date


def test_a_dag_that_no_file_defines_makes_no_more_runs_until_it_is_back(play: Play) -> None:
    spec = dag("a", timetable=HOURLY, start_date=START)
    play.load(spec)
    play.advance(minutes=1)
    play.give(DagGone(dag_id="etl"))
    play.succeed("a")
    play.advance(hours=3)
    assert len(play.runs) == 1
    assert play.run_state() == "success", "what was under way is finished"
    with pytest.raises(DagNotFound):
        play.start("etl")
    play.load(spec)
    play.advance(seconds=0)
    assert [run.logical_date for run in play.runs.values()] == [START, START + timedelta(hours=3)]


def test_a_task_with_a_later_start_date_is_not_part_of_earlier_runs(play: Play) -> None:
    spec = dag("a >> b >> c", tasks={"b": {"start_date": START + timedelta(days=1)}})
    play.start(spec, logical_date=START)
    assert play.states() == {"a": "queued", "c": "queued"}


def test_a_run_that_starts_has_its_code_host_woken(play: Play) -> None:
    told: list[object] = []
    store = play._store
    play._store = lambda operation: (told.append(operation), store(operation))[1]  # type: ignore[method-assign,func-returns-value]
    play.start(dag("a"))
    assert [o.dag_id for o in told if isinstance(o, WarmHost)] == ["etl"]


def test_a_queued_run_starts_when_the_run_before_it_only_waits_for_its_past(play: Play) -> None:
    spec = dag("a", max_active_runs=1, tasks={"a": {"depends_on_past": True}})
    first, second, third = (play.start(spec) for _ in range(3))
    play.fail("a", run=first)
    assert play.run_state(second) == "running"
    assert play.run_state(third) == "running"


def test_a_schedule_goes_on_after_a_run_that_timed_out_while_a_task_ran(play: Play) -> None:
    hours = {"start_date": START - timedelta(hours=1), "end_date": START}
    play.load(
        dag("a", timetable=every(hours=1), catchup=True, max_active_runs=1, dagrun_timeout_seconds=20, **hours)
    )  # fmt: skip
    play.advance(seconds=1)
    assert len(play.runs) == 1
    play.begin("a")
    play.advance(seconds=30)
    play.report(play.stopped[0], "cancelled")
    play.advance(seconds=60)
    assert len(play.runs) == 2
