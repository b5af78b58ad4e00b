"""Asset events on a real database: the ledger, what waits, and what was taken, whatever happens in between."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from conformance_data import Installation

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import AssetUpdate, AttemptFinished
from tradewind.scheduler.commands import answer_of
from tradewind.scheduler.execution import Endpoint
from tradewind.store import queries
from tradewind.store.writer import StoreUnavailable, Writer
from tradewind.testing.builders import dag
from tradewind.testing.world import same_world
from tradewind.wire.messages import Request

NAMES = ("a", "b", "c")


def asset(name: str) -> dict[str, Any]:
    return {"asset": {"name": name, "uri": f"s3://{name}", "group": "asset"}}


def finish(i: Installation, dag_id: str, *names: str, outcome: str = "success", **said: Any) -> None:
    """Everything of a Dag that runs now ends so, and has updated these assets."""
    updates = tuple(AssetUpdate(name=name, uri=f"s3://{name}", **said) for name in names)
    active = [a.id for a in i.world.attempts.values() if i.world.runs[a.key.run].run.dag_id == dag_id]
    i.give(*(AttemptFinished(attempt=id, outcome=outcome, end_date=i.now, asset_events=updates) for id in active))


def produce(i: Installation, *names: str, **said: Any) -> None:
    i.command("run.create", dag_id="writes")
    finish(i, "writes", *names, **said)


def taken(i: Installation, dag_id: str) -> list[tuple[int, str]]:
    """(run, asset) of what the Dag's runs were made for."""
    sql = (
        "SELECT x.run, e.name FROM asset_run x JOIN asset_event e ON e.number = x.event JOIN run r ON r.number = x.run"
    )
    return [tuple(row) for row in i.rows(f"{sql} WHERE r.dag_id = '{dag_id}' ORDER BY x.run, e.number")]  # type: ignore[misc]


def restart(i: Installation) -> None:
    loaded = i.load(i.world.next_run_number)
    same_world(i.world, loaded, i.now)
    i.owner.world = loaded
    i.turn()


@pytest.fixture
def i(installation: Installation) -> Installation:
    installation.add_dag(dag("make", dag_id="writes"))
    installation.add_dag(dag("use", dag_id="reads", assets={"all": [asset("a"), asset("b")]}))
    return installation


def test_a_restart_between_producing_and_consuming_loses_nothing(i: Installation) -> None:
    produce(i, "a", extra=b'{"n": 1}', aliases=("x", "y"))
    restart(i)
    assert i.rows("SELECT dag_id, event FROM asset_queue") == [("reads", 1)]
    produce(i, "b")
    restart(i)
    assert [name for _, name in taken(i, "reads")] == ["a", "b"]
    assert i.rows("SELECT * FROM asset_queue") == []
    with i.engine.connect() as connection:
        run_id = i.rows("SELECT run_id FROM run WHERE dag_id = 'reads'")[0][0]
        first, second = queries.asset_events_of_run(connection, "reads", run_id)
        assert (first.extra, first.aliases, first.task_id, second.number) == (b'{"n": 1}', ("x", "y"), "make", 2)
        assert queries.asset_events(connection, alias="y") == [first]
        assert queries.asset_events(connection, name="b", uri="s3://b", newest=5) == [second]


def test_room_that_appears_is_used_after_a_restart(i: Installation) -> None:
    i.add_dag(dag("use", dag_id="reads", assets=asset("a"), max_active_runs=1))
    for _ in range(3):
        produce(i, "a")
    restart(i)
    assert len(taken(i, "reads")) == 1
    finish(i, "reads")
    assert len({run for run, _ in taken(i, "reads")}) == 2
    assert len(taken(i, "reads")) == 3


