"""What is set aside says so, keeps what it had, and comes back when its row is as it should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.core.explain_dag import explain_dag
from tradewind.core.soundness import fault_of
from tradewind.store.specs import decode_spec, encode_spec
from tradewind.testing.builders import dag, every, expand, task
from tradewind.testing.scheduler_stage import BAD, Agent, Stage, fill
from tradewind.testing.simulation.database import Database
from tradewind.wire.messages import Ack, Beat, Cancel, Finished, Request, Response


@pytest.fixture(scope="module")
def opened() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def database(opened: Database) -> tuple[Database, float, list[str]]:
    return opened, *fill(opened)


def why(stage: Stage, **asked: Any) -> list[dict[str, Any]]:
    client = Agent()
    client.role = "client"
    stage.say(Request(id=1, method="explain", args=asked), client)
    (answer,) = [m for m in client.told if isinstance(m, Response)]
    assert not answer.error, answer.error
    return list(answer.value)


def test_a_version_that_was_cut_off_comes_back_with_the_next_parse_and_loses_nothing(database: Any) -> None:
    rows, seconds, running = database
    rows.rows("UPDATE dag_version SET spec = substr(spec, 1, 60) WHERE dag_id = 'bad'")
    rows.rows("UPDATE dag SET is_paused = 0, failures_in_a_row = 3 WHERE dag_id = 'bad'")
    stage = Stage(rows, seconds=seconds, running=running)
    (reason,) = why(stage, dag_id="bad")
    assert reason["code"] == "quarantined"
    assert "A Dag cannot be read: Input data was truncated" in reason["sentence"]
    run_id = rows.rows("SELECT run_id FROM run WHERE state = 'running' ORDER BY number LIMIT 1")[0][0]
    (of_run,) = why(stage, dag_id="bad", run_id=run_id)
    assert of_run["sentence"].startswith("The run is set aside: ")
    assert "No Dag 'bad'" in stage.command("run.create", dag_id="bad").error
    stage.say(Beat(sent_us=0, holds=running))
    stage.play()
    assert not [m for m in stage.agent.told if isinstance(m, Cancel)], "what runs is left to run"
    report = Finished(attempt=running[0], outcome="success", end_us=stage.now_us, value=b"[1]", length=1)
    stage.say(report)
    stage.play()
    assert not [m for m in stage.agent.told if isinstance(m, Ack)], "nobody could take it in yet"

    stage.load(BAD)
    assert why(stage, dag_id="bad", run_id=run_id)[0]["code"] != "quarantined"
    assert rows.rows("SELECT failures_in_a_row FROM dag WHERE dag_id = 'bad'") == [(3,)]
    stage.say(report)
    stage.play()
    assert [m.attempts for m in stage.agent.told if isinstance(m, Ack)] == [[running[0]]]
    stage.say(Beat(sent_us=0, holds=running[1:-1]))  # the last one it has given up meanwhile
    stage.play()
    ((state, reason_),) = rows.rows("SELECT state, reason FROM attempt WHERE id = ?", running[-1])
    assert state in ("lost", "assigned"), reason_
    stage.finish_held(running[1:-1])
    for _ in range(4):
        stage.finish_all()
        stage.wait(86_400)
    stage.check()
    assert rows.rows("SELECT state FROM run WHERE run_id = ?", run_id) == [("success",)]


def test_a_dag_whose_own_row_is_wrong_stays_aside_until_it_is_deleted(database: Any) -> None:
    rows, seconds, running = database
    rows.rows("UPDATE dag SET next_run_after = 'soon' WHERE dag_id = 'bad'")
    stage = Stage(rows, seconds=seconds, running=running)
    stage.load(BAD)
    assert "bad" not in stage.scheduler.world.dags, "its past is not known: it would begin anew"
    assert "next_run_after 'soon' is no whole number" in stage.scheduler.world.refuses("bad")
    assert stage.command("dag.delete", dag_id="bad").state == "applied"
    assert explain_dag(stage.scheduler.world, "bad") == []
    stage.load(BAD)
    assert stage.command("run.create", dag_id="bad").state == "applied"
    stage.check()


def test_a_run_that_cannot_be_read_is_refused_by_name_and_can_be_deleted(database: Any) -> None:
    rows, seconds, running = database
    rows.rows("UPDATE run SET conf = '[1' WHERE run_id = 'queued'")
    stage = Stage(rows, seconds=seconds, running=running)
    for kind, more in (("task.clear", {}), ("run.mark", {"state": "failed"})):
        refused = stage.command(kind, dag_id="bad", run_id="queued", **more)
        assert refused.state == "refused"
        assert "Table run, row with number 4: conf '[1' is no JSON" in refused.error
    said = rows.rows("SELECT dag_id, run_id, reason FROM event WHERE name = 'quarantined'")
    named = {run_id: reason for dag_id, run_id, reason in said if dag_id == "bad"}
    # Its tasks look at the run before, which nobody can read now.
    assert named.keys() == {"queued", "scheduled__2024-01-01T00:00:00+00:00"}
    assert len(set(named.values())) == 1
    assert stage.command("run.delete", dag_id="bad", run_id="queued").state == "applied"
    assert not stage.scheduler.world.fault_of_run(4)
    stage.check()


def test_a_running_task_without_an_attempt_stands_still_until_its_run_is_ended_and_cleared(database: Any) -> None:
    rows, seconds, running = database
    rows.rows("DELETE FROM attempt WHERE task_id = 'running' AND run = 1")
    stage = Stage(rows, seconds=seconds, running=running)
    ((run_id, fault),) = rows.rows("SELECT run_id, quarantine FROM run WHERE quarantine <> ''")
    assert "Task 'running' is running, but its attempt" in fault
    assert {reason["code"] for reason in why(stage, dag_id="bad", run_id=run_id)} == {"quarantined"}
    stage.finish_held(running)
    assert stage.command("run.mark", dag_id="bad", run_id=run_id, state="failed").state == "applied"
    stage.play()
    assert stage.command("run.clear", dag_id="bad", run_id=run_id).state == "applied"
    for _ in range(4):
        stage.finish_all()
        stage.wait(86_400)
    assert rows.rows("SELECT state, quarantine FROM run WHERE run_id = ?", run_id) == [("success", "")]
    stage.check()


def test_what_was_set_aside_is_said_once(database: Any) -> None:
    rows, seconds, running = database
    rows.rows("UPDATE pool SET slots = -9 WHERE name = 'small'")
    stage = Stage(rows, seconds=seconds, running=running)
    stage.scheduler.owner._reload()  # type: ignore[union-attr]
    stage.wait(1)
    said = rows.rows("SELECT reason FROM event WHERE name = 'quarantined'")
    assert [reason for (reason,) in said] == [
        "Table pool, row with name 'small': slots -9 is not between -1 and 2147483647; mend the row or delete it."
    ]
    assert stage.command("pool.set", name="small", slots=2).state == "applied"
    assert not stage.scheduler.world.set_aside


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dag_id": "d" * 300}, "has 300 characters; it must have 1 to 250"),
        ({"dag_id": ""}, "has 0 characters"),
        ({"max_active_tasks": -1}, "max_active_tasks is -1"),
        ({"max_active_runs": 2**40}, "max_active_runs is 1099511627776"),
        ({"dagrun_timeout_seconds": -5.0}, "dagrun_timeout_seconds is -5.0"),
        ({"timetable": replace(every(hours=1), kind="lunar")}, "timetable kind 'lunar' is unknown"),
        ({"timetable": replace(every(hours=1), kind="cron")}, "has no cron expression"),
        ({"timetable": replace(every(hours=1), delta_seconds=float("inf"))}, "delta_seconds of its timetable is inf"),
        ({"timetable": replace(every(hours=1), active_runs_limit=0)}, "allows 0 active runs"),
        ({"asset_policy": "some"}, "asset_policy 'some' is unknown"),
        ({"tasks": {"a": task("b")}}, "calls itself 'b'"),
        ({"tasks": {"a": task("a", upstream=("ghost",))}}, "its upstream 'ghost' is no task of the Dag"),
        ({"tasks": {"a": task("a", upstream=("b",)), "b": task("b", upstream=("a",))}}, "a, b wait for one another"),
        ({"tasks": {"a": task("a", upstream=("a",))}}, "tasks a wait for one another in a cycle"),
        ({"tasks": {"t" * 10_000: task("t" * 10_000)}}, "its id has 10000 characters"),
        ({"tasks": {"a": task("a", pool_slots=0)}}, "pool_slots is 0; it must be at least 1"),
        ({"tasks": {"a": task("a", retries=-1)}}, "retries is -1"),
        ({"tasks": {"a": task("a", retry_delay_seconds=float("nan"))}}, "retry_delay_seconds is nan"),
        ({"tasks": {"a": task("a", execution_timeout_seconds=-0.5)}}, "execution_timeout_seconds is -0.5"),
        ({"tasks": {"a": task("a", max_active_tis_per_dag=-2)}}, "max_active_tis_per_dag is -2"),
        ({"tasks": {"a": task("a", map=expand(x=-4))}}, "its length is -4"),
        ({"tasks": {"a": task("a", map=expand(x=1000, y=1000))}}, "expands into 1000000 instances; 100000 is the most"),
        ({"tasks": {"a": task("a", map=expand(x="ghost"))}}, "names task 'ghost', which is no task of the Dag"),
    ],
)
def test_a_dag_that_cannot_be_is_named_with_what_is_wrong(changes: dict[str, Any], said: str) -> None:
    fault = fault_of(replace(dag("a"), **changes))
    assert said in fault
    assert "\n" not in fault
    assert len(fault) < 1000


@pytest.mark.parametrize(
    ("encoded", "said"),
    [
        (b"", "truncated"),
        (b'{"dag_id": "x", "fi', "truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b"\xff\xfe", "A Dag cannot be read"),
        (b'{"a":' * 10_000, "nested too deep"),
        (encode_spec(dag("a")).replace(b'"retries":0', b'"retries":"many"'), "Expected `int`, got `str`"),
        (encode_spec(dag("a")).replace(b'"retries":0', b'"retries":99999999999999999999999'), "retries"),
        (encode_spec(dag("a")).replace(b'"all_success"', b'"whenever"'), "whenever"),
        (encode_spec(dag("a")).replace(b'"assets":{}', b'"assets":' + b'{"all":[' * 60 + b"]}" * 60), "deeper than 50"),
    ],
    ids=range(9),
)
def test_bytes_that_are_no_dag_are_refused_in_one_sentence(encoded: bytes, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as refused:
        decode_spec(encoded)
    assert "\n" not in str(refused.value)


def test_a_sound_dag_stays_as_it_is() -> None:
    assert fault_of(BAD) == ""
    assert decode_spec(encode_spec(BAD)) == BAD
    long = dag(" >> ".join(f"t{n}" for n in range(3000)), dag_id="long")
    assert fault_of(long) == "", "a chain of any length is no recursion"
    assert json.loads(encode_spec(BAD))["dag_id"] == "bad"
