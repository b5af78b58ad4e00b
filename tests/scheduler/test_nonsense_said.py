"""What peers say may be anything: it is refused with a reason, and nobody else notices."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from tradewind.core.soundness import MOST
from tradewind.scheduler.connections import Connection
from tradewind.testing.builders import dag, expand
from tradewind.testing.scheduler_stage import GOOD, Agent, Stage
from tradewind.testing.simulation.database import Database
from tradewind.wire.frames import Frames, pack
from tradewind.wire.messages import (
    AssetUpdate,
    Beat,
    CommandResult,
    Deferral,
    Finished,
    Hello,
    Progress,
    Refused,
    Request,
    Response,
    Started,
    TriggerAnswer,
    XComValue,
)

DEEP: Any = []
for _ in range(500):
    DEEP = [DEEP]


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    database = Database()
    yield database
    database.close()


@pytest.fixture
def stage(database: Database) -> Stage:
    database.clear(lambda: 0)
    stage = Stage(database)
    stage.load(GOOD)
    stage.load(dag("a >> [m, z]", dag_id="etl", retries=1, tasks={"m": {"map": expand(x="a")}}))
    return stage


def others_go_on(stage: Stage) -> None:
    """A Dag beside it runs to its end, and memory is what the database says."""
    made = stage.command("run.create", dag_id="good")
    assert made.state == "applied", made.error
    stage.finish_all("good")
    states = stage.database.rows("SELECT state FROM run WHERE dag_id = 'good' ORDER BY number DESC LIMIT 1")
    assert states == [("success",)]
    stage.check()


@pytest.mark.parametrize(
    ("report", "said"),
    [
        ({"outcome": "exploded"}, "outcome 'exploded' is none of success"),
        ({"outcome": "success", "value": b"[]", "length": -3}, "its value is -3 long"),
        ({"outcome": "success", "value": b"[]", "length": 2**40}, f"not between 0 and {MOST}"),
        ({"outcome": "success", "xcoms": [XComValue("a", -1, "k", b"1", -1)]}, "XCom 'k' is -1 long"),
        ({"outcome": "success", "end_us": 2**62}, "no moment between the years"),
        ({"outcome": "rescheduled", "reschedule_us": -(2**62)}, "reschedule_us"),
        ({"outcome": "failed", "retry_delay_seconds": float("nan")}, "retry_delay_seconds nan"),
        ({"outcome": "deferred"}, "does not say what for"),
        ({"outcome": "deferred", "defer": Deferral(classpath="x.Y", kwargs=b"[1")}, "no JSON of an object"),
        ({"outcome": "deferred", "defer": Deferral(classpath="x.Y", timeout_seconds=float("inf"))}, "timeout"),
    ],
)
def test_a_report_that_cannot_be_fails_its_task_and_says_why(stage: Stage, report: dict[str, Any], said: str) -> None:
    stage.command("run.create", dag_id="etl")
    (offer,) = stage.agent.offers()
    stage.agent.answered.add(offer.attempt)
    stage.say(Finished(attempt=offer.attempt, **report))
    stage.play()
    ((state, reason),) = stage.database.rows("SELECT state, reason FROM task_instance WHERE task_id = 'a'")
    assert state == "failed"
    assert "What its worker reported cannot be used" in reason
    assert said in reason
    others_go_on(stage)


def test_numbers_beyond_reason_beside_a_good_result_cost_nothing(stage: Stage) -> None:
    stage.command("run.create", dag_id="etl")
    (offer,) = stage.agent.offers()
    stage.agent.answered.add(offer.attempt)
    stage.say(Started(attempt=offer.attempt, start_us=2**62))
    skip = ["nobody", "z[odd]", "z[", "m[7]"]
    stage.say(
        Finished(
            attempt=offer.attempt, outcome="success", value=b"[1]", length=1, skip=skip, peak_bytes=2**63 - 1,
            cpu_seconds=float("nan"),
        )
    )  # fmt: skip
    stage.play()
    assert stage.database.rows("SELECT state FROM task_instance WHERE task_id = 'a'") == [("success",)]
    assert {offer.task_id for offer in stage.agent.offers()} == {"m", "z"}
    others_go_on(stage)


def test_a_result_of_a_million_elements_is_not_expanded_over(stage: Stage) -> None:
    stage.command("run.create", dag_id="etl")
    (offer,) = stage.agent.offers()
    stage.finish(offer, value=b"[]", length=1_000_000)
    stage.play()
    ((state, reason),) = stage.database.rows("SELECT state, reason FROM task_instance WHERE task_id = 'm'")
    assert state == "upstream_failed"
    assert reason == "it would expand into 1000000 instances; 100000 is the most"
    others_go_on(stage)


def test_reports_of_what_never_was_change_nothing(stage: Stage) -> None:
    for message in (
        Finished(attempt="never", outcome="success"),
        Finished(attempt="never", outcome="odd", length=-1),
        Started(attempt="never", start_us=-(2**63)),
        Progress(attempt="never", done=float("nan")),
        TriggerAnswer(id="never", xcoms=[XComValue("a", -1, "k", b"1", -5)]),
        Beat(sent_us=-1, holds=["never"], triggers=["never"], usage=[("never", -1, 2**62, float("inf"))]),
    ):
        stage.say(message)
        stage.play()
    assert not stage.agent.closed
    stale = {name for (name,) in stage.database.rows("SELECT name FROM event WHERE name LIKE '%stale%'")}
    assert stale == {"attempt.stale_report", "trigger.stale_answer"}
    others_go_on(stage)


@pytest.mark.parametrize(
    ("hello", "said"),
    [
        ({"role": "king"}, "Role 'king' is unknown"),
        ({"role": "agent", "worker": ""}, "1 to 250 characters, not 0"),
        ({"role": "agent", "worker": "w" * 10_000}, "not 10000"),
        ({"role": "agent", "worker": "w", "capacity": -4}, "has -4 slots"),
        ({"role": "agent", "worker": "w", "capacity": 2**40}, "slots"),
        ({"role": "agent", "worker": "w", "pid": -1}, "its process is -1"),
        ({"role": "agent", "worker": "w", "protocol": 99}, "speaks protocol 1, not 99"),
    ],
)
def test_a_greeting_that_cannot_be_is_refused(stage: Stage, hello: dict[str, Any], said: str) -> None:
    peer = Agent()
    stage.say(Hello(**hello), peer)
    stage.play()
    assert peer.closed
    (refused,) = peer.told
    assert isinstance(refused, Refused)
    assert said in refused.reason
    others_go_on(stage)


@pytest.mark.parametrize(
    ("kind", "body", "said"),
    [
        ("no.such", {}, "There is no command"),
        ("run.create", {}, "needs the field 'dag_id'"),
        ("run.create", {"dag_id": 7}, "dag_id must be text, not int"),
        ("run.create", {"dag_id": "d" * 10_000}, "dag_id has 10000 characters"),
        ("run.create", {"dag_id": "etl", "run_id": ["x"]}, "run_id must be text"),
        ("run.create", {"dag_id": "etl", "conf": [1]}, "conf must be a JSON object"),
        ("run.create", {"dag_id": "etl", "conf": {"x": float("nan")}}, "conf holds nan"),
        ("run.create", {"dag_id": "etl", "conf": {"x": b"1"}}, "type bytes"),
        ("run.create", {"dag_id": "etl", "conf": {"x": DEEP}}, "conf is nested deeper than 100 levels"),
        ("run.create", {"dag_id": "etl", "conf": {"x": "\udcff"}}, "no valid Unicode"),
        ("run.create", {"dag_id": "etl", "note": {"a": 1}}, "note must be text"),
        ("run.create", {"dag_id": "etl", "logical_date": "0001-01-01T00:00:00+14:00"}, "between the years 2 and 9800"),
        ("run.create", {"dag_id": "etl", "logical_date": "9999-12-31"}, "between the years 2 and 9800"),
        ("run.create", {"dag_id": "etl", "logical_date_us": 2**62}, "a value that it cannot have"),
        ("run.create", {"dag_id": "etl", "logical_date_us": "soon"}, "a value that it cannot have"),
        ("run.mark", {"dag_id": "etl", "run_id": "never", "state": "failed"}, "has no run 'never'"),
        ("run.mark", {"dag_id": "gone", "run_id": "never", "state": "failed"}, "No Dag 'gone'"),
        ("run.delete", {"dag_id": "etl", "run_id": "never"}, "has no run 'never'"),
        ("task.clear", {"dag_id": "etl", "run_id": "never"}, "has no run 'never'"),
        ("task.clear", {"dag_id": "etl", "task_ids": 7}, "task_ids must be a list of texts"),
        ("task.clear", {"dag_id": "etl", "task_ids": ["never"]}, "has no task 'never'"),
        ("task.clear", {"dag_id": "etl", "map_indexes": ["x"]}, "a value that it cannot have"),
        ("task.mark", {"dag_id": "gone", "run_id": "r", "task_id": "a", "state": "failed"}, "No Dag 'gone'"),
        ("backfill.create", {"dag_id": "etl", "from_date": 1, "to_date": 2}, "from_date must be text"),
        ("backfill.cancel", {"id": 99}, "No backfill 99"),
        ("backfill.cancel", {"id": float("inf")}, "holds inf"),
        ("pool.set", {"name": "p", "slots": -7}, "less than -1"),
        ("pool.set", {"name": "p", "slots": 2**40}, "is more than"),
        ("pool.set", {"name": ["p"], "slots": 1}, "name must be text"),
        ("pool.delete", {"name": "never"}, "No pool 'never'"),
        ("connection.set", {"conn_id": "c", "port": "²"}, "is not a number"),
        ("asset.event", {"name": 4}, "name must be text"),
        ("asset.event", {"name": "x", "extra": [1]}, "extra must be a JSON object"),
    ],
)
def test_a_command_that_cannot_be_is_refused_in_one_sentence(
    stage: Stage, kind: str, body: dict[str, Any], said: str
) -> None:
    before = stage.scheduler.world
    answer = stage.command(kind, **body)
    assert answer.state == "refused"
    assert said in answer.error
    assert "\n" not in answer.error
    assert stage.scheduler.world is before, "refusing must not cost a new reading of the database"
    others_go_on(stage)


@pytest.mark.parametrize(
    ("method", "args"),
    [
        ("no.such", {}),
        ("xcom.push", {}),
        ("xcom.push", {"dag_id": "etl", "run_id": "r", "task_id": "a", "map_index": -1, "key": "k", "value": "text"}),
        ("xcom.push", {"dag_id": "etl", "run_id": "r", "task_id": "a", "map_index": -1, "key": "k", "value": b"1",
                       "length": -4}),
        ("xcom.pull", {"dag_id": "etl", "run_id": "never"}),
        ("xcom.pull", {"dag_id": "etl", "run_id": "r", "task_ids": 7}),
        ("run.previous", {"dag_id": "etl", "before_us": "x" * 10}),
        ("task.count", {"dag_id": {"a": 1}}),
        ("asset.events", {}),
        ("explain", {"dag_id": ["x"]}),
        ("timetable.wanted", {"dag_ids": 3}),
    ],
)  # fmt: skip
def test_a_request_that_cannot_be_is_answered_and_nobody_else_notices(
    stage: Stage, method: str, args: dict[str, Any]
) -> None:
    stage.command("run.create", dag_id="etl", run_id="r")
    stage.say(Request(id=5, method=method, args=args), stage.client)
    stage.play()
    (answer,) = [m for m in stage.client.told if isinstance(m, Response)]
    assert answer.id == 5
    assert answer.error or method == "run.previous"
    others_go_on(stage)


def test_bytes_that_are_no_message_end_the_connection_with_a_reason(stage: Stage) -> None:
    class Transport(asyncio.Transport):
        def __init__(self) -> None:
            super().__init__()
            self.sent = b""
            self.is_closed = False

        def write(self, data: Any) -> None:
            self.sent += bytes(data)

        def get_write_buffer_size(self) -> int:
            return 0

        def close(self) -> None:
            self.is_closed = True

    deep = b"\x91" * 100_000 + b"\xc0"
    for body in (b"\xff\xff", msgspec.msgpack.encode({"type": "no such"}), deep, b"\xa3\xff\xfe\xfd"):
        connection, transport = Connection(stage.scheduler.desk.on_message, stage.scheduler.desk.on_gone), Transport()
        connection.connection_made(transport)
        connection.data_received(pack(Hello(role="client")) + len(body).to_bytes(4, "big") + body)
        *_, last = Frames().feed(transport.sent)
        assert isinstance(last, Refused)
        assert last.reason.startswith("What you sent is no message of ours")
        assert transport.is_closed
        connection.connection_lost(None)
    others_go_on(stage)


def test_a_pool_that_is_deleted_in_use_lets_what_runs_end_and_says_why_others_wait(stage: Stage) -> None:
    stage.command("pool.set", name="small", slots=1)
    stage.load(dag("x; y", dag_id="pooled", pool="small"))
    stage.command("run.create", dag_id="pooled", run_id="r")
    assert stage.command("pool.delete", name="small").state == "applied"
    stage.finish_all("pooled")
    assert stage.database.rows("SELECT state FROM task_instance WHERE task_id IN ('x', 'y') ORDER BY state") == [
        ("scheduled",), ("success",),
    ]  # fmt: skip
    others_go_on(stage)
    stage.command("pool.set", name="small", slots=1)
    stage.finish_all("pooled")
    assert stage.database.rows("SELECT state FROM run WHERE run_id = 'r'") == [("success",)]


def test_a_run_and_a_dag_that_run_cannot_be_deleted(stage: Stage) -> None:
    stage.command("run.create", dag_id="etl", run_id="r")
    assert "is not over" in stage.command("run.delete", dag_id="etl", run_id="r").error
    assert "has runs that are not over" in stage.command("dag.delete", dag_id="etl").error
    others_go_on(stage)


def test_a_clear_that_comes_with_the_report_of_success_runs_the_task_once_more(stage: Stage) -> None:
    stage.command("run.create", dag_id="etl", run_id="r")
    (offer,) = stage.agent.offers()
    stage.finish(offer, value=b"[]", length=0)
    answer = stage.command("task.clear", dag_id="etl", run_id="r", task_ids=["a"])
    assert isinstance(answer, CommandResult)
    assert answer.state == "applied"
    if not [o for o in stage.agent.offers() if o.task_id == "a"]:
        stage.finish(offer, "cancelled")
        stage.play()
    assert [(o.task_id, o.try_number) for o in stage.agent.offers() if o.task_id == "a"] == [("a", 2)]
    stage.finish_all("etl")
    assert stage.database.rows("SELECT state FROM run WHERE run_id = 'r'") == [("success",)]
    others_go_on(stage)


def test_two_dags_that_update_each_other_s_asset_take_turns_and_let_others_in(stage: Stage) -> None:
    for mine, other in (("ping", "pong"), ("pong", "ping")):
        condition = {"asset": {"name": other, "uri": other}}
        stage.load(dag("t", dag_id=mine, assets=condition, tasks={"t": {"extra": {"outlets": []}}}))
    stage.command("asset.event", name="ping", uri="ping")
    for _ in range(6):
        (offer,) = [o for o in stage.agent.offers() if o.run.dag_id in ("ping", "pong")]
        stage.finish(offer, asset_events=[AssetUpdate(name=offer.run.dag_id, uri=offer.run.dag_id)])
        stage.play()  # comes to rest: each update makes one run, and nothing more by itself
    others_go_on(stage)
    made = stage.database.rows("SELECT dag_id, count(*) FROM run WHERE dag_id LIKE 'p_ng' GROUP BY dag_id")
    assert made == [("ping", 3), ("pong", 4)]
