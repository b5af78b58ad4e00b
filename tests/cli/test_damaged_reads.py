"""Reading commands on rows with nonsense: one sentence names the row, and the others are shown."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import Run, damage


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


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("nonsense", "A stored secret cannot be decrypted"),
        (b"\xff", "value b'\\xff' is no text"),
        (5, "value '5'"),
        ("", "A stored secret cannot be decrypted"),
    ],
)
def test_a_damaged_variable_is_named_and_the_others_are_listed(run: Run, database: Path, value: Any, said: str) -> None:
    damage(database, "UPDATE variable SET value = ? WHERE key = 'api_token'", value)
    ended = run("variables", "list", "--show-values", "-o", "json")
    assert (ended.code, [row["key"] for row in ended.json]) == (0, ["limits"])
    fault = "Table variable, row with key 'api_token': "
    assert ended.err.startswith(f"Not shown: {fault}")
    assert said.replace("value '5'", "A stored secret") in ended.err
    assert [row["key"] for row in run("variables", "list", "-o", "json").json] == ["api_token", "limits"]
    ended = run("variables", "get", "api_token")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {fault}")
    assert run("variables", "get", "limits").out == '{"max": 3}\n'


def test_an_export_has_what_can_be_read_and_says_what_is_missing(run: Run, database: Path, tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    damage(database, "UPDATE variable SET value = 'x' WHERE key = 'api_token'")
    ended = run("variables", "export", str(file))
    assert (ended.code, json.loads(file.read_text())) == (1, {"limits": {"max": 3}})
    assert "Not shown: Table variable, row with key 'api_token'" in ended.err
    assert ended.err.endswith("Error: 1 of 2 variables cannot be read and are not in the export.\n")
    damage(database, "UPDATE variable SET value = 'x'")
    ended = run("variables", "export", str(file))
    assert (ended.code, json.loads(file.read_text())) == (1, {"limits": {"max": 3}})  # that of before
    assert ended.err.endswith("Error: None of 2 variables can be read, so nothing was exported.\n")


@pytest.mark.parametrize(
    ("column", "value", "hidden_too"),
    [("password", "nonsense", False), ("extra", b"\xff", False), ("host", b"db", True), ("extra", "{}", False)],
)
def test_a_damaged_connection_is_named_and_the_others_are_listed(
    run: Run, database: Path, tmp_path: Path, column: str, value: Any, hidden_too: bool
) -> None:
    damage(database, "INSERT INTO connection (conn_id, conn_type, updated_at) VALUES ('lake', 'aws', 1)")
    damage(database, f"UPDATE connection SET {column} = ? WHERE conn_id = 'warehouse'", value)
    fault = "Table connection, row with conn_id 'warehouse': "
    ended = run("connections", "list", "--show-values", "-o", "json")
    assert (ended.code, [row["conn_id"] for row in ended.json]) == (0, ["lake"])
    assert ended.err.startswith(f"Not shown: {fault}")
    ended = run("connections", "list", "-o", "json")
    assert [row["conn_id"] for row in ended.json] == (["lake"] if hidden_too else ["lake", "warehouse"])
    ended = run("connections", "get", "warehouse")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {fault}")
    file = tmp_path / "kept.json"
    ended = run("connections", "export", str(file))
    assert (ended.code, list(json.loads(file.read_text()))) == (1, ["lake"])
    assert ended.err.endswith("Error: 1 of 2 connections cannot be read and are not in the export.\n")


@pytest.mark.parametrize("grants", ["nonsense", "5", '[{"actions": ["fly"], "resources": ["run"]}]', b"\xff"])
def test_a_damaged_role_is_named_and_cannot_be_written_over_by_accident(
    run: Run, database: Path, tmp_path: Path, grants: Any
) -> None:
    for name in ("team", "other"):
        damage(database, "INSERT INTO role (name, grants, updated_at) VALUES (?, '[]', 1)", name)
    damage(database, "UPDATE role SET grants = ? WHERE name = 'team'", grants)
    ended = run("roles", "list", "-o", "json")
    assert {"other", "Admin"} <= {row["name"] for row in ended.json}
    assert (ended.code, ended.err.count("\n")) == (0, 1)
    assert ended.err.startswith("Not shown: Table role, row with name 'team': ")
    ended = run("roles", "add-perms", "team", "-r", "DAGs", "-a", "can_read")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("Error: Table role, row with name 'team': ")
    ended = run("roles", "export", str(tmp_path / "roles.json"))
    assert (ended.code, json.loads((tmp_path / "roles.json").read_text())) == (1, [{"name": "other", "grants": []}])


def test_a_damaged_account_is_named_and_the_others_are_listed(run: Run, database: Path) -> None:
    for name, roles in (("kim", '["Viewer"]'), ("lee", "Viewer")):
        damage(
            database,
            "INSERT INTO account (username, email, first_name, last_name, roles, is_active, generation, login_count, "
            "failed_logins, created_at, updated_at) VALUES (?, '', '', '', ?, 1, 1, 0, 0, 1, 1)",
            name, roles,
        )  # fmt: skip
    ended = run("users", "list", "-o", "json")
    assert (ended.code, [row["username"] for row in ended.json]) == (0, ["kim"])
    assert ended.err.startswith("Not shown: Table account, row with username 'lee': ")
