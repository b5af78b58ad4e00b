"""What the home page, the palette and the pages of processes read, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation
from sqlalchemy import Engine, insert, update

from tradewind.core.access import EVERY_DAG, DagScope
from tradewind.store import tables as t
from tradewind.store.reading import finding, home, overview, surroundings, system

MINE = DagScope(ids=frozenset({"mine"}))
SCOPES = (EVERY_DAG, MINE, DagScope(tags=frozenset({"team"})), DagScope(folders=frozenset({"mine"})), DagScope())
NOW = 1_000_000_000


@pytest.fixture
def filled(installation: Installation, engine: Engine) -> Engine:
    """`mine` failed last and has a run that goes on, `theirs` succeeded and is late."""
    with engine.begin() as connection:
        for dag_id, file, tags, due in (("mine", "mine/a.py", '["team"]', NOW + 50), ("theirs", "b.py", "[]", 1)):
            row = {
                "dag_id": dag_id, "file": file, "version": f"v-{dag_id}", "is_paused": False, "is_stale": False,
                "owners": "ann, bob", "tags": tags, "max_active_tasks": 1, "max_active_runs": 1, "next_run_after": due,
                "created_at": 1, "updated_at": 1,
            }  # fmt: skip
            connection.execute(insert(t.dag), row)
            parsed = {"file": file, "digest": "d", "parsed_at": 3, "seconds": 0.5, "dag_ids": f'["{dag_id}"]'}
            connection.execute(insert(t.dag_file), parsed)
        runs = (
            (1, "mine", "one", "success", NOW - 900), (2, "mine", "two", "failed", NOW - 800),
            (3, "theirs", "one", "failed", NOW - 700), (4, "theirs", "two", "success", NOW - 600),
            (5, "mine", "three", "running", None), (6, "theirs", "three", "queued", None),
        )  # fmt: skip
        for number, dag_id, run_id, state, ended in runs:
            run = {
                "number": number, "dag_id": dag_id, "run_id": run_id, "run_type": "manual", "state": state,
                "version": f"v-{dag_id}", "run_after": number, "queued_at": number, "start_date": number,
                "end_date": ended,
            }  # fmt: skip
            connection.execute(insert(t.run), run)
            task: dict[str, Any] = {
                "run": number, "task_id": "load_all", "map_index": -1, "try_number": 1, "max_tries": 1, "leg": 0,
                "losses": 0, "reason": "E: no" if state == "failed" else "", "pending": "", "skip_decided": False,
                "state": state if state in ("success", "failed") else "none",
            }  # fmt: skip
            connection.execute(insert(t.task_instance), task)
        attempt = {
            "id": "a1", "run": 5, "task_id": "load_all", "map_index": -1, "try_number": 1, "leg": 0, "state": "running",
            "worker": "w", "pool": "p", "pool_slots": 2, "version": "v", "assigned_at": 5, "started_at": 6,
            "reason": "", "cancel": "",
        }  # fmt: skip
        connection.execute(insert(t.attempt), attempt)
        connection.execute(insert(t.favorite), {"username": "ann", "dag_id": "mine"})
    return engine


def test_what_fails_is_late_and_runs(filled: Engine) -> None:
    with filled.connect() as connection:
        late = NOW + overview.LATE_US
        counts = home.dag_counts(connection, EVERY_DAG, late)
        assert counts == {"all": 2, "paused": 0, "late": 1, "failing": 1, "running": 2}
        assert [row["run_id"] for row in home.failing_runs(connection, EVERY_DAG, EVERY_DAG)] == ["two"]
        assert home.open_run_counts(connection, EVERY_DAG) == {"running": (1, 5), "queued": (1, 6)}
        assert [row["number"] for row in home.open_runs(connection, EVERY_DAG, "running", 8)] == [5]
        assert [row["reason"] for row in home.troubled_tasks(connection, [2, 4])] == ["E: no"]
        assert home.task_counts(connection, [4, 5]) == {4: {"success": 1}, 5: {"none": 1}}
        assert [row["dag_id"] for row in home.late_dags(connection, EVERY_DAG, late, 5)] == ["theirs"]


def test_the_next_dag_that_will_be_late_is_one_that_the_reader_sees_and_that_is_not_late_yet(filled: Engine) -> None:
    late_after = overview.LATE_US + 1
    with filled.connect() as connection:

        def next_is_late(scope: DagScope, now: int) -> int | None:
            return overview.next_is_late(connection, scope, now)

        assert next_is_late(EVERY_DAG, 1) == 1 + late_after
        assert next_is_late(MINE, 1) == NOW + 50 + late_after
        assert next_is_late(EVERY_DAG, NOW) == NOW + 50 + late_after, "theirs is late already"
        assert next_is_late(MINE, NOW + 51 + overview.LATE_US) is None
        assert next_is_late(DagScope(), 1) is None


def test_what_was_and_what_comes(filled: Engine) -> None:
    with filled.connect() as connection:
        counted = home.history(connection, EVERY_DAG, NOW - 850, 100)
        assert counted == {(0, "failed"): 1, (1, "failed"): 1, (2, "success"): 1}
        assert home.planned_runs(connection, EVERY_DAG, NOW, NOW + 100, 20) == {2: 1}
        assert [row["dag_id"] for row in home.next_runs(connection, EVERY_DAG, NOW, 5)] == ["mine"]


def test_objects_are_found_by_a_part_of_their_name(filled: Engine) -> None:
    with filled.connect() as connection:
        assert [row["dag_id"] for row in finding.dags_found(connection, EVERY_DAG, "I", 6)] == ["mine", "theirs"]
        assert [row["dag_id"] for row in finding.dags_found(connection, EVERY_DAG, "the", 6)] == ["theirs"]
        assert [row["dag_id"] for row in finding.runs_found(connection, EVERY_DAG, "two", 6)] == ["theirs", "mine"]
        tasks = finding.tasks_found(connection, EVERY_DAG, "D_A", 6)
        assert {(row["dag_id"], row["run_id"]) for row in tasks} == {("mine", "three"), ("theirs", "three")}
        assert finding.tasks_found(connection, EVERY_DAG, "loadxall", 6) == []


def test_tasks_are_looked_for_in_the_newest_run_of_each_dag_alone(filled: Engine) -> None:
    with filled.begin() as connection:
        task = t.task_instance.c
        older = update(t.task_instance).where(task.run < 5)
        connection.execute(older.values(task_id="long_gone"))
        assert finding.tasks_found(connection, EVERY_DAG, "gone", 6) == []
        assert [row["run_id"] for row in finding.tasks_found(connection, MINE, "load", 6)] == ["three"]


def test_processes_tags_and_favourites(filled: Engine) -> None:
    with filled.connect() as connection:
        assert [row["run_id"] for row in system.active_attempts(connection, 5)] == ["three"]
        assert surroundings.slots_held(connection).of("p").running == 2
        assert [row["file"] for row in system.files_parsed(connection, MINE, 5).rows] == ["mine/a.py"]
        assert overview.favorites_of(connection, EVERY_DAG, "ann") == {"mine"}
        tags, owners = overview.facets(connection, EVERY_DAG)
        assert (dict(tags), dict(owners)) == ({"team": 1}, {"ann": 2, "bob": 2})


@pytest.mark.parametrize("scope", SCOPES[1:])
def test_nothing_of_another_dag_is_read(filled: Engine, scope: DagScope) -> None:
    with filled.connect() as connection:
        found = [
            *home.failing_runs(connection, scope, scope),
            *home.open_runs(connection, scope, "queued", 5),
            *home.late_dags(connection, scope, NOW * 2, 5),
            *home.next_runs(connection, scope, 0, 5),
            *finding.dags_found(connection, scope, "", 5),
            *finding.runs_found(connection, scope, "", 5),
            *finding.tasks_found(connection, scope, "", 5),
            *system.files_parsed(connection, scope, 5).rows,
        ]
        assert "theirs" not in str(found)
        assert "b.py" not in str(found)
        assert sum(home.history(connection, scope, 0, NOW * 2).values()) in (0, 2)
        assert home.open_run_counts(connection, scope).get("queued") is None
        assert home.running_dags(connection, scope) in (0, 1)
