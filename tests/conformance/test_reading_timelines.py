"""What passed in a run is read alike from every database."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine

from tradewind.store import tables as t
from tradewind.store.reading.timelines import failed_in_run, run_facts, states_of_run, tasks_passed, usual_duration


def run(number: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "number": number, "dag_id": "etl", "run_id": f"run{number}", "run_type": "manual", "state": "success",
        "version": "v", "run_after": number, "start_date": 100, "end_date": 100 + 10 * number,
    }  # fmt: skip
    return row | more


def instance(task_id: str, map_index: int = -1, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "run": 4, "task_id": task_id, "map_index": map_index, "state": "success", "try_number": 1, "max_tries": 1,
        "leg": 0, "losses": 0, "start_date": 100, "end_date": 200, "reason": "", "pending": "", "skip_decided": False,
    }  # fmt: skip
    return row | more


def attempt(id: str, task_id: str, map_index: int, number: int, leg: int, **more: Any) -> dict[str, Any]:
    row: dict[str, Any] = {
        "id": id, "run": 4, "task_id": task_id, "map_index": map_index, "try_number": number, "leg": leg,
        "state": "success", "worker": "w", "pool": "default_pool", "pool_slots": 1, "version": "v", "assigned_at": 1,
        "started_at": 2, "ended_at": 3, "reason": "", "cancel": "",
    }  # fmt: skip
    return row | more


@pytest.fixture
def filled(engine: Engine) -> Engine:
    with engine.begin() as connection:
        for row in (run(1), run(2, state="failed"), run(3), run(4, state="running", end_date=None), run(9, dag_id="x")):
            connection.execute(t.run.insert(), row)
        mapped = [instance("m", index, end_date=200 + index) for index in range(8)]
        mapped[2] |= {"state": "failed"}
        mapped[3] |= {"state": "running", "end_date": None}
        connection.execute(t.task_instance.insert(), [instance("a"), *mapped])
        connection.execute(
            t.attempt.insert(),
            [
                attempt("1", "a", -1, 1, 0, state="deferred", assigned_at=10, started_at=11, ended_at=12),
                attempt("2", "a", -1, 1, 1, state="failed", assigned_at=20, started_at=21, ended_at=22, reason="no"),
                attempt("3", "a", -1, 2, 0, assigned_at=30, started_at=31, ended_at=32),
                attempt("4", "m", 0, 1, 0), attempt("5", "m", 7, 1, 0),
            ],
        )  # fmt: skip
    return engine


def test_a_run_has_its_neighbours_and_what_is_usual_for_it(filled: Engine) -> None:
    with filled.connect() as connection:
        facts = run_facts(connection, "etl", "run3")
        assert facts is not None
        assert (facts["run_before"], facts["run_after_it"]) == ("run2", "run4")
        assert run_facts(connection, "etl", "none") is None
        assert usual_duration(connection, "etl", 4) == 20
        assert usual_duration(connection, "etl", 1) is None


def test_of_each_task_those_instances_are_read_that_tell_most_with_all_counted(filled: Engine) -> None:
    with filled.connect() as connection:
        passed = tasks_passed(connection, 4, most=3)
        assert states_of_run(connection, 4) == {"success": 7, "failed": 1, "running": 1}
        assert failed_in_run(connection, 4, most=5) == [{"task_id": "m", "map_index": 2}]
    assert passed["m"].states == {"success": 6, "failed": 1, "running": 1}
    assert (passed["m"].start, passed["m"].end) == (100, 207)
    assert [row["map_index"] for row in passed["m"].shown] == [2, 3, 7]
    assert [len(row["tries"]) for row in passed["m"].shown] == [0, 0, 1]


def test_a_try_of_several_legs_is_as_its_last_one_from_its_first_begin(filled: Engine) -> None:
    with filled.connect() as connection:
        [row] = tasks_passed(connection, 4, most=3)["a"].shown
    told = [
        (each["try_number"], each["state"], each["assigned_at"], each["started_at"], each["ended_at"])
        for each in row["tries"]
    ]
    assert told == [(1, "failed", 10, 11, 22), (2, "success", 30, 31, 32)]
