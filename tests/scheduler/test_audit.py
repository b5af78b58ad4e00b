"""What stays of a command."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select

from tradewind.config import load_settings
from tradewind.core.decisions import PutRow, Record
from tradewind.scheduler.audit import PREVIEWED, rows_of_command
from tradewind.standalone import apply_offline
from tradewind.store import tables as t
from tradewind.store.engine import open_engine
from tradewind.wire.messages import Command

NOW = datetime(2024, 1, 1, tzinfo=UTC)


def test_a_command_leaves_a_row_and_a_line_without_what_may_be_secret() -> None:
    body = {
        "conn_id": "lake", "conn_type": "http", "host": "canary", "login": "canary", "password": "canary",
        "extra": {"a": "canary"}, "schema": "canary",
    }  # fmt: skip
    row, line = rows_of_command("k", "connection.set", body, "kim", NOW, None)
    shown = {"conn_id": "lake", "conn_type": "http"}
    assert row == PutRow(
        "command",
        {"key": "k", "at": NOW, "actor": "kim", "kind": "connection.set", "body": shown, "state": "applied",
         "value": {}, "error": ""},
    )  # fmt: skip
    assert line == Record("command", after="connection.set", reason="kim", body=shown)


def test_a_line_says_which_dag_run_and_task_it_was_about() -> None:
    body = {"dag_id": "etl", "run_id": "r", "task_id": "a", "map_index": 3}
    _, line = rows_of_command("k", "task.mark", body, "kim", NOW, None)
    assert (line.dag_id, line.run_id, line.task_id, line.map_index) == ("etl", "r", "a", 3)
    _, line = rows_of_command("k", "run.create", {"dag_id": "etl"}, "kim", NOW, {"dag_id": "etl", "run_id": "made"})
    assert (line.run_id, line.task_id, line.map_index) == ("made", "", -1)


@pytest.mark.parametrize("kind", sorted(PREVIEWED))
def test_a_preview_leaves_no_line(kind: str) -> None:
    body = {"dag_id": "etl", "run_id": "r", "dry_run": True}
    (row,) = rows_of_command("k", kind, body, "kim", NOW, {"tasks": []})
    assert row.table == "command"
    assert len(rows_of_command("k", kind, {**body, "dry_run": False}, "kim", NOW, None)) == 2
    assert len(rows_of_command("k", "variable.set", body, "kim", NOW, None)) == 2, "that command knows no preview"


def test_names_that_are_none_are_left_out() -> None:
    _, line = rows_of_command("k", "x", {"dag_id": "d" * 251, "map_index": "all"}, "kim", NOW, [])
    assert (line.dag_id, line.map_index) == ("", -1)


def test_what_the_cli_changes_without_a_scheduler_has_its_line_as_well(tmp_path: Path) -> None:
    settings = load_settings(environ={"TRADEWIND_HOME": str(tmp_path)})
    command = Command(key="k", kind="variable.set", body={"key": "region", "value": "canary"}, actor="kim")
    assert apply_offline(settings, command).state == "applied"
    engine = open_engine(settings.database.sql_alchemy_conn, read_only=True)
    with engine.connect() as connection:
        lines = connection.execute(select(t.event.c.after, t.event.c.reason, t.event.c.body).where(
            t.event.c.name == "command")).all()  # fmt: skip
        rows = connection.execute(select(t.command.c.key, t.command.c.actor, t.command.c.body)).all()
    engine.dispose()
    assert [tuple(line) for line in lines] == [("variable.set", "kim", '{"key": "region"}')]
    assert [tuple(row) for row in rows] == [("k", "kim", '{"key": "region"}')]
