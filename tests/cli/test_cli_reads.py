"""Reading commands against a small database: fields, formats, exit codes."""

import json
from pathlib import Path

import pytest
from cli_fakes import Run

from tradewind.cli.output import render
from tradewind.security.secrets import read_or_make_key


def test_dags_list_in_each_format(run: Run, database: Path) -> None:
    columns = ("dags", "list", "--columns", "dag_id,owners,is_paused")
    assert run(*columns).out == (
        "dag_id | owners | is_paused\n"
        "=======+========+==========\n"
        "etl    | me     | False\n"
        "paused | me     | True\n"
    )  # fmt: skip
    assert run(*columns, "-o", "plain").out == (
        "dag_id  owners  is_paused\n"
        "etl     me      False\n"
        "paused  me      True\n"
    )  # fmt: skip
    assert run(*columns, "-o", "json").out == (
        '[{"dag_id": "etl", "owners": "me", "is_paused": "False"}, '
        '{"dag_id": "paused", "owners": "me", "is_paused": "True"}]\n'
    )
    assert run(*columns, "-o", "yaml").out == (
        "- dag_id: etl\n  is_paused: 'False'\n  owners: me\n- dag_id: paused\n  is_paused: 'True'\n  owners: me\n"
    )


def test_dags_list_has_airflows_columns_and_says_which_do_not_exist(run: Run, database: Path) -> None:
    first = run("dags", "list", "-o", "json").json[0]
    assert list(first) == ["dag_id", "fileloc", "owners", "is_paused", "bundle_name", "bundle_version"]
    assert first["fileloc"] == str(database / "dags" / "etl" / "daily.py")
    ended = run("dags", "list", "--columns", "dag_id,colour", "-o", "plain")
    assert ended.out.split() == ["dag_id", "etl", "paused"]
    assert "There is no column colour" in ended.err


def test_wide_characters_keep_the_table_straight(run: Run, database: Path) -> None:
    out = run("dags", "list", "--columns", "description,dag_id").out.splitlines()
    assert out[0] == "description | dag_id"
    assert out[2] == "매일 적재   | etl"


def test_a_missing_database_is_one_sentence_and_code_1(run: Run, home: Path) -> None:
    ended = run("dags", "list")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: There is no database {home}/tradewind.db yet; run `tradewind db migrate`")
    assert ended.err.count("\n") == 1


def test_an_unknown_dag_is_refused_with_the_way_to_find_it(run: Run, database: Path) -> None:
    for command in ("details", "show", "list-runs", "next-execution"):
        ended = run("dags", command, "nope")
        assert (ended.code, ended.err) == (1, "Error: No Dag 'nope'; `tradewind dags list` shows the known ones.\n"), (
            command
        )


def test_details_are_one_object_in_json_and_rows_in_a_table(run: Run, database: Path) -> None:
    facts = run("dags", "details", "etl", "-o", "json").json
    assert len(facts) == 1
    assert (facts[0]["dag_id"], facts[0]["task_count"], facts[0]["latest_dag_version"]) == ("etl", "4", "3")
    assert facts[0]["tags"] == ["etl", "daily"]
    assert "start_date                      | 2026-01-01T00:00:00+00:00\n" in run("dags", "details", "etl").out


def test_list_runs_has_times_to_the_microsecond_and_filters(run: Run, database: Path) -> None:
    runs = run("dags", "list-runs", "etl", "-o", "json").json
    assert [row["run_id"] for row in runs] == ["manual__2", "scheduled__1"]
    assert list(runs[0]) == ["dag_id", "run_id", "state", "run_after", "logical_date", "start_date", "end_date"]
    assert runs[0]["logical_date"] == "2026-01-02T00:00:00.123456+00:00"
    assert runs[0]["end_date"] == ""
    assert runs[1]["logical_date"] == "2026-01-01T00:00:00+00:00"

    def ids(*options: str) -> list[str]:
        return [row["run_id"] for row in run("dags", "list-runs", *options, "-o", "json").json]

    assert ids("-d", "etl", "--state", "running") == ["manual__2"]
    assert ids("etl", "-s", "2026-01-02") == ["manual__2"]
    assert ids("etl", "-e", "2026-01-01T09:00:00+09:00") == ["scheduled__1"]
    assert run("dags", "list-runs").code == 2
    assert run("dags", "list-runs", "etl", "-s", "soon").code == 2


