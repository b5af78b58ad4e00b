"""Deadlines: met, missed, set anew when a run goes on, and those of tasks in Dags of the older generation."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.inputs import CallbackFinished, TimerFired
from tradewind.core.records import TaskKey
from tradewind.core.states import RunType
from tradewind.core.timetables import DataInterval
from tradewind.testing.builders import dag, every
from tradewind.testing.world import START, Play


def late(reference: str = "queued_at", minutes: float = 10, **given: Any) -> DeadlineSpec:
    return DeadlineSpec(reference=reference, interval_seconds=60 * minutes, **given)


def told(play: Play) -> list[tuple[str, str]]:
    """What was asked for: kind and, as minutes since the start, the moment that was missed."""
    return [
        (each.kind, f"{(datetime.fromisoformat(each.reason) - START).total_seconds() / 60:g}")
        for each in play.callbacks.values()
    ]


def test_a_run_that_is_not_over_in_time_is_told_once(play: Play) -> None:
    play.start(dag("a", deadlines=(late(),)))
    play.begin("a")
    play.advance(minutes=9)
    assert told(play) == []
    play.advance(minutes=30)
    assert told(play) == [("deadline:0", "10")]
    assert play.called == list(play.callbacks)
    assert [r.name for r in play.records if r.name == "run.deadline_missed"] == ["run.deadline_missed"]
    assert play.run_state() == "running", "being late ends nothing"


def test_a_run_that_succeeds_in_time_drops_it(play: Play) -> None:
    play.start(dag("a", deadlines=(late(),)))
    assert len(play.deadlines) == 1
    play.succeed("a")
    assert play.deadlines == {}
    play.advance(hours=1)
    assert told(play) == []


def test_a_run_that_failed_before_its_moment_is_told_of_then_and_once(play: Play) -> None:
    run = play.start(dag("a", deadlines=(late(), late(minutes=20))))
    play.end("a", "failed")
    assert run.number not in play.world.runs
    play.advance(minutes=9)
    assert told(play) == []
    play.advance(minutes=1)
    assert told(play) == [("deadline:0", "10")]
    play.advance(hours=1)
    assert told(play) == [("deadline:0", "10"), ("deadline:1", "20")]
    assert (play.deadlines, play.world.overdue) == ({}, {})


def test_a_failed_run_that_succeeds_after_all_or_counts_anew_is_not_told_of_before(play: Play) -> None:
    first = play.start(dag("a", deadlines=(late(),)))
    play.end("a", "failed")
    play.clear()
    assert list(play.deadlines) == [(first.number, "deadline:0")]
    play.advance(minutes=5)
    play.succeed("a")
    play.advance(hours=1)
    assert told(play) == []


def test_a_failed_run_that_a_person_marks_success_is_not_late(play: Play) -> None:
    run = play.start(dag("a", deadlines=(late(),)))
    play.end("a", "failed")
    play.mark_run("success", run=run)
    assert (play.deadlines, play.world.overdue) == ({}, {})
    play.advance(hours=1)
    assert told(play) == []


def test_each_deadline_of_a_dag_is_told_at_its_own_moment(play: Play) -> None:
    play.start(dag("a", deadlines=(late(minutes=30), late(minutes=10), late("fixed", at=START, minutes=20))))
    play.advance(minutes=20)
    assert told(play) == [("deadline:1", "10"), ("deadline:2", "20")]
    play.succeed("a")
    play.advance(hours=1)
    assert len(told(play)) == 2


@pytest.mark.parametrize(
    ("deadline", "at"),
    [
        (late("logical_date"), START - timedelta(minutes=50)),
        (late("queued_at"), START + timedelta(minutes=10)),
        (late("fixed", at=START + timedelta(hours=2), minutes=-30), START + timedelta(minutes=90)),
        (late("average_runtime", max_runs=10, min_runs=10), None),
        (late("fixed", at=START, minutes=1e12), None),
        (late("of the author's own"), None),
    ],
)
def test_the_moment_follows_from_the_reference(play: Play, deadline: DeadlineSpec, at: datetime | None) -> None:
    run = play.start(dag("a", deadlines=(deadline,)), logical_date=START - timedelta(hours=1))
    assert play.deadlines == ({(run.number, "deadline:0"): at} if at else {})


def test_a_run_without_a_logical_date_has_no_deadline_that_counts_from_it(play: Play) -> None:
    play.start(dag("a", deadlines=(late("logical_date"),)))
    assert play.deadlines == {}


def test_a_moment_that_has_passed_when_the_run_is_made_is_told_at_once(play: Play) -> None:
    play.start(dag("a", deadlines=(late("logical_date"),)), logical_date=START - timedelta(days=1))
    play.advance(seconds=0)
    assert [kind for kind, _ in told(play)] == ["deadline:0"]


def test_the_average_is_that_of_the_last_runs(play: Play) -> None:
    spec = dag("a", deadlines=(late("average_runtime", minutes=5, max_runs=2, min_runs=2),))
    for minutes in (100, 10, 20):
        play.start(spec)
        assert bool(play.deadlines) is (minutes == 20)
        play.begin("a")
        play.advance(minutes=minutes)
        play.succeed("a")
    play.advance(hours=5)
    play.mark_run("failed")  # it took no longer because somebody has looked at it again
    begun = play.now
    run = play.start(spec)
    assert play.deadlines == {(run.number, "deadline:0"): begun + timedelta(minutes=20)}


def test_a_cleared_run_counts_anew_and_is_told_again(play: Play) -> None:
    play.start(dag("a", deadlines=(late(),)))
    play.advance(minutes=15)
    play.succeed("a")
    play.advance(minutes=5)
    play.clear()
    play.advance(minutes=10)
    assert told(play) == [("deadline:0", "10"), ("deadline:0", "30")]
    assert len(set(play.called)) == 2


def test_a_fixed_moment_that_was_missed_is_not_told_again_when_the_run_is_cleared(play: Play) -> None:
    play.start(dag("a", deadlines=(late("fixed", at=START),)))
    play.advance(minutes=15)
    play.succeed("a")
    play.clear()
    assert play.deadlines == {}
    play.advance(hours=1)
    assert told(play) == [("deadline:0", "10")]


def test_clearing_a_task_of_a_run_that_goes_on_leaves_its_deadline(play: Play) -> None:
    play.start(dag("a >> b", deadlines=(late(),)))
    play.succeed("a")
    play.advance(minutes=5)
    play.clear(["a"])
    play.advance(minutes=5)
    assert told(play) == [("deadline:0", "10")]


def test_a_timer_that_fires_twice_or_early_tells_nobody_twice(play: Play) -> None:
    run = play.start(dag("a", deadlines=(late(),)))
    timer = TimerFired(kind="deadline", subject=(run.number, "deadline:0"))
    play.give(timer)
    assert told(play) == []
    play.advance(minutes=10)
    play.give(timer)
    play.give(TimerFired(kind="deadline", subject=(99, "deadline:0")))
    assert len(told(play)) == 1


def test_a_live_run_keeps_its_moment_when_its_dag_changes(play: Play) -> None:
    play.start(dag("a", deadlines=(late(),)))
    play.load(dag("a >> b", deadlines=(late(minutes=60),)))
    play.advance(minutes=10)
    assert told(play) == [("deadline:0", "10")]


# --- references of the author's own ---


def work_out(play: Play, moment: datetime | None, error: str = "", which: int = -1) -> None:
    """A process that has the Dag's code says what the newest question came to."""
    row = list(play.callbacks.values())[which]
    asked = (row.key, row.kind, row.reason)
    play.give(CallbackFinished(id=row.id, error=error, asked=asked, moment=moment))


