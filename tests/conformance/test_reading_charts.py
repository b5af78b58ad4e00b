"""What the page of charts reads, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation
from sqlalchemy import Engine, insert

from tradewind.core.access import EVERY_DAG, DagScope
from tradewind.store import tables as t
from tradewind.store.reading import charts
from tradewind.store.reading.charts import Spread, Window

START, STEP = 1_700_000_000_000_000, 60_000_000
EVERY = Window(START, STEP, EVERY_DAG)
MINE = Window(START, STEP, DagScope(ids=frozenset({"mine"})))
NOBODY = Window(START, STEP, DagScope())


@pytest.fixture
def filled(installation: Installation, engine: Engine) -> Engine:
    """Runs of two Dags: one over before the window, two in it, one that goes on."""
    with engine.begin() as connection:
        for dag_id in ("mine", "theirs"):
            row: dict[str, Any] = {
                "dag_id": dag_id, "file": "a.py", "version": "v", "is_paused": False, "is_stale": False,
                "max_active_tasks": 1, "max_active_runs": 1, "created_at": 1, "updated_at": 1,
            }  # fmt: skip
            connection.execute(insert(t.dag), row)
        runs = (
            (1, "mine", "success", -30, -10), (2, "mine", "success", 5, 65), (3, "theirs", "failed", -50, 70),
            (4, "mine", "running", 100, None),
        )  # fmt: skip
        for number, dag_id, state, began, ended in runs:
            connection.execute(insert(t.run), _run(number, dag_id, state, began, ended))
        tasks = (
            (1, "a", "success", -30, -29, -28, -20, "default"), (2, "a", "success", 6, 8, 9, 40, "default"),
            (2, "b", "success", 41, 45, 46, 64, "other"), (3, "a", "failed", -49, -40, -39, 61, "default"),
            (4, "a", "success", 101, 102, 103, 110, "default"), (4, "b", "running", 111, 115, 116, None, "other"),
        )  # fmt: skip
        for run, task_id, state, *moments, pool in tasks:
            scheduled, queued, started, over = (_at(each) for each in moments)
            task = {
                "run": run, "task_id": task_id, "map_index": -1, "state": state, "try_number": 1, "max_tries": 1,
                "leg": 0, "losses": 0, "scheduled_at": scheduled, "queued_at": queued, "start_date": started,
                "end_date": over, "reason": "", "pending": "", "skip_decided": False,
            }  # fmt: skip
            connection.execute(insert(t.task_instance), task)
            attempt = {
                "id": f"{run}{task_id}", "run": run, "task_id": task_id, "map_index": -1, "try_number": 1, "leg": 0,
                "state": state, "worker": "w", "pool": pool, "pool_slots": 1, "version": "v", "assigned_at": queued,
                "started_at": started, "ended_at": over, "reason": "", "cancel": "",
                "cpu_seconds": None if over is None else run / 2, "peak_bytes": None if over is None else run * 1000,
            }  # fmt: skip
            connection.execute(insert(t.attempt), attempt)
        for run, at, value in (
            (1, -20, b'{"score": 1, "broken": []}'), (2, 40, b'{"score": 97.5, "broken": []}'), (2, 64, b'"the score"'),
            (3, 61, b'{"score": 3, "broken": []}'), (4, 110, b'{"score": 4, "x": "' + b"x" * 70_000 + b'"}'),
        ):  # fmt: skip
            row = {"run": run, "task_id": "a", "map_index": -1, "key": f"k{at}", "value": value, "at": _at(at)}
            connection.execute(insert(t.xcom), row)
    return engine


def _at(seconds: int | None) -> int | None:
    return None if seconds is None else START + seconds * 1_000_000


def _run(number: int, dag_id: str, state: str, began: int, ended: int | None) -> dict[str, Any]:
    return {
        "number": number, "dag_id": dag_id, "run_id": f"r{number}", "run_type": "manual", "state": state,
        "version": "v", "run_after": _at(began - 3), "queued_at": _at(began - 2), "start_date": _at(began),
        "end_date": _at(ended),
    }  # fmt: skip


def test_what_ended_is_counted_in_the_step_in_which_it_ended(filled: Engine) -> None:
    with filled.connect() as connection:
        assert charts.tasks_ended(connection, EVERY) == {(0, "success"): 1, (1, "success"): 2, (1, "failed"): 1}
        assert charts.tasks_ended(connection, MINE) == {(0, "success"): 1, (1, "success"): 2}
        assert charts.runs_ended(connection, EVERY) == {(1, "success"): 1, (1, "failed"): 1}
        assert charts.runs_ended(connection, MINE) == {(1, "success"): 1}
        tries = charts.tries(connection, EVERY)
        assert tries.cpu_seconds == {0: 1.0, 1: 4.5}
        assert tries.peak_bytes == {
            0: Spread(1, 2000, 2000, 2000), 1: Spread(3, 3000, 4000, 4000),
        }  # fmt: skip


def test_what_was_waited_for_is_counted_in_the_step_in_which_it_came(filled: Engine) -> None:
    second = 1_000_000
    with filled.connect() as connection:
        tries = charts.tries(connection, EVERY)
        assert tries.starts == {
            0: Spread(2, 3 * second, 5 * second, 5 * second), 1: Spread(2, 2 * second, 5 * second, 5 * second),
        }  # fmt: skip
        waits = {key: spread.p95 // second for key, spread in tries.slot_waits.items()}
        assert waits == {("default", 0): 2, ("other", 0): 4, ("default", 1): 1, ("other", 1): 4}
        assert charts.run_times(connection, EVERY) == {1: Spread(2, 60 * second, 120 * second, 120 * second)}
        runs = {place: spread.p95 // second for place, spread in charts.run_starts(connection, EVERY).items()}
        assert runs == {0: 2, 1: 2}


def test_percentiles_are_by_the_nearest_rank(installation: Installation, engine: Engine) -> None:
    with engine.begin() as connection:
        runs = [_run(number, "mine", "success", 0, number) for number in range(1, 51)]
        connection.execute(insert(t.run), runs)
        [found] = charts.run_times(connection, EVERY).values()
    assert found == Spread(50, 25_000_000, 48_000_000, 50_000_000)


def test_scores_are_found_in_the_values_that_tasks_left(filled: Engine) -> None:
    with filled.connect() as connection:
        left = charts.scores_left(connection, EVERY)
        assert [(row["dag_id"], row["at"]) for row in left] == [("theirs", _at(61)), ("mine", _at(40))]
        assert bytes(left[1]["value"]) == b'{"score": 97.5, "broken": []}'
        assert [row["dag_id"] for row in charts.scores_left(connection, MINE)] == ["mine"]


def test_a_reader_of_no_dag_gets_nothing(filled: Engine) -> None:
    with filled.connect() as connection:
        for ask in (
            charts.tasks_ended, charts.runs_ended, charts.run_times, charts.run_starts, charts.scores_left,
        ):  # fmt: skip
            assert not ask(connection, NOBODY), ask.__name__
        assert charts.tries(connection, NOBODY) == charts.Tries({}, {}, {}, {})


def test_one_dag_is_asked_for_by_its_id(filled: Engine) -> None:
    theirs = Window(START, STEP, EVERY_DAG, "theirs")
    with filled.connect() as connection:
        assert charts.tasks_ended(connection, theirs) == {(1, "failed"): 1}


def test_a_window_that_ends_leaves_out_what_came_later(filled: Engine) -> None:
    first = Window(START, STEP, EVERY_DAG, until_us=START + STEP)
    with filled.connect() as connection:
        assert charts.tasks_ended(connection, first) == {(0, "success"): 1}
        assert charts.runs_ended(connection, first) == {}
        tries = charts.tries(connection, first)
        assert (set(tries.starts), set(tries.peak_bytes), tries.cpu_seconds) == ({0}, {0}, {0: 1.0})
        assert [row["at"] for row in charts.scores_left(connection, first)] == [_at(40)]


def test_of_too_much_the_newest_steps_are_counted_whole(filled: Engine) -> None:
    with filled.connect() as connection:
        assert charts.whole_part(connection, EVERY) == EVERY
        assert charts.whole_part(connection, EVERY, most=2).start_us == START + 2 * STEP
        assert charts.whole_part(connection, MINE, most=2) == MINE, "two tasks are not more than two"


def test_machines_are_told_of_by_worker_and_step(filled: Engine) -> None:
    rows = [
        ("a", 0, 10.0, 40.0),
        ("a", 60, None, 60.0),
        ("a", 120, 30.0, 50.0),
        ("b", 120, None, 5.0),
        ("a", -60, 1.0, 1.0),
    ]
    with filled.begin() as connection:
        for place, (worker, at, cpu, memory) in enumerate(rows):
            row = {"place": place, "worker": worker, "at": _at(at), "cpu": cpu, "memory": memory, "disk": 7.0}
            connection.execute(insert(t.machine_minute), row)
    with filled.connect() as connection:
        found = charts.machines(connection, Window(START, 120_000_000, EVERY_DAG))
    assert sorted(tuple(row.values()) for row in found) == [
        ("a", 0, 10.0, 60.0, 7.0), ("a", 1, 30.0, 50.0, 7.0), ("b", 1, None, 5.0, 7.0),
    ]  # fmt: skip
