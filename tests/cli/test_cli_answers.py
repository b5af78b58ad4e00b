"""Wrong arguments and odd circumstances: one clear sentence, the right exit status, and nothing done."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest
from cli_fakes import ETL, FakeScheduler, Run, task

from tradewind.cli.graph import tree_lines
from tradewind.cli.run import _without_repetition
from tradewind.store.specs import encode_spec
from tradewind.wire.messages import Command, CommandResult, Event

# --- paused Dags -------------------------------------------------------------------------------------------------


def test_the_run_of_a_paused_dag_is_created_and_not_waited_for(
    run: Run, scheduler: FakeScheduler, database: Path
) -> None:
    scheduler.gives({"dag_id": "paused", "run_id": "r1", "state": "queued"})
    ended = run("dags", "trigger", "paused", "--wait", "-o", "json")
    assert ended.code == 1
    assert (ended.json[0]["dag_run_id"], ended.json[0]["state"]) == ("r1", "queued")
    assert ended.err == (
        "Run r1 of paused created.\npaused is paused: its runs wait until `tradewind dags unpause paused`.\n"
    )


def test_a_trigger_that_does_not_wait_says_too_that_the_dag_is_paused(
    run: Run, scheduler: FakeScheduler, database: Path
) -> None:
    scheduler.gives({"run_id": "r1"})
    ended = run("dags", "trigger", "paused")
    assert (ended.code, ended.err) == (0, "paused is paused: its runs wait until `tradewind dags unpause paused`.\n")
    assert run("dags", "trigger", "etl").err == ""


def test_a_pause_while_waiting_is_told_and_waited_through(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    def answer(command: Command) -> CommandResult:
        def tell() -> None:
            scheduler.tell(
                Event(seq=1, at_us=0, name="dag.paused", dag_id="etl"),
                Event(seq=2, at_us=0, name="run.moved", dag_id="etl", run_id="r1", after="success"),
            )

        threading.Timer(0.05, tell).start()
        return CommandResult(key=command.key, state="applied", value={"dag_id": "etl", "run_id": "r1"})

    scheduler.answer = answer
    ended = run("dags", "trigger", "etl", "--wait", "-o", "json")
    assert (ended.code, ended.json[0]["state"]) == (0, "success")
    assert "etl is paused: its runs wait until `tradewind dags unpause etl`.\n" in ended.err


# --- names of things ---------------------------------------------------------------------------------------------


def test_decorated_tasks_are_shown_by_their_decorator() -> None:
    tasks = {"a": task("a", extra={"operator_name": "@task.bash"}), "b": task("b", "a")}
    spec = json.loads(encode_spec(type(ETL)(dag_id="d", file="d.py", tasks=tasks, timetable=ETL.timetable)))
    assert list(tree_lines(spec))[1:] == ["└── a [@task.bash]", "    └── b [BashOperator]"]


def test_dags_list_mentions_files_that_could_not_be_read(run: Run, database: Path) -> None:
    said = "1 Dag file has problems; `tradewind dags list-import-errors` shows them.\n"
    assert run("dags", "list", "-o", "json").err == said


def test_a_traceback_does_not_repeat_what_the_message_said() -> None:
    trace = "Traceback (most recent call last):\n  File \"d.py\", line 2\nKeyError: 'abc'\n"
    assert _without_repetition(trace, "d.py:2: KeyError: 'abc'").endswith("line 2")
    assert _without_repetition(
        "  File\nSyntaxError: '(' was never closed", "d.py:2: syntax error: '(' was never closed"
    ) == ("  File")
    assert _without_repetition(trace, "d.py:2: another text") == trace.rstrip()
    assert _without_repetition("", "d.py: text") == ""


# --- what does not exist -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("variables", "delete", "nope"), "Variable nope does not exist; `tradewind variables list`"),
        (("connections", "delete", "nope"), "There is no connection 'nope'; `tradewind connections list`"),
        (("pools", "delete", "nope"), "There is no pool 'nope'; `tradewind pools list`"),
        (("dags", "delete", "nope"), "No Dag 'nope'; `tradewind dags list`"),
    ],
)
def test_what_does_not_exist_cannot_be_deleted(
    run: Run, scheduler: FakeScheduler, database: Path, args: tuple[str, ...], said: str
) -> None:
    ended = run(*args)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith(f"Error: {said}")
    assert scheduler.commands == []


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("fab-db", "migrate"), "`fab-db` is a command of Airflow that this version does not have; `tradewind db`"),
        (
            ("tasks", "run", "d", "t", "r"),
            "`tasks run` is a command of Airflow that this version does not have; `trade",
        ),
        (("db", "clean"), "`db clean` is a command of Airflow that this version does not have.\n"),
    ],
)
def test_airflows_other_commands_are_known_by_name(run: Run, home: Path, args: tuple[str, ...], said: str) -> None:
    ended = run(*args)
    assert (ended.code, ended.out) == (2, "")
    assert f"Error: {said}" in ended.err


def test_a_folder_or_a_missing_file_is_no_dag(run: Run, home: Path) -> None:
    ended = run("dags", "test", str(home))
    assert (ended.code, f"Error: {home} is a folder; name a Dag, or one Dag file.\n" in ended.err) == (2, True)
    ended = run("dags", "test", "nope.py")
    assert (ended.code, "Error: There is no file nope.py.\n" in ended.err) == (2, True)


# --- values ------------------------------------------------------------------------------------------------------


def test_negative_numbers_are_values(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    for value in ("-5", "-1.5e3", "v"):
        assert run("variables", "set", "k", value).code == 0
    assert run("pools", "set", "p", "-1", "-2").code == 0
    assert [command.body.get("value") for command in scheduler.commands[:3]] == ["-5", "-1.5e3", "v"]
    assert (scheduler.commands[3].body["slots"], scheduler.commands[3].body["description"]) == (-1, "-2")
    scheduler.commands.clear()
    assert "No such option" in run("variables", "set", "k", "v", "--nonsense").err
    assert run("pools", "set", "p", "3", "--nonsense").code == 2
    assert run("pools", "set", "p", "-7", "d").code == 2
    assert run("pools", "set", " ", "1", "d").code == 2
    assert scheduler.commands == []


def test_a_file_that_is_not_text_is_said_so(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    path = database / "v.json"
    path.write_bytes(b"\xff\xfe\x00")
    for noun in ("variables", "pools", "connections"):
        ended = run(noun, "import", str(path))
        assert (ended.code, ended.err) == (1, f"Error: {path} is not text in UTF-8.\n")


def test_an_imported_connection_that_is_wrong_is_named(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    path = database / "c.yaml"
    path.write_text("good: http://h\nbad: {conn_type: http, port: eighty}\n")
    ended = run("connections", "import", str(path))
    assert (ended.code, ended.err) == (
        1,
        f"Error: {path}, connection 'bad': A connection's port must be a whole number, not 'eighty'. "
        "Nothing was imported.\n",
    )
    assert scheduler.commands == []


def test_a_connections_json_is_checked_like_other_arguments(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    assert run("connections", "add", "c", "--conn-json", "{").code == 2
    assert run("connections", "add", "c", "--conn-json", "[]").code == 2


def test_a_graph_that_cannot_be_saved_is_one_sentence(run: Run, database: Path) -> None:
    path = database / "nowhere" / "etl.dot"
    ended = run("dags", "show", "etl", "--save", str(path))
    assert (ended.code, ended.err) == (1, f"Error: {path} cannot be written: No such file or directory.\n")


@pytest.mark.parametrize("command", ["standalone", "api-server"])
def test_a_port_is_a_port(run: Run, home: Path, command: str) -> None:
    ended = run(command, "-p", "65536")
    assert (ended.code, "is not in the range" in ended.err) == (2, True)


def test_a_worker_has_a_name_and_queues(run: Run, home: Path) -> None:
    assert run("worker", "-n", "").code == 2
    assert run("worker", "-q", ",").code == 2


# --- nobody to ask, and what others say in many lines ------------------------------------------------------------


def test_a_question_that_nobody_can_answer_is_a_no(
    run: Run, scheduler: FakeScheduler, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    ended = run("dags", "delete", "etl")
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.endswith("Error: Nobody is there to answer, so nothing was changed; --yes goes ahead.\n")
    assert scheduler.commands == []


def test_an_unknown_error_is_its_first_line(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("it broke\n(see also https://example.org)")

    monkeypatch.setattr("tradewind.cli.reading.open_reader", fail)
    assert run("dags", "list").err == "Error: RuntimeError: it broke (TRADEWIND_DEBUG=1 shows where).\n"


@pytest.mark.parametrize("command", [("db", "migrate"), ("db", "reset", "-y")])
@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u:topsecret@h/db", "must be a SQLite file or PostgreSQL"),
        ("postgresql://u:topsecret@127.0.0.1:1/db", "The database cannot be used: connection failed"),
        ("sqlite:////proc/nowhere/tradewind.db", "cannot be used"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], url: str, said: str
) -> None:
    monkeypatch.setenv("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", url)
    ended = run(*command)
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1)
    assert said in ended.err
    assert "topsecret" not in ended.err


def test_a_file_that_is_no_database_is_said_so(run: Run, home: Path) -> None:
    (home / "tradewind.db").write_bytes(b"not a database at all" * 100)
    for command in (("dags", "list"), ("db", "check"), ("variables", "get", "k")):
        ended = run(*command)
        assert (ended.code, ended.out) == (1, "")
        assert ended.err == f"Error: The database {home}/tradewind.db cannot be read: file is not a database.\n"
    assert "cannot be read: file is not a database" in run("info").out


def test_a_home_that_is_a_file_is_said_so(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "file").touch()
    monkeypatch.setenv("TRADEWIND_HOME", str(home / "file"))
    for command in (("variables", "set", "k", "v"), ("db", "migrate")):
        ended = run(*command)
        assert (ended.code, ended.err) == (1, f"Error: The folder {home}/file cannot be created: File exists.\n")
    assert "scheduler" in run("info").out


def test_a_reset_database_can_be_used_at_once(run: Run, database: Path) -> None:
    assert run("db", "reset", "-y").out == "The database is empty and ready.\n"
    assert run("dags", "list").out == "No data found\n"


def test_info_asks_the_scheduler_instead_of_trusting_its_socket_file(
    run: Run, database: Path, scheduler: FakeScheduler
) -> None:
    def says() -> str:
        return {row["name"]: row["value"] for row in run("info", "-o", "json").json}["scheduler"]

    assert says() == "running"
    (database / "run" / "scheduler.sock").unlink()
    (database / "run" / "scheduler.sock").touch()
    assert says() == "not running"


def test_a_wrong_time_zone_is_named(run: Run, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Mars/Olympus")
    (database / "dags" / "etl").mkdir(parents=True)
    (database / "dags" / "etl" / "daily.py").write_text("")
    for command in (("dags", "state", "etl"), ("tasks", "render", "etl", "extract")):
        ended = run(*command, "2026-01-01")
        assert (ended.code, ended.err) == (1, "Error: [core] default_timezone 'Mars/Olympus' is not a time zone.\n")


def test_the_version_is_also_an_option(run: Run, home: Path) -> None:
    assert run("--version").out == run("version").out


def test_a_test_task_is_handed_the_level_of_its_log(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tradewind.cli.single_task import host_config
    from tradewind.config import load_settings

    monkeypatch.setenv("AIRFLOW__LOGGING__LOGGING_LEVEL", "DEBUG")
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Asia/Seoul")
    config = host_config(load_settings())
    assert (config["log_level"], config["default_timezone"]) == ("DEBUG", "Asia/Seoul")