def test_a_reference_of_the_authors_own_is_worked_out_by_a_process_and_then_as_any_other(play: Play) -> None:
    run = play.start(dag("a", deadlines=(late(minutes=5), late("custom"))))
    play.begin("a")
    assert [(kind.kind, kind.key) for kind in play.callbacks.values()] == [("reference:1", TaskKey(run.number, ""))]
    work_out(play, START + timedelta(minutes=20))
    assert play.deadlines[run.number, "deadline:1"] == START + timedelta(minutes=20)
    play.advance(minutes=20)
    assert told_missed(play) == ["deadline:0", "deadline:1"]


def told_missed(play: Play) -> list[str]:
    return [each.kind for each in play.callbacks.values() if each.kind.startswith("deadline:")]


def test_a_moment_that_comes_out_past_is_told_at_once_but_not_when_the_run_goes_on_again(play: Play) -> None:
    play.start(dag("a", deadlines=(late("custom"),)))
    work_out(play, START - timedelta(days=1))
    play.advance(seconds=0)
    assert told_missed(play) == ["deadline:0"]
    play.succeed("a")
    play.clear()
    assert [each.reason for each in play.callbacks.values() if each.kind == "reference:0"] == ["", "again"]
    work_out(play, START - timedelta(days=1))
    play.advance(hours=1)
    assert told_missed(play) == ["deadline:0"]


