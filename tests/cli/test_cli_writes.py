"""Changing commands against a scheduler that only listens, and without one."""

import json
import sys
import threading
import time
import types
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_fakes import FakeScheduler, Run

from tradewind.cli.client import Client, CommandRefused, NoAnswer, NoScheduler, is_scheduler_running
from tradewind.config import load_settings
from tradewind.wire.messages import Command, CommandResult, Event, Refused, Response


def sent(scheduler: FakeScheduler) -> list[tuple[str, dict[str, Any]]]:
    return [(command.kind, command.body) for command in scheduler.commands]


def test_trigger_sends_one_command_and_prints_the_run(run: Run, scheduler: FakeScheduler) -> None:
    scheduler.gives(
        {"dag_id": "etl", "run_id": "r1", "state": "queued", "logical_date_us": 1_500_000, "run_type": "manual"}
    )
    ended = run("dags", "trigger", "etl", "-r", "r1", "-c", '{"a": 1}', "-e", "2026-01-01T00:00:00.5", "-o", "json")
    assert sent(scheduler) == [
        ("run.create", {"dag_id": "etl", "run_id": "r1", "conf": {"a": 1}, "logical_date": "2026-01-01T00:00:00+00:00"})
    ]
    command = scheduler.commands[0]
    assert len(command.key) == 32
    assert command.actor
    assert scheduler.hello is not None
    assert scheduler.hello.role == "client"
    row = ended.json[0]
    assert (row["dag_run_id"], row["state"], row["logical_date"]) == (
        "r1",
        "queued",
        "1970-01-01T00:00:01.500000+00:00",
    )


def test_trigger_keeps_microseconds_on_request(run: Run, scheduler: FakeScheduler) -> None:
    scheduler.gives({"run_id": "r1"})
    run("dags", "trigger", "etl", "-l", "2026-01-01T00:00:00.5+00:00", "--no-replace-microseconds")
    assert sent(scheduler)[0][1]["logical_date"] == "2026-01-01T00:00:00.500000+00:00"


@pytest.mark.parametrize("conf", ["{", "[1]", '"text"'])
def test_a_conf_that_is_no_object_is_wrong_usage(run: Run, scheduler: FakeScheduler, conf: str) -> None:
    ended = run("dags", "trigger", "etl", "-c", conf)
    assert ended.code == 2
    assert "--conf" in ended.err
    assert scheduler.commands == []


def test_a_refusal_is_the_schedulers_sentence_and_code_1(run: Run, scheduler: FakeScheduler) -> None:
    scheduler.answer = lambda command: CommandResult(key=command.key, state="refused", error="No Dag 'x'; look again.")
    ended = run("dags", "trigger", "x")
    assert (ended.code, ended.out, ended.err) == (1, "", "Error: No Dag 'x'; look again.\n")


def test_trigger_waits_for_the_end_by_events(run: Run, scheduler: FakeScheduler) -> None:
    def answer(command: Command) -> CommandResult:
        def tell() -> None:
            names = {"seq": 1, "at_us": 0, "dag_id": "etl", "run_id": "r1"}
            scheduler.tell(
                Event(name="task.moved", task_id="extract", before="queued", after="running", **names),
                Event(name="run.moved", before="queued", after="success", **{**names, "run_id": "another"}),
                Event(name="run.moved", before="running", after="failed", **names),
            )

        threading.Timer(0.05, tell).start()
        return CommandResult(key=command.key, state="applied", value={"dag_id": "etl", "run_id": "r1"})

    scheduler.answer = answer
    ended = run("dags", "trigger", "etl", "--wait", "-o", "json")
    assert ended.code == 1
    assert ended.json[0]["state"] == "failed"
    assert "extract: running" in ended.err


