"""Databases as hooks: one statement or several, rows, transactions; SQLite and PostgreSQL alike."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tradewind.sdk.exceptions import AirflowException
from tradewind.sdk.hooks.base import BaseHook
from tradewind.sdk.hooks.postgres import PostgresHook
from tradewind.sdk.hooks.sql import fetch_all_handler
from tradewind.sdk.hooks.sqlite import SqliteHook
from tradewind.sdk.sensors.sql import SqlSensor


@pytest.fixture(params=["sqlite", "postgresql"])
def hook(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    fields: dict[str, Any] = {"conn_type": "sqlite", "host": str(tmp_path / "t.db")}
    if request.param == "postgresql":
        url = urlsplit(request.getfixturevalue("postgres_server").new_database())
        socket = parse_qs(url.query).get("host", [None])[0]
        fields = {
            "conn_type": "postgres", "host": url.hostname or socket, "port": url.port, "login": url.username,
            "password": url.password, "schema": url.path.lstrip("/"), "extra": {"connect_timeout": 30},
        }  # fmt: skip
    monkeypatch.setenv("AIRFLOW_CONN_DB", json.dumps(fields))
    found = BaseHook.get_hook("db")
    found.run("CREATE TABLE t (name TEXT, number INTEGER)")
    return found


def test_a_connection_finds_the_hook_by_its_type(hook: Any) -> None:
    assert isinstance(hook, (SqliteHook, PostgresHook))
    assert hook.test_connection() == (True, "The database answers.")


def test_rows_are_inserted_and_read(hook: Any) -> None:
    hook.insert_rows("t", [(f"n{i}", i) for i in range(5)], target_fields=["name", "number"], commit_every=2)
    mark = hook.placeholder
    rows = hook.get_records(f"SELECT name, number FROM t WHERE number > {mark} ORDER BY number", (2,))
    assert [tuple(row) for row in rows] == [("n3", 3), ("n4", 4)]
    assert tuple(hook.get_first("SELECT count(*) FROM t")) == (5,)
    assert hook.get_first("SELECT 1 FROM t WHERE number = 99") is None


def test_several_statements_are_one_transaction(hook: Any) -> None:
    with pytest.raises(Exception, match="nowhere"):
        hook.run(["INSERT INTO t VALUES ('a', 1)", "INSERT INTO nowhere VALUES (1)"])
    assert hook.get_records("SELECT * FROM t") == []
    text = "INSERT INTO t VALUES ('a;b', 1); -- c;\nSELECT count(*) FROM t;"
    assert [list(map(tuple, part or [])) for part in _results(hook, text)] == [[], [(1,)]]


def _results(hook: Any, text: str) -> list[Any]:
    results: list[Any] = hook.run(text, split_statements=True, return_last=False, handler=fetch_all_handler)
    return results


def test_a_sensor_waits_for_a_row(hook: Any) -> None:
    sensor = SqlSensor(task_id="s", conn_id="db", sql="SELECT number FROM t")
    assert sensor.poke({}) is False
    hook.run("INSERT INTO t VALUES ('a', 1)")
    assert sensor.poke({}) is True


def test_nothing_to_run_is_refused(hook: Any) -> None:
    for nothing in ("  ", [], [" "]):
        with pytest.raises(ValueError, match="no statement to run"):
            hook.run(nothing)
    with pytest.raises(AirflowException, match="replace=True"):
        hook.insert_rows("t", [], replace=True)


def test_statements_end_at_semicolons_outside_of_text_and_comments() -> None:
    text = "SELECT ';'; -- one; two\nSELECT /* ; */ \";\" ; ; DO $$ a; b $$; SELECT 1"
    assert SqliteHook.split_sql_string(text) == [
        "SELECT ';';", '-- one; two\nSELECT /* ; */ ";" ;', "DO $$ a; b $$;", "SELECT 1"
    ]  # fmt: skip
    assert SqliteHook.split_sql_string("SELECT 1;", strip_semicolon=True) == ["SELECT 1"]
    assert SqliteHook.split_sql_string("-- nothing\n;") == []