def test_an_answer_from_before_the_run_was_cleared_sets_nothing(play: Play) -> None:
    play.start(dag("a", deadlines=(late("custom"),)))
    play.succeed("a")
    play.clear()
    work_out(play, START + timedelta(minutes=20), which=0)
    assert play.deadlines == {}
    work_out(play, START + timedelta(minutes=30))
    assert list(play.deadlines.values()) == [START + timedelta(minutes=30)]


def test_an_answer_for_a_run_that_is_over_sets_nothing(play: Play) -> None:
    play.start(dag("a", deadlines=(late("custom"),)))
    play.succeed("a")
    work_out(play, START + timedelta(minutes=20))
    assert play.deadlines == {}


def test_code_that_names_no_moment_sets_none_and_code_that_fails_is_in_the_event_log(play: Play) -> None:
    run = play.start(dag("a", deadlines=(late("custom"), late("custom"))))
    work_out(play, None, which=0)
    assert [r.name for r in play.records if r.name == "run.deadline_unknown"] == []
    work_out(play, None, error="ValueError: no such day", which=1)
    assert play.deadlines == {}
    (record,) = [r for r in play.records if r.name == "run.deadline_unknown"]
    assert (record.run_id, record.reason, record.body) == (
        run.run_id, "ValueError: no such day", {"deadline": "deadline:1"}
    )  # fmt: skip


# --- sla, as Airflow 2 has it ---


def older(**given: Any) -> DagSpec:
    tasks = {"a": {"sla_seconds": 600}, "b": {"sla_seconds": 1800}}
    return dag(
        "a >> b", **{"tasks": tasks, "callbacks": ("sla_miss",), **given}, generation=2,
        timetable=every(days=1, data_interval=True), start_date=START - timedelta(days=1), catchup=True,
    )  # fmt: skip


def test_a_task_of_a_scheduled_run_that_is_not_over_in_time_is_told(play: Play) -> None:
    play.load(older())
    play.advance(seconds=0)
    (run,) = play.runs.values()
    assert (run.run_type, run.data_interval_end) == (RunType.SCHEDULED, START)
    play.advance(minutes=9)
    play.succeed("a")
    play.advance(minutes=30)
    assert [(c.kind, c.key.task_id) for c in play.callbacks.values()] == [("dag:sla_miss", "b")]
    assert told(play) == [("dag:sla_miss", "30")]


def test_a_task_that_failed_misses_its_sla_and_one_that_was_skipped_does_not(play: Play) -> None:
    play.load(older(dag_id="fails"))
    play.load(older(dag_id="skips"))
    play.advance(seconds=0)
    of = {run.dag_id: run for run in play.runs.values()}
    play.end("a", "failed", run=of["fails"])
    play.end("a", "skipped", run=of["skips"])
    assert {run.dag_id: str(run.state) for run in play.runs.values()} == {"fails": "failed", "skips": "success"}
    play.advance(hours=1)
    told = [(each.key.run, each.key.task_id) for each in play.callbacks.values() if each.kind == "dag:sla_miss"]
    assert told == [(of["fails"].number, "a"), (of["fails"].number, "b")]
    assert play.deadlines == {}


def test_a_task_with_addresses_has_a_mail_sent_beside_the_callback_or_without_one(play: Play) -> None:
    mails = {"callbacks": ("email_sla_miss",), "sla_seconds": 600}
    for dag_id, callbacks in (("both", ("sla_miss",)), ("mail", ())):
        spec = older(dag_id=dag_id, callbacks=callbacks, tasks={"a": mails})
        play.load(spec)
    play.advance(hours=1)
    by_run = {run.number: run.dag_id for run in play.runs.values()}
    assert [(by_run[c.key.run], c.kind, c.key.task_id) for c in play.callbacks.values()] == [
        ("both", "dag:sla_miss", "a"), ("both", "task:email_sla_miss", "a"), ("mail", "task:email_sla_miss", "a"),
    ]  # fmt: skip


def test_runs_that_nobody_scheduled_and_dags_without_a_callback_have_no_sla(play: Play) -> None:
    manual = play.start(older(dag_id="manual"), interval=DataInterval(START - timedelta(days=1), START))
    play.load(dag("a", dag_id="silent", timetable=every(days=1), start_date=START, sla_seconds=600))
    play.advance(seconds=0)
    silent = next(run for run in play.runs.values() if run.dag_id == "silent")
    assert (manual.run_type, silent.run_type) == (RunType.MANUAL, RunType.SCHEDULED)
    assert not [key for key in play.deadlines if key[0] in (manual.number, silent.number)]