def test_state_takes_a_run_id_or_a_logical_date(run: Run, database: Path) -> None:
    assert run("dags", "state", "etl", "scheduled__1").out == "success\n"
    assert run("dags", "state", "etl", "2026-01-01").out == "success\n"
    assert run("dags", "state", "etl", "manual__2").out == 'running, {"n": 2}\n'
    ended = run("dags", "state", "etl", "2030-01-01")
    assert (ended.code, ended.out) == (1, "")
    assert "has no run '2030-01-01'" in ended.err


def test_naive_dates_are_in_the_default_timezone(run: Run, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Seoul")
    assert run("dags", "state", "etl", "2026-01-01T09:00:00").out == "success\n"
    assert run("dags", "state", "etl", "2026-01-01").code == 1


def test_import_errors_have_file_line_and_sentence_and_code_1(run: Run, database: Path) -> None:
    ended = run("dags", "list-import-errors", "-o", "json")
    assert ended.code == 1
    assert ended.json == [
        {
            "bundle_name": "dags-folder",
            "filepath": f"{database}/dags/broken.py",
            "line": "7",
            "error": "broken.py:7: NameError: x is \x1b[31m not defined",
        }
    ]
    assert "\x1b" not in run("dags", "list-import-errors").out


def test_report_puts_the_slowest_file_first(run: Run, database: Path) -> None:
    assert run("dags", "report", "-o", "json").json == [
        {"file": "paused.py", "duration": "0:00:00.500000", "dag_num": "1", "task_num": "1", "dags": "paused"},
        {"file": "etl/daily.py", "duration": "0:00:00.250000", "dag_num": "1", "task_num": "4", "dags": "etl"},
    ]


def test_show_draws_a_tree(run: Run, database: Path) -> None:
    assert run("dags", "show", "etl").out == (
        "etl (1 day, 0:00:00)\n"
        "└── extract [BashOperator]\n"
        "    ├── clean.dedupe [BashOperator]\n"
        "    │   └── load [BashOperator] (all_done)\n"
        "    └── clean.fill [BashOperator] (mapped)\n"
        "        └── load [BashOperator] (all_done)\n"
    )
    assert run("tasks", "list", "etl", "--tree").out == run("dags", "show", "etl").out


def test_show_saves_dot_with_groups_and_edge_labels(run: Run, database: Path) -> None:
    path = database / "etl.dot"
    assert run("dags", "show", "etl", "--save", str(path)).out == f"File {path} saved\n"
    dot = path.read_text("utf-8")
    assert 'subgraph "cluster_clean" {' in dot
    assert '"extract" -> "clean.dedupe" [label="raw rows"];' in dot
    assert '"clean.fill" -> "load";' in dot
    assert dot.count('"load" [label=') == 1
    assert run("dags", "show", "etl", "-o", "dot").out == dot
    assert run("dags", "show", "etl", "--save", str(database / "etl.png")).code == 2


def test_next_execution_begins_with_the_planned_run(run: Run, database: Path) -> None:
    assert run("dags", "next-execution", "etl").out == "2100-01-01T00:00:00+00:00\n"
    assert run("dags", "next-execution", "etl", "-n", "3", "--field", "run_after").out.splitlines() == [
        "2100-01-01T00:00:00+00:00",
        "2100-01-02T00:00:00+00:00",
        "2100-01-03T00:00:00+00:00",
    ]
    ended = run("dags", "next-execution", "paused")
    assert ended.out == "None\n"
    assert "paused is paused" in ended.err


def test_tasks_are_listed_with_their_states(run: Run, database: Path) -> None:
    assert run("tasks", "list", "etl").out.split() == ["clean.dedupe", "clean.fill", "extract", "load"]
    assert run("tasks", "state", "etl", "extract", "manual__2").out == "success\n"
    assert run("tasks", "state", "etl", "load", "manual__2").out == "None\n"
    assert run("tasks", "state", "etl", "clean.fill", "manual__2", "--map-index", "0").out == "running\n"
    instance = ("tasks", "state", "etl", "clean.fill", "manual__2")
    assert run(*instance).err == "Error: clean.fill is mapped; --map-index may be 0, 1.\n"
    assert "has no instance 2 in this run; --map-index may be 0, 1." in run(*instance, "--map-index", "2").err
    assert "not mapped" in run("tasks", "state", "etl", "extract", "manual__2", "--map-index", "0").err
    assert "has no task 'nope'" in run("tasks", "state", "etl", "nope", "manual__2").err


def test_states_for_dag_run_show_map_indexes_where_there_are_any(run: Run, database: Path) -> None:
    rows = run("tasks", "states-for-dag-run", "etl", "manual__2", "-o", "json").json
    assert [(row["task_id"], row["map_index"], row["state"]) for row in rows] == [
        ("clean.fill", "0", "running"),
        ("clean.fill", "1", None),
        ("extract", "-1", "success"),
        ("load", "-1", None),
    ]
    assert rows[2]["end_date"] == "2026-01-01T00:00:00.000010+00:00"
    assert run("tasks", "states-for-dag-run", "etl", "scheduled__1").out == "No data found\n"
    assert run("tasks", "states-for-dag-run", "etl", "scheduled__1", "-o", "json").out == "[]\n"


def test_variables_show_their_values_only_when_asked(run: Run, database: Path) -> None:
    assert run("variables", "list", "-o", "json").json == [{"key": "api_token"}, {"key": "limits"}]
    assert run("variables", "list", "--show-values", "--hide-sensitive", "-o", "json").json == [
        {"key": "api_token", "value": "***", "description": "Of them"},
        {"key": "limits", "value": '{"max": 3}', "description": None},
    ]
    assert run("variables", "get", "api_token").out == "s3cret\n"
    assert run("variables", "get", "limits", "--json").out == '{"max": 3}\n'
    assert run("variables", "get", "nope", "-d", "instead").out == "instead\n"
    assert (
        run("variables", "get", "nope").err
        == "Error: Variable nope does not exist; `tradewind variables list` shows those that do.\n"
    )
    assert "not JSON" in run("variables", "get", "api_token", "--json").err


def test_a_variable_of_another_key_is_one_sentence(run: Run, database: Path) -> None:
    key_file = database / "secret.key"
    key_file.unlink()
    ended = run("variables", "get", "api_token")
    assert (ended.code, ended.out) == (1, "")
    assert f"The key file {key_file} is missing; restore it" in ended.err
    assert not key_file.exists()
    read_or_make_key(key_file)
    assert "cannot be decrypted with the keys at hand" in run("variables", "get", "api_token").err


def test_connections_are_masked_in_lists_and_whole_when_one_is_asked_for(run: Run, database: Path) -> None:
    listed = run("connections", "list", "-o", "json")
    assert "p@ss" not in listed.out
    assert "p%40ss" not in listed.out
    assert listed.json[0]["password"] == "***"
    whole = run("connections", "get", "warehouse", "-o", "json").json[0]
    assert whole["password"] == "p@ss"
    assert whole["extra_dejson"] == {"sslmode": "require"}
    assert whole["get_uri"] == "postgres://me:p%40ss@db:5432/dwh?sslmode=require"
    assert "There is no connection 'nope'" in run("connections", "get", "nope").err


def test_exports_can_be_read_back(run: Run, database: Path) -> None:
    assert run("variables", "export", "-").json == {
        "api_token": {"value": "s3cret", "description": "Of them"},
        "limits": {"max": 3},
    }
    path = database / "connections.json"
    run("connections", "export", str(path))
    assert json.loads(path.read_text())["warehouse"]["password"] == "p@ss"
    assert path.stat().st_mode & 0o077 == 0
    env = run("connections", "export", "-", "--file-format", "env").out
    assert env == "warehouse=postgres://me:p%40ss@db:5432/dwh?sslmode=require\n"
    line = run("connections", "export", "-", "--format", "env", "--serialization-format", "json").out
    assert json.loads(line.partition("=")[2])["port"] == 5432
    assert run("pools", "export", "-").json == {
        "default_pool": {"slots": 128, "description": "기본", "include_deferred": False}
    }


def test_pools_are_listed(run: Run, database: Path) -> None:
    row = {"pool": "default_pool", "slots": "128", "description": "기본", "include_deferred": "False"}
    assert run("pools", "list", "-o", "json").json == [row]
    assert run("pools", "get", "default_pool", "-o", "json").json == [row]
    assert run("pools", "get", "nope").code == 1


def test_subdir_and_bundle_are_taken_with_a_notice(run: Run, database: Path) -> None:
    ended = run("dags", "list-runs", "etl", "-S", "/somewhere", "-v", "-o", "json")
    assert ended.code == 0
    assert len(ended.json) == 2
    assert "--subdir has no effect" in ended.err


def test_one_row_that_is_wider_than_the_terminal_is_a_table_of_its_values() -> None:
    row = {"dag_id": "etl", "이름": "서울", "note": None}
    assert render([row], "table", 30) == render([row], "table")
    assert render([row], "table", 10) == "dag_id | etl\n이름   | 서울\nnote   |"
    assert render([row, row], "table", 10) == render([row, row], "table")
    assert render([row], "plain", 10) == render([row], "plain")