def test_a_commit_whose_answer_got_lost_updates_once(i: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    real, lost = Writer.commit, [False]

    def commit(self: Writer, *arguments: Any, **named: Any) -> Any:
        events = real(self, *arguments, **named)
        if lost[0]:
            lost[0] = False
            self._next_seq -= len(events)
            raise StoreUnavailable("the connection broke in COMMIT")
        return events

    monkeypatch.setattr(Writer, "commit", commit)
    i.command("run.create", dag_id="writes")
    lost[0] = True
    finish(i, "writes", "a", "b")
    assert not lost[0]
    assert [name for _, name in taken(i, "reads")] == ["a", "b"]
    assert i.rows("SELECT COUNT(*) FROM asset_event") == [(2,)]


def test_a_command_reports_an_update(i: Installation) -> None:
    answer = answer_of("asset.event", i.command("asset.event", name="a", extra={"n": 1}))
    assert [(event["number"], event["uri"]) for event in answer["events"]] == [(1, "s3://a")]
    i.command("asset.event", uri="s3://b")
    assert [name for _, name in taken(i, "reads")] == ["a", "b"]
    actor, extra = i.rows("SELECT actor, extra FROM asset_event")[0]
    assert (actor, json.loads(bytes(extra))) == ("me", {"n": 1})
    for wrong in ({}, {"name": "a", "extra": [1]}):
        with pytest.raises(InvalidInput):
            i.command("asset.event", **wrong)


def test_the_engine_says_what_a_dag_waits_for(i: Installation) -> None:
    produce(i, "a")
    endpoint = Endpoint(
        engine=i.engine, world=lambda: i.world, now=lambda: i.now, decrypt=str, submit=lambda *_: None,
        command=lambda *_: None, status=dict, held_back=dict,
    )  # fmt: skip
    said: list[Any] = []
    endpoint.answer(Request(id=1, method="explain", args={"dag_id": "reads"}), lambda value, error: said.append(value))
    ((reason,),) = said
    assert (reason["run_id"], reason["code"], reason["details"]) == (None, "assets", {"events": 1})
    assert "b (not since the last run)" in reason["sentence"]


def test_a_deleted_dag_leaves_nothing_that_waits(i: Installation) -> None:
    produce(i, "a")
    i.command("dag.delete", dag_id="reads")
    restart(i)
    assert i.rows("SELECT * FROM asset_queue") == []
    produce(i, "a", "b")
    assert taken(i, "reads") == []


@pytest.mark.parametrize("seed", range(3))
def test_each_event_is_taken_once_whatever_happens(installation: Installation, seed: int) -> None:
    i, random = installation, Random(seed)
    for name in NAMES:
        i.add_dag(dag("make", dag_id=f"writes_{name}", max_active_runs=3))
    readers = {f"{policy}_{n}": (policy, n) for policy in ("coalesce", "each") for n in (1, 16)}
    for dag_id, (policy, most) in readers.items():
        i.add_dag(dag("use", dag_id=dag_id, assets={"any": [asset("a"), asset("b")]}, asset_policy=policy,
                      max_active_runs=most))  # fmt: skip
    for step in range(40):
        name = random.choice(NAMES)
        match random.choice(["produce", "produce", "consume", "consume", "fail", "restart"]):
            case "produce":
                i.command("run.create", dag_id=f"writes_{name}")
                finish(i, f"writes_{name}", *random.sample(NAMES, random.randint(1, 3)))
            case "consume":
                finish(i, random.choice(list(readers)))
            case "fail":
                i.command("run.create", dag_id=f"writes_{name}")
                finish(i, f"writes_{name}", name, outcome="failed")
            case "restart":
                restart(i)
        i.advance(seconds=random.choice([0, 0, 1]))
        if step % 5 == 0:
            same_world(i.world, i.load(i.world.next_run_number), i.now)
    for dag_id in readers:
        while any(run.run.dag_id == dag_id for run in i.world.runs.values()):
            finish(i, dag_id)
    wanted = sorted(name for (name,) in i.rows("SELECT name FROM asset_event") if name != "c")
    assert len(wanted) > 5
    for dag_id, (policy, _) in readers.items():
        assert sorted(name for _, name in taken(i, dag_id)) == wanted
        if policy == "each":
            assert len({run for run, _ in taken(i, dag_id)}) == len(wanted)
    assert i.rows("SELECT * FROM asset_queue") == []
    assert not i.logged
