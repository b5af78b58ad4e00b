"""What people wish of runs beside running them, on each database: notes, new tasks, partitions, a state."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation

from tradewind.core.errors import DagNotFound, InvalidInput, NotOver, RunNotFound
from tradewind.core.inputs import AttemptFinished
from tradewind.core.timetables import TimetableSpec
from tradewind.scheduler.commands import answer_of
from tradewind.testing.builders import dag
from tradewind.testing.world import same_world


def end(i: Installation, outcome: str = "success") -> list[str]:
    attempts = list(i.world.attempts.values())
    for attempt in attempts:
        i.give(AttemptFinished(attempt=attempt.id, outcome=outcome, start_date=i.now, end_date=i.now))
    return [attempt.key.task_id for attempt in attempts]


def run(i: Installation, run_id: str = "r") -> tuple[Any, ...]:
    sql = f"SELECT state, note, partition_key, clear_number FROM run WHERE run_id = '{run_id}'"
    return i.rows(sql)[0]


def as_after_a_restart(i: Installation) -> None:
    same_world(i.world, i.load(i.world.next_run_number), i.now)


@pytest.fixture
def i(installation: Installation) -> Installation:
    installation.add_dag(dag("a >> b"))
    installation.command("run.create", dag_id="etl", run_id="r")
    return installation


def test_a_note_is_kept_while_a_run_goes_on_and_after_it(i: Installation) -> None:
    i.command("run.note", dag_id="etl", run_id="r", note="first")
    as_after_a_restart(i)
    end(i)
    end(i)
    assert run(i) == ("success", "first", None, 0)
    i.command("run.note", dag_id="etl", run_id="r", note="second")
    assert run(i)[1] == "second"
    i.command("run.note", dag_id="etl", run_id="r", note="")
    assert run(i)[1] is None
    assert [event.name for event in i.events].count("run.noted") == 3
    with pytest.raises(RunNotFound):
        i.command("run.note", dag_id="etl", run_id="none", note="x")
    with pytest.raises(DagNotFound):
        i.command("run.note", dag_id="none", run_id="r", note="x")
    with pytest.raises(InvalidInput, match="at most 1000 characters"):
        i.command("run.note", dag_id="etl", run_id="r", note="x" * 1001)


def test_a_run_takes_new_tasks_and_runs_them_alone(i: Installation) -> None:
    end(i)
    end(i)
    assert i.command("run.take_new_tasks", dag_id="etl", run_id="r") == ()
    assert run(i) == ("success", None, None, 0)
    i.add_dag(dag("a >> b >> c"))
    assert i.command("run.take_new_tasks", dag_id="etl", run_id="r") == ("c",)
    as_after_a_restart(i)
    assert run(i) == ("running", None, None, 1)
    assert end(i) == ["c"]
    assert run(i)[0] == "success"


def test_a_run_that_is_not_over_has_the_new_tasks_already(i: Installation) -> None:
    i.add_dag(dag("a >> b >> c"))
    assert i.command("run.take_new_tasks", dag_id="etl", run_id="r") == ()
    assert [end(i), end(i), end(i)] == [["a"], ["b"], ["c"]]


def test_a_run_is_queued_again_and_comes_to_what_its_tasks_say(i: Installation) -> None:
    i.command("run.mark", dag_id="etl", run_id="r", state="queued")
    assert run(i)[0] == "running", "one that is not over stays as it is"
    end(i)
    i.command("run.mark", dag_id="etl", run_id="r", state="success")
    end(i, "cancelled")
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["b"])
    i.command("run.mark", dag_id="etl", run_id="r", state="failed")
    end(i, "cancelled")
    i.command("task.mark", dag_id="etl", run_id="r", task_id="b", state="success")
    assert run(i)[0] == "failed"
    i.command("run.mark", dag_id="etl", run_id="r", state="queued")
    assert run(i)[0] == "success"
    as_after_a_restart(i)
    with pytest.raises(InvalidInput, match="not running"):
        i.command("run.mark", dag_id="etl", run_id="r", state="running")


def test_runs_leave_their_partitions(i: Installation) -> None:
    i.add_dag(dag("a", dag_id="parts", timetable=TimetableSpec(kind="never", partitioned_at_runtime=True)))
    for name in ("x", "y"):
        i.command("run.create", dag_id="parts", run_id=name, partition_key=name)
    end(i)
    shown = answer_of("", i.command("run.drop_partitions", dag_id="parts", partition_key="x", dry_run=True))
    assert [step["run_id"] for step in shown["runs"]] == ["x"]
    assert run(i, "x")[2] == "x"
    i.command("run.drop_partitions", dag_id="parts", partition_key="x", clear_task_instances=True)
    assert run(i, "x") == ("running", None, None, 1)
    as_after_a_restart(i)
    assert sorted(end(i)) == ["a", "b"], "with what goes on in the other Dag"
    i.command("run.drop_partitions", dag_id="parts", run_id="y")
    assert run(i, "y") == ("success", None, None, 0)
    again = answer_of("", i.command("run.drop_partitions", dag_id="parts", run_id="y"))
    assert again["runs"] == []
    with pytest.raises(InvalidInput, match="Say which runs"):
        i.command("run.drop_partitions", dag_id="parts")


def test_what_is_not_over_is_not_deleted(i: Installation) -> None:
    with pytest.raises(NotOver):
        i.command("run.delete", dag_id="etl", run_id="r")
    with pytest.raises(NotOver):
        i.command("dag.delete", dag_id="etl")


def test_a_favourite_is_kept_once_and_goes_with_its_dag(i: Installation) -> None:
    for _ in range(2):
        i.command("favorite.set", dag_id="etl")
    assert i.rows("SELECT username, dag_id FROM favorite") == [("me", "etl")]
    i.command("favorite.delete", dag_id="etl")
    assert i.rows("SELECT * FROM favorite") == []
    with pytest.raises(DagNotFound):
        i.command("favorite.set", dag_id="none")
    i.command("favorite.set", dag_id="etl")
    i.command("run.mark", dag_id="etl", run_id="r", state="failed")
    end(i, "cancelled")
    i.command("dag.delete", dag_id="etl")
    assert i.rows("SELECT * FROM favorite") == []


def test_a_run_covers_the_interval_that_was_asked_for(i: Installation) -> None:
    asked = {"data_interval_start": "2024-01-01", "data_interval_end": "2024-01-03"}
    made = i.command("run.create", dag_id="etl", run_id="spans", logical_date="2024-01-02", **asked)
    assert [made.data_interval_start.day, made.data_interval_end.day] == [1, 3]
    for wrong, why in (
        ({"data_interval_start": "2024-01-01"}, "go together"),
        ({**asked, "data_interval_end": "2023-01-01"}, "earlier one"),
        (asked, "covers no interval"),
    ):
        with pytest.raises(InvalidInput, match=why):
            i.command("run.create", dag_id="etl", run_id="x", **wrong)