def test_trigger_notices_the_end_even_if_its_event_was_lost(
    run: Run, scheduler: FakeScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tradewind.cli.waiting as waiting

    patient = waiting.create_and_wait
    monkeypatch.setattr(waiting, "create_and_wait", lambda *given: patient(*given, poll_seconds=0.05))
    scheduler.gives({"dag_id": "etl", "run_id": "r1"})
    scheduler.reply = lambda request: Response(
        id=request.id, value={"dag_id": "etl", "run_id": "r1", "state": "success"}
    )
    ended = run("dags", "trigger", "etl", "--wait", "-o", "json")
    assert (ended.code, ended.json[0]["state"]) == (0, "success")


def test_waiting_needs_a_scheduler(run: Run, home: Path) -> None:
    ended = run("dags", "trigger", "etl", "--wait")
    assert ended.code == 1
    assert f"No scheduler runs for {home}; start one with `tradewind standalone`." in ended.err


def test_pause_and_unpause_by_id_and_by_pattern(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    assert run("dags", "pause", "etl", "-o", "json").json == [{"dag_id": "etl", "is_paused": "True"}]
    assert run("dags", "unpause", "p.*d|etl", "--treat-dag-id-as-regex", "-y", "-o", "plain").out.split() == [
        "dag_id", "is_paused", "etl", "False", "paused", "False",
    ]  # fmt: skip
    assert sent(scheduler) == [
        ("dag.pause", {"dag_id": "etl"}),
        ("dag.unpause", {"dag_id": "etl"}),
        ("dag.unpause", {"dag_id": "paused"}),
    ]
    assert "No Dag matches 'zzz'" in run("dags", "pause", "zzz", "--treat-dag-id-as-regex", "-y").err


def test_delete_asks_first(run: Run, scheduler: FakeScheduler, database: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("click.confirm", lambda question, err: False)
    ended = run("dags", "delete", "etl")
    assert (ended.code, ended.err) == (1, "Error: Nothing was changed.\n")
    assert scheduler.commands == []
    assert run("dags", "delete", "etl", "-y").code == 0
    assert sent(scheduler) == [("dag.delete", {"dag_id": "etl"})]


def test_clear_shows_what_it_will_do_before_it_does_it(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({"tasks": [[1, "load", -1], [2, "fill", 2]]})
    ended = run("tasks", "clear", "etl", "-t", "lo.*", "-s", "2026-01-01", "-d", "-f", "-y")
    assert ended.out == "etl scheduled__1 load\netl manual__2 fill[2]\n2 task instances cleared.\n"
    body = {
        "dag_id": "etl", "task_regex": "lo.*", "start": "2026-01-01T00:00:00+00:00", "upstream": False,
        "downstream": True, "only_failed": True, "only_running": False, "future": False, "past": False,
    }  # fmt: skip
    assert sent(scheduler) == [("task.clear", {**body, "dry_run": True}), ("task.clear", {**body, "dry_run": False})]


def test_a_dry_run_clears_nothing(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({"tasks": [[1, "load", -1]]})
    assert run("tasks", "clear", "etl", "--run-id", "scheduled__1", "-n").out == "etl scheduled__1 load\n"
    assert [body["dry_run"] for _, body in sent(scheduler)] == [True]
    scheduler.gives({"tasks": []})
    assert run("tasks", "clear", "etl", "-y").out == "Nothing to clear.\n"


def test_a_clear_says_in_which_states_its_tasks_are_and_what_is_left_out(
    run: Run, scheduler: FakeScheduler, database: Path
) -> None:
    runs = [{"run_id": "manual__2", "refused": "manual__2 is running"}]
    scheduler.gives({"tasks": [[1, "load", -1]], "states": {"failed": 1}, "runs": runs})
    ended = run(
        "tasks", "clear", "etl", "--dag-run-id", "scheduled__1", "--future", "--map-index", "0", "--map-index", "2",
        "--no-run-on-latest-version", "-n",
    )  # fmt: skip
    assert ended.err == "Left as it is: manual__2 is running.\n1 failed\n"
    body = sent(scheduler)[0][1]
    assert (body["run_id"], body["future"], body["map_indexes"], body["latest"]) == (
        "scheduled__1",
        True,
        [0, 2],
        False,
    )


def test_a_clear_shows_the_runs_of_every_dag_that_it_reaches_and_what_was_not_found(
    run: Run, scheduler: FakeScheduler, database: Path
) -> None:
    runs = [
        {"number": 1, "dag_id": "etl", "run_id": "scheduled__1", "refused": ""},
        {"number": 7, "dag_id": "report", "run_id": "scheduled__7", "refused": ""},
    ]
    tasks = [[1, "loaded", -1], [7, "wait", -1], [7, "draw", 2]]
    scheduler.gives({"tasks": tasks, "runs": runs, "notes": ["Nothing of another Dag is cleared for marker m: why."]})
    ended = run("tasks", "clear", "etl", "-t", "loaded", "-d", "-y")
    assert ended.out == (
        "etl scheduled__1 loaded\nreport scheduled__7 wait\nreport scheduled__7 draw[2]\n3 task instances cleared.\n"
    )
    assert ended.err == "Nothing of another Dag is cleared for marker m: why.\n"


def test_what_two_dags_both_reach_is_shown_and_counted_once(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    shared = {"number": 7, "dag_id": "report", "run_id": "scheduled__7", "refused": ""}
    scheduler.gives({"tasks": [[7, "wait", -1]], "runs": [shared]})
    ended = run("tasks", "clear", ".*", "-R", "-d", "-y")
    assert len({body["dag_id"] for _, body in sent(scheduler)}) > 1
    assert ended.out == "report scheduled__7 wait\n1 task instance cleared.\n"


def test_a_mark_shows_what_it_will_do_before_it_does_it(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({"tasks": [[1, "load", -1]], "states": {"failed": 1}})
    ended = run("tasks", "mark", "etl", "load", "scheduled__1", "success", "-d", "--past", "-y")
    assert ended.out == "etl scheduled__1 load\n1 task instance marked as success.\n"
    body = {
        "dag_id": "etl", "task_id": "load", "run_id": "scheduled__1", "state": "success", "downstream": True,
        "past": True,
    }  # fmt: skip
    assert sent(scheduler) == [("task.mark", {**body, "dry_run": True}), ("task.mark", {**body, "dry_run": False})]


def test_a_whole_run_is_cleared(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    scheduler.gives({"tasks": [[1, "load", -1]]})
    assert run("dags", "clear", "etl", "--run-id", "r1", "-f", "-y").out.endswith("\n1 task instance cleared.\n")
    assert [(body["run_id"], body["only_failed"], body["dry_run"]) for _, body in sent(scheduler)] == [
        ("r1", True, True),
        ("r1", True, False),
    ]


def test_variables_are_set_deleted_and_imported(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    assert run("variables", "set", "k", "v", "--description", "d").out == "Variable k created\n"
    assert run("variables", "set", "k", "{", "--json").code == 2
    assert run("variables", "delete", "limits").code == 0
    assert sent(scheduler) == [
        ("variable.set", {"key": "k", "value": "v", "description": "d"}),
        ("variable.delete", {"key": "limits"}),
    ]
    scheduler.commands.clear()
    path = database / "v.json"
    path.write_text(json.dumps({"limits": 1, "new": {"value": {"a": 1}, "description": "x"}, "plain": "t"}))
    ended = run("variables", "import", str(path), "-a", "skip")
    assert ended.out == "2 of 3 variables successfully updated.\n"
    assert sent(scheduler) == [
        ("variable.set", {"key": "new", "value": '{\n  "a": 1\n}', "description": "x"}),
        ("variable.set", {"key": "plain", "value": "t", "description": None}),
    ]
    assert "limits exist already; nothing was imported" in run("variables", "import", str(path), "-a", "fail").err


@pytest.mark.parametrize(
    "given",
    [
        ("--conn-uri", "postgresql://me:p%40ss@db:5432/dwh?sslmode=require"),
        ("--conn-json", '{"conn_type": "postgres", "host": "db", "login": "me", "password": "p@ss", "port": "5432", '
                        '"schema": "dwh", "extra": {"sslmode": "require"}}'),
        ("--conn-type", "postgres", "--conn-host", "db", "--conn-login", "me", "--conn-password", "p@ss", "--conn-port",
         "5432", "--conn-schema", "dwh", "--conn-extra", '{"sslmode": "require"}'),
    ],
    ids=["uri", "json", "parts"],
)  # fmt: skip
def test_a_connection_is_the_same_however_it_is_written(
    run: Run, scheduler: FakeScheduler, database: Path, given: tuple[str, ...]
) -> None:
    ended = run("connections", "add", "new", *given)
    assert sent(scheduler) == [
        (
            "connection.set",
            {"conn_id": "new", "conn_type": "postgres", "description": None, "host": "db", "schema": "dwh",
             "login": "me", "password": "p@ss", "port": 5432, "extra": '{"sslmode": "require"}'},
        )
    ]  # fmt: skip
    assert "Successfully added `conn_id`=new : postgres://me:***@db:5432" in ended.out
    assert "p%40ss" not in ended.out


def test_a_connection_is_added_once_and_in_one_form(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    assert "exists already" in run("connections", "add", "warehouse", "--conn-uri", "http://x").err
    assert run("connections", "add", "new", "--conn-uri", "http://x", "--conn-type", "http").code == 2
    assert run("connections", "add", "new").code == 2
    assert run("connections", "add", "new", "--conn-type", "http", "--conn-port", "eighty").code == 2
    assert run("connections", "add", "new", "--conn-type", "http", "--conn-extra", "[1]").code == 2
    assert scheduler.commands == []


def test_connections_are_imported_from_each_kind_of_file(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    files = {
        "c.json": json.dumps({"one": "http://h:80", "warehouse": {"conn_type": "http"}}),
        "c.yaml": "one:\n  conn_type: http\n  host: h\n  port: 80\n",
        "c.env": "# ours\none=http://h:80\n",
    }
    for name, text in files.items():
        scheduler.commands.clear()
        (database / name).write_text(text)
        ended = run("connections", "import", str(database / name))
        assert ended.out == "Imported connection one\n", name
        assert [(body["conn_id"], body["host"], body["port"]) for _, body in sent(scheduler)] == [("one", "h", 80)], (
            name
        )
    assert "connection already exists" in run("connections", "import", str(database / "c.json")).err
    (database / "bad.json").write_text("{")
    assert "cannot be read as JSON" in run("connections", "import", str(database / "bad.json")).err


def test_pools_are_set_deleted_and_imported(run: Run, scheduler: FakeScheduler, database: Path) -> None:
    assert run("pools", "set", "wide", "-1", "no limit", "--include-deferred").code == 0
    assert run("pools", "delete", "default_pool").code == 0
    path = database / "pools.json"
    path.write_text(json.dumps({"p": {"slots": 2, "description": "two"}}))
    assert run("pools", "import", str(path)).out == "Uploaded 1 pool(s)\n"
    path.write_text(json.dumps({"p": {"slots": "two"}}))
    assert "pool 'p' needs a whole number" in run("pools", "import", str(path)).err
    assert sent(scheduler) == [
        ("pool.set", {"name": "wide", "slots": -1, "description": "no limit", "include_deferred": True}),
        ("pool.delete", {"name": "default_pool"}),
        ("pool.set", {"name": "p", "slots": 2, "description": "two", "include_deferred": False}),
    ]


def test_why_asks_the_scheduler_about_the_newest_unfinished_run(
    run: Run, scheduler: FakeScheduler, database: Path
) -> None:
    reasons = [{"task": "load", "state": "none", "code": "upstream", "sentence": "It waits for fill.", "details": {}}]
    scheduler.reply = lambda request: Response(id=request.id, value=reasons)
    assert run("why", "etl", "load").out == "etl manual__2 (running)\n  load (none): It waits for fill.\n"
    assert scheduler.requests[0].method == "explain"
    assert scheduler.requests[0].args == {"dag_id": "etl", "task_id": "load", "run_id": "manual__2"}
    assert run("why", "etl", "load", "scheduled__1", "--json").json == reasons
    assert scheduler.requests[1].args["run_id"] == "scheduled__1"
    assert run("tasks", "failed-deps", "etl", "load", "manual__2").out == run("why", "etl", "load").out
    assert run("why", "paused").out == "paused has no run yet; it is paused.\n"


def test_why_without_a_scheduler_says_that_nothing_moves(run: Run, database: Path) -> None:
    ended = run("why", "etl")
    assert ended.code == 1
    assert "Nothing moves, because no scheduler runs" in ended.err


def test_reserialize_asks_for_a_reparse(run: Run, scheduler: FakeScheduler) -> None:
    assert run("dags", "reserialize").code == 0
    assert sent(scheduler) == [("dag.reparse", {})]


def test_without_a_scheduler_the_command_is_applied_on_the_spot(
    run: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    applied: list[Command] = []

    def apply_offline(settings: object, command: Command) -> CommandResult:
        applied.append(command)
        return CommandResult(key=command.key, state="applied")

    module = types.ModuleType("tradewind.standalone")
    module.apply_offline = apply_offline  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tradewind.standalone", module)
    assert run("variables", "set", "k", "v").code == 0
    assert [(command.kind, command.body["key"]) for command in applied] == [("variable.set", "k")]


def test_a_silent_scheduler_is_given_up_after_the_time_and_the_key_is_named(
    home: Path, scheduler: FakeScheduler
) -> None:
    scheduler.answer = lambda command: None
    client = Client(load_settings(), answer_within=timedelta(seconds=0.05))
    with pytest.raises(NoAnswer) as refusal:
        client.command("dag.pause", dag_id="etl")
    assert f"command {scheduler.commands[0].key} may still be applied" in str(refusal.value)
    client.close()


def test_a_refused_greeting_is_a_sentence(run: Run, scheduler: FakeScheduler) -> None:
    scheduler.greeting = Refused(reason="protocol 1 is too old")
    assert "The scheduler refused the connection: protocol 1 is too old" in run("dags", "pause", "etl").err


def test_answers_to_others_are_passed_over(home: Path, scheduler: FakeScheduler) -> None:
    scheduler.reply = lambda request: Response(
        id=request.id, error="Not today." if request.id == 2 else "", value=request.id
    )
    client = Client(load_settings())
    assert client.request("run.get") == 1
    with pytest.raises(CommandRefused, match="Not today"):
        client.request("run.get")
    assert client.request("run.get") == 3
    client.close()


def test_subscribing_gives_events_and_tells_of_silence(home: Path, scheduler: FakeScheduler) -> None:
    events = Client(load_settings()).subscribe("etl", every=0.05)
    assert next(events) is None
    deadline = time.monotonic() + 60
    while not scheduler.subscribers and time.monotonic() < deadline:
        time.sleep(0.01)
    scheduler.tell(Event(seq=5, at_us=0, name="dag.paused"))
    found = next(event for event in events if event is not None)
    assert (found.seq, found.name) == (5, "dag.paused")
    events.close()


def test_a_stale_socket_means_that_no_scheduler_runs(home: Path, scheduler: FakeScheduler) -> None:
    settings = load_settings()
    assert is_scheduler_running(settings)
    settings.scheduler_socket.unlink()
    assert not is_scheduler_running(settings)
    with pytest.raises(NoScheduler):
        Client(settings).request("run.get")


def test_a_home_too_deep_for_a_socket_address_is_reached(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    monkeypatch.setenv("TRADEWIND_HOME", str(deep))
    assert not is_scheduler_running(load_settings())
    (deep / "run").mkdir()
    assert "No scheduler runs" in run("dags", "trigger", "etl", "--wait").err
