"""What a grid's columns are read from, and for how long they are kept, on every database."""

from __future__ import annotations

from typing import Any

import pytest
from conformance_data import Installation
from sqlalchemy import Connection, Engine, delete, insert, update

from tradewind.store import tables as t
from tradewind.store.reading import known_columns
from tradewind.store.reading.grid import NO_TASK, PACKED, packed, run_rows, tasks_of_runs
from tradewind.store.reading.known_columns import KnownColumns


@pytest.fixture
def filled(installation: Installation, engine: Engine) -> Engine:
    """Two runs that are over and one that goes on, of which the last has a mapped task and no `b`."""
    with engine.begin() as connection:
        for number, state in ((11, "success"), (12, "failed"), (13, "running")):
            connection.execute(
                insert(t.run),
                {
                    "number": number, "dag_id": "etl", "run_id": f"r{number}", "run_type": "manual", "state": state,
                    "version": "v", "run_after": number, "conf": "{}",
                },
            )  # fmt: skip
        for run, task_id, map_index, state in (
            (11, "a", -1, "success"), (11, "b", -1, "skipped"), (12, "a", -1, "success"), (12, "b", -1, "failed"),
            (13, "a", 0, "success"), (13, "a", 1, "running"), (13, "a", 2, "success"),
        ):  # fmt: skip
            _put_task(connection, run, task_id, map_index, state)
    return engine


def _put_task(connection: Connection, run: int, task_id: str, map_index: int, state: str) -> None:
    row = {
        "run": run, "task_id": task_id, "map_index": map_index, "state": state, "try_number": 1, "max_tries": 1,
        "leg": 0, "losses": 0, "reason": "", "pending": "", "skip_decided": False,
    }  # fmt: skip
    connection.execute(insert(t.task_instance), row)


def _event(connection: Connection, seq: int, run_id: str) -> None:
    row: dict[str, Any] = {
        "seq": seq, "at": 1, "name": "task.moved", "dag_id": "etl", "run_id": run_id, "task_id": "b", "map_index": -1,
        "try_number": 1, "before": "", "after": "", "reason": "", "body": "{}",
    }  # fmt: skip
    connection.execute(insert(t.event), row)


def _shown(engine: Engine, known: KnownColumns) -> list[list[str]]:
    """By run what `a` and `b` came to."""
    with engine.connect() as connection:
        codes = packed(known.of(connection, run_rows(connection, "etl", 10)), ["a", "b"])
    names = ["" if code == NO_TASK else PACKED[code] for code in codes]
    return [names[at : at + 2] for at in range(0, len(names), 2)]


def test_of_several_instances_the_state_that_tells_most_stands_for_the_task(filled: Engine) -> None:
    assert _shown(filled, KnownColumns()) == [["success", "skipped"], ["success", "failed"], ["running", ""]]
    with filled.connect() as connection:
        assert tasks_of_runs(connection, [11, 13, 99])[13].several == {"a": 3}
        assert tasks_of_runs(connection, [99])[99].task_ids == ()


def test_a_run_that_is_over_is_read_again_once_an_event_names_it(filled: Engine) -> None:
    known = KnownColumns()
    before = _shown(filled, known)
    with filled.begin() as connection:
        connection.execute(update(t.task_instance).where(t.task_instance.c.task_id == "b").values(state="success"))
        _event(connection, 1_000, "r12")
    assert _shown(filled, known) == [before[0], ["success", "success"], before[2]]


def test_a_run_that_goes_on_is_read_each_time(filled: Engine) -> None:
    known = KnownColumns()
    _shown(filled, known)
    with filled.begin() as connection:
        connection.execute(update(t.task_instance).where(t.task_instance.c.run == 13).values(state="failed"))
    assert _shown(filled, known)[2] == ["failed", ""]


def test_everything_is_read_again_where_the_events_since_are_too_many_or_are_gone(
    filled: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = KnownColumns()
    with filled.begin() as connection:
        _event(connection, 1_000, "r12")
    _shown(filled, known)
    with filled.begin() as connection:
        connection.execute(update(t.task_instance).where(t.task_instance.c.run == 11).values(state="failed"))
        connection.execute(delete(t.event))
        _event(connection, 2_000, "r12")
    assert _shown(filled, known)[0] == ["failed", "failed"]
    monkeypatch.setattr(known_columns, "MOST_EVENTS", 0)
    with filled.begin() as connection:
        connection.execute(update(t.task_instance).where(t.task_instance.c.run == 11).values(state="removed"))
        _event(connection, 2_001, "r12")
    assert _shown(filled, known)[0] == ["removed", "removed"]


def test_what_was_read_at_an_older_moment_is_not_kept(filled: Engine) -> None:
    known = KnownColumns()
    with filled.begin() as connection:
        _event(connection, 1_000, "r12")
    with filled.connect() as older:
        older.exec_driver_sql(
            "BEGIN" if filled.dialect.name == "sqlite" else "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ"
        )
        rows = run_rows(older, "etl", 10)
        with filled.begin() as connection:
            connection.execute(update(t.task_instance).where(t.task_instance.c.run == 11).values(state="failed"))
            _event(connection, 1_001, "r11")
        newer = _shown(filled, known)
        known.of(older, rows)
        older.rollback()
    assert newer[0] == ["failed", "failed"]
    assert _shown(filled, known) == newer


def test_what_is_kept_is_bounded(filled: Engine) -> None:
    known = KnownColumns(most_tasks=2)
    before = _shown(filled, known)
    assert len(known._kept) == 1
    assert _shown(filled, known) == before


def test_runs_come_by_where_they_stand_and_not_by_when_they_were_made(filled: Engine) -> None:
    with filled.begin() as connection:
        for number, place in ((14, 5), (15, 12), (16, None)):  # a backfill of the past, and one without a date
            row = {
                "number": number, "dag_id": "etl", "run_id": f"r{number}", "run_type": "backfill", "state": "success",
                "version": "v", "run_after": place or 13, "logical_date": place, "conf": "{}",
            }  # fmt: skip
            connection.execute(insert(t.run), row)
        assert [row["number"] for row in run_rows(connection, "etl", 10)] == [14, 11, 12, 15, 13, 16]
        assert [row["number"] for row in run_rows(connection, "etl", 2)] == [13, 16]
        assert [row["number"] for row in run_rows(connection, "etl", 2, before=13)] == [12, 15]
        assert [row["number"] for row in run_rows(connection, "etl", 2, before=14)] == []
