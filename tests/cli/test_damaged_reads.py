"""Reading commands on rows with nonsense: one sentence names the row, and the others are shown."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import Run


def damage(home: Path, sql: str, *values: Any) -> None:
    with closing(sqlite3.connect(home / "tradewind.db")) as connection, connection:
        assert connection.execute(sql, values).rowcount >= 1


@pytest.mark.parametrize(
    ("column", "value", "command", "left"),
    [
        ("tags", "[", ("dags", "list", "--columns", "dag_id,tags"), "paused"),
        ("next_run_after", "soon", ("dags", "list", "--columns", "dag_id,next_dagrun_run_after"), "paused"),
        ("next_run_after", 2**62, ("dags", "list", "--columns", "dag_id,next_dagrun_run_after"), "paused"),
        ("owners", b"\xff", ("dags", "list"), "paused"),
    ],
)
def test_a_damaged_dag_is_named_and_the_others_are_listed(
    run: Run, database: Path, column: str, value: Any, command: tuple[str, ...], left: str
) -> None:
    damage(database, f"UPDATE dag SET {column} = ? WHERE dag_id = 'etl'", value)
    ended = run(*command)
    assert ended.code == 0
    assert left in ended.out
    assert "etl " not in ended.out
    (line,) = [line for line in ended.err.splitlines() if line.startswith("Not shown: ")]
    assert "Table dag, row with dag_id 'etl'" in line
    assert (column if column != "tags" else "JSONDecodeError") in line


@pytest.mark.parametrize(
    ("column", "value"), [("state", "nonsense"), ("run_after", "soon"), ("start_date", 2**62), ("run_id", b"\xff")]
)
def test_a_damaged_run_is_named_and_the_others_are_listed(run: Run, database: Path, column: str, value: Any) -> None:
    before = run("dags", "list-runs", "etl", "-o", "json").json
    assert len(before) > 1
    damage(database, f"UPDATE run SET {column} = ? WHERE run_id = ?", value, before[0]["run_id"])
    ended = run("dags", "list-runs", "etl", "-o", "json")
    assert (ended.code, ended.json) == (0, before[1:])
    assert ended.err.startswith("Not shown: Table run, row with number ")
    assert ended.err.count("\n") == 1
    assert column in ended.err


@pytest.mark.parametrize(("column", "value"), [("conf", "{"), ("state", "nonsense"), ("state", 5)])
def test_the_state_of_a_damaged_run_is_one_sentence(run: Run, database: Path, column: str, value: Any) -> None:
    name = run("dags", "list-runs", "etl", "-o", "json").json[0]["run_id"]
    damage(database, f"UPDATE run SET {column} = ? WHERE run_id = ?", value, name)
    ended = run("dags", "state", "etl", name)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: Table run, row with number ")
    assert (ended.err.count("\n"), f": {column} " in ended.err) == (1, True)


def test_damaged_tasks_are_named_and_the_others_of_the_run_are_listed(run: Run, database: Path) -> None:
    name = run("dags", "list-runs", "etl", "-o", "json").json[0]["run_id"]
    before = run("tasks", "states-for-dag-run", "etl", name, "-o", "json").json
    assert len(before) > 1
    times = Counter(row["task_id"] for row in before)
    gone = next(task_id for task_id, found in times.items() if found == 1)
    damage(
        database,
        "UPDATE task_instance SET state = 'odd' WHERE task_id = ? AND run = (SELECT number FROM run WHERE run_id = ?)",
        gone, name,
    )  # fmt: skip
    ended = run("tasks", "states-for-dag-run", "etl", name, "-o", "json")
    assert [row["task_id"] for row in ended.json] == [row["task_id"] for row in before if row["task_id"] != gone]
    assert "Not shown: Table task_instance, row with run" in ended.err
    assert gone in ended.err
    ended = run("tasks", "state", "etl", gone, name)
    assert (ended.code, ended.out) == (1, "")
    assert "state 'odd'" in ended.err


@pytest.mark.parametrize("spec", [b"{", b"[]", b'{"tasks": 5}'])
def test_a_dag_of_which_the_stored_version_is_none_is_one_sentence(run: Run, database: Path, spec: bytes) -> None:
    damage(database, "UPDATE dag_version SET spec = ? WHERE dag_id = 'etl'", spec)
    for command in (("tasks", "list", "etl"), ("dags", "details", "etl"), ("dags", "show", "etl")):
        ended = run(*command)
        assert (ended.code, ended.out) == (1, ""), command
        assert ended.err == (
            "Error: What is stored of Dag 'etl' is no Dag; `tradewind dags reserialize` has its file parsed again.\n"
        )
    ended = run("assets", "list")
    assert (ended.code, ended.err.count("Not shown: What is stored of Dag 'etl' is no Dag")) == (0, 1)


def test_text_that_is_none_is_shown_as_what_it_is(run: Run, database: Path) -> None:
    damage(database, "UPDATE dag SET owners = CAST(X'6dff65' AS TEXT) WHERE dag_id = 'etl'")
    ended = run("dags", "list", "--columns", "dag_id,owners", "-o", "plain")
    assert ended.code == 0
    assert "m\\xffe" in ended.out
    assert "paused" in ended.out
