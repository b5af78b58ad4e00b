"""Deadlines and callbacks on a real database: memory built again in the middle, and what has begun."""

from __future__ import annotations

from datetime import timedelta

import pytest
from conformance_data import START, Installation
from sqlalchemy import text

from tradewind.core.dag import DagSpec, DeadlineSpec
from tradewind.core.decisions import StartCallback
from tradewind.core.inputs import AttemptFinished, AttemptStarted, CallbackBegun, CallbackFinished
from tradewind.core.records import TaskKey
from tradewind.store import queries
from tradewind.testing.builders import dag
from tradewind.testing.world import same_world


def spec(*deadlines: DeadlineSpec) -> DagSpec:
    return dag("a", deadlines=deadlines)


QUEUED = DeadlineSpec(reference="queued_at", interval_seconds=600)
AVERAGE = DeadlineSpec(reference="average_runtime", interval_seconds=60, max_runs=2, min_runs=1)


def restart(i: Installation) -> None:
    """Memory is lost, and built again from the database."""
    fresh = i.load(i.world.next_run_number)
    same_world(i.world, fresh, i.now)
    i.owner.world = fresh
    i.turn()


def create(i: Installation) -> None:
    i.command("run.create", dag_id="etl", run_type="manual")


def begun(i: Installation) -> None:
    i.give(*(AttemptStarted(attempt=a, start_date=i.now) for a in list(i.world.attempts)))


def finish(i: Installation) -> None:
    i.give(*(AttemptFinished(attempt=a, outcome="success", end_date=i.now) for a in list(i.world.attempts)))


def test_a_deadline_is_told_once_although_the_scheduler_restarts_before_and_after(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(QUEUED))
    create(i)
    begun(i)
    i.advance(minutes=4)
    restart(i)
    i.advance(minutes=5)
    assert i.rows("SELECT kind FROM callback") == []
    i.advance(minutes=1)
    moment = (START + timedelta(minutes=10)).isoformat()
    assert i.rows("SELECT kind, reason FROM callback") == [("deadline:0", moment)]
    assert i.rows("SELECT name FROM deadline") == []
    restart(i)
    i.advance(hours=1)
    assert len([told for told in i.told if isinstance(told, StartCallback)]) == 1


def test_a_deadline_that_comes_while_no_scheduler_runs_is_told_by_the_next(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(QUEUED))
    create(i)
    i.now += timedelta(hours=5)
    i.owner.world = i.load(i.world.next_run_number)
    i.turn()
    assert i.rows("SELECT kind FROM callback") == [("deadline:0",)]


def test_a_run_that_ends_in_time_leaves_no_row(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(QUEUED))
    create(i)
    assert i.rows("SELECT run, name FROM deadline") == [(1, "deadline:0")]
    finish(i)
    assert i.rows("SELECT * FROM deadline") == []


def test_a_run_that_failed_is_told_of_at_its_moment_although_the_scheduler_restarts(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(QUEUED))
    create(i)
    begun(i)
    i.give(*(AttemptFinished(attempt=a, outcome="failed", end_date=i.now) for a in list(i.world.attempts)))
    assert i.world.runs == {}
    restart(i)
    assert list(i.world.overdue) == [1]
    i.advance(minutes=10)
    assert i.rows("SELECT kind FROM callback") == [("deadline:0",)]
    assert (i.rows("SELECT name FROM deadline"), i.world.overdue) == ([], {})


def test_a_failed_run_that_is_deleted_is_told_of_no_more(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(QUEUED))
    i.command("run.create", dag_id="etl", run_type="manual", run_id="r")
    i.give(*(AttemptFinished(attempt=a, outcome="failed", end_date=i.now) for a in list(i.world.attempts)))
    i.command("run.delete", dag_id="etl", run_id="r")
    i.advance(hours=1)
    assert (i.rows("SELECT kind FROM callback"), i.world.overdue) == ([], {})


def test_a_run_that_is_run_again_has_told_how_long_it_took(installation: Installation) -> None:
    """Its row forgets; what was known before a restart is known after it."""
    i = installation
    i.add_dag(spec(AVERAGE))
    for minutes, run_id in ((10, "first"), (20, "second"), (30, "third")):
        i.command("run.create", dag_id="etl", run_type="manual", run_id=run_id)
        begun(i)
        i.advance(minutes=minutes)
        finish(i)
    i.command("task.clear", dag_id="etl", run_id="second", task_ids=["a"])
    restart(i)
    assert i.world.runtimes == {"etl": (1800.0, 1200.0)}
    begun(i)
    i.advance(minutes=1)
    finish(i)
    restart(i)
    assert i.world.runtimes == {"etl": (60.0, 1800.0)}
    i.command("dag.delete", dag_id="etl")
    assert (i.world.runtimes, i.rows("SELECT * FROM runtime")) == ({}, [])


def test_damaged_runtimes_leave_a_dag_without_an_average(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(AVERAGE))
    create(i)
    begun(i)
    finish(i)
    for damaged in ("[1, ", '["long"]', "[-1]", "{}"):
        with i.engine.begin() as connection:
            connection.execute(text("UPDATE runtime SET seconds = :damaged"), {"damaged": damaged})
        i.owner.world = i.load(i.world.next_run_number)
        assert i.world.runtimes == {}
        assert [table for table, _ in i.world.set_aside] == ["runtime"]
    create(i)
    begun(i)
    i.advance(minutes=1)
    finish(i)
    assert (i.world.runtimes, i.world.set_aside) == ({"etl": (60.0,)}, {}), "its next run mends it"


def test_the_average_of_past_runs_is_read_again_at_a_start(installation: Installation) -> None:
    i = installation
    i.add_dag(spec(AVERAGE))
    for minutes in (10, 20, 30):
        create(i)
        begun(i)
        i.advance(minutes=minutes)
        finish(i)
        restart(i)
    assert i.world.runtimes == {"etl": (1800.0, 1200.0)}
    with i.engine.connect() as connection:
        assert queries.runtimes(connection, "etl", 10) == (1800.0, 1200.0, 600.0)
    create(i)
    (at,) = i.world.runs[4].deadlines.values()
    assert at == i.now + timedelta(minutes=26)


@pytest.fixture
def called(installation: Installation) -> tuple[Installation, str]:
    """A mail that waits to be sent."""
    i = installation
    i.add_dag(dag("a", tasks={"a": {"callbacks": ("email_on_failure",)}}))
    create(i)
    i.give(*(AttemptFinished(attempt=a, outcome="failed", end_date=i.now) for a in list(i.world.attempts)))
    ((number, state),) = i.rows("SELECT id, state FROM callback")
    assert state == "waiting"
    return i, number


def test_a_callback_that_has_begun_stays_open_and_says_where(called: tuple[Installation, str]) -> None:
    i, number = called
    news = CallbackBegun(
        id=number, key=TaskKey(1, "a"), kind="task:email_on_failure", reason="", try_number=1, worker="w1"
    )  # fmt: skip
    i.give(news)
    with i.engine.connect() as connection:
        (row,) = queries.open_callbacks(connection)
        one = queries.callback_numbered(connection, number) or {}
    assert (row["state"], row["worker"], row["try_number"]) == ("begun", "w1", 1)
    assert (one["state"], one["max_tries"]) == ("begun", 0)
    i.give(CallbackFinished(id=number))
    assert i.rows("SELECT * FROM callback") == []
