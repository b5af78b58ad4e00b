"""Every stored value may be wrong: whatever one row says, the scheduler starts, and other Dags run to their end."""

from __future__ import annotations

import gc
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Float, Integer, LargeBinary, Table

from tradewind.store.tables import metadata
from tradewind.testing.scheduler_stage import Stage, fill
from tradewind.testing.simulation.database import Database

DEEP = "[" * 10_000 + "]" * 10_000
NOT_UNICODE = b"\xff\xfe"

# Which row is damaged, where it is not simply the first one.
OF_BAD = {
    "dag": "dag_id = 'bad'",
    "dag_version": "dag_id = 'bad'",
    "pool": "name = 'small'",
    "worker": "name = 'local'",
    "attempt": "state = 'running'",
}
NOT_READ = {
    "asset_event_alias", "command", "component", "connection", "dag_file", "import_error", "rendered",
    "source", "variable", "task_state_store", "asset_state_store", "account", "dag_access", "favorite", "login_limit",
    "role", "session", "task_note",
}  # fmt: skip
"""Tables of which a scheduler reads nothing when it starts."""
MORE = {
    "run": ["run_id = 'live'", "run_id = 'over'", "backfill IS NOT NULL"],
    "task_instance": ["state = 'queued'", "state = 'up_for_retry'", "state = 'none'", "task_id = 'last'"],
    "pool": ["name = 'default_pool'"],
    "attempt": ["state = 'assigned'"],
    "dag": ["dag_id = 'consumer'"],
    "dag_version": ["dag_id = 'consumer'"],
}


@pytest.fixture(scope="module")
def healthy() -> Iterator[tuple[Database, sqlite3.Connection, float, list[str]]]:
    """An installation at work, kept as it was."""
    database = Database()
    seconds, running = fill(database)
    copy = sqlite3.connect(":memory:")
    database._shared.backup(copy)
    yield database, copy, seconds, running
    copy.close()
    database.close()


def wrong_values(column: Column[Any]) -> list[tuple[str, Any]]:
    """(an SQL expression, its value)"""
    match column.type:
        case Boolean():
            values: list[Any] = ["no", 7]
        case Integer():
            values = ["many", -7, 2**62, 1.5]
        case Float():
            values = ["slow", float("inf")]
        case LargeBinary():
            values = [b'{"dag_id": "b', b"\xff", DEEP.encode(), b"[]", "text"]
        case _:
            values = ["nonsense", '{"half', 12, b"\x00", "x" * 10_000, DEEP]
    found = [("?", value) for value in values]
    if not isinstance(column.type, (Boolean, Integer, Float, LargeBinary)):
        found.append(("CAST(? AS TEXT)", NOT_UNICODE))
    return [*found, ("?", None)]


def play(database: Database, seconds: float, running: list[str], days: int = 2) -> None:
    """A scheduler starts with this database, a healthy Dag is run beside whatever is there, and some days pass."""
    stage = Stage(database, seconds=seconds, running=running)
    made = stage.command("run.create", dag_id="good", run_id="beside")
    assert made.state == "applied", made.error
    stage.check()
    stage.finish_held(running)
    for _ in range(days):
        stage.finish_all()
        stage.wait(86_400)
    stage.check()
    assert database.rows("SELECT state FROM run WHERE run_id = 'beside'") == [("success",)]
    assert not stage.agent.closed


def test_the_healthy_installation_goes_on_by_itself(healthy: Any) -> None:
    database, copy, seconds, running = healthy
    copy.backup(database._shared)
    play(database, seconds, running, days=4)
    assert database.rows("SELECT reason FROM event WHERE name = 'quarantined'") == []
    assert database.rows("SELECT run_id, state FROM run WHERE run_id IN ('live', 'queued', 'over')") == [
        ("over", "success"), ("live", "success"), ("queued", "success"),
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_one_wrong_value_stops_nothing_else(healthy: Any, name: str) -> None:
    """One wrong value in each column; which one of many changes from column to column."""
    table = metadata.tables[name]
    cases = []
    for position, column in enumerate(list(table.columns)[: 2 if name in NOT_READ else None]):
        values = wrong_values(column)
        cases.append((column, *values[position % len(values)], OF_BAD.get(name, "")))
    assert sweep(healthy, table, cases) > 0


@pytest.mark.heavy
@pytest.mark.parametrize("name", sorted(metadata.tables))
def test_no_wrong_value_in_any_row_stops_anything_else(healthy: Any, name: str) -> None:
    table = metadata.tables[name]
    places = [OF_BAD.get(name, ""), *MORE.get(name, [])]
    cases = [(c, mark, value, where) for c in table.columns for mark, value in wrong_values(c) for where in places]
    assert sweep(healthy, table, cases) > len(table.columns)


def sweep(healthy: Any, table: Table, cases: Iterable[tuple[Column[Any], str, Any, str]]) -> int:
    """Play each case; how many the database let happen."""
    database, copy, seconds, running = healthy
    failures = []
    tried = 0
    for column, mark, value, where in cases:
        copy.backup(database._shared)
        if not damage(database, table, column, mark, value, where):
            continue
        tried += 1
        try:
            play(database, seconds, running)
        except Exception as error:
            gc.collect()  # of statements that were left open
            what = f"{column.name} = {str(value)[:30]!r} where {where or 'first'}"
            failures.append(f"{what}: {type(error).__name__}: {error}"[:400])
    assert failures == [], f"{len(failures)} of {tried}:\n" + "\n".join(failures[:40])
    return tried


def damage(database: Database, table: Table, column: Column[Any], mark: str, value: Any, where: str) -> bool:
    """Write one wrong value into one row; False where the database itself refuses it."""
    keys = [c.name for c in table.primary_key.columns]
    found = database.rows(f"SELECT {', '.join(keys)} FROM {table.name} WHERE {where or 'true'} LIMIT 1")
    if not found:
        return False
    conditions = " AND ".join(f"{key} = ?" for key in keys)
    try:
        database.rows(f"UPDATE {table.name} SET {column.name} = {mark} WHERE {conditions}", value, *found[0])
    except (sqlite3.IntegrityError, OverflowError):
        return False
    return True
