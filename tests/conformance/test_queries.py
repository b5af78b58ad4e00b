"""What others ask of the database."""

from __future__ import annotations

from datetime import timedelta

import pytest
from conformance_data import AT, RUN, START, Installation, commit, task
from sqlalchemy import Engine

from tradewind.core.decisions import PutCallback, PutRow, PutRun, PutTask, PutXCom
from tradewind.core.inputs import AttemptFinished, XCom
from tradewind.core.plan import Plan
from tradewind.core.records import TaskKey
from tradewind.core.states import RunState, RunType, TaskState
from tradewind.core.world import LiveRun, World
from tradewind.scheduler.offers import Offers
from tradewind.store import loader
from tradewind.store import queries as q
from tradewind.store.times import to_us
from tradewind.store.writer import Lease, Writer
from tradewind.testing.builders import dag, expand
from tradewind.wire.messages import Offer

RUNS = [
    RUN._replace(
        number=n, run_id=f"r{n}", state=RunState.SUCCESS if n < 3 else RunState.RUNNING,
        logical_date=AT + timedelta(days=n) if n != 4 else None, run_after=AT + timedelta(days=n),
        run_type=RunType.SCHEDULED if n % 2 else RunType.MANUAL,
    )
    for n in range(1, 5)
]  # fmt: skip


def at(n: float) -> int:
    return to_us(AT + timedelta(days=n)) or 0


@pytest.fixture
def filled(engine: Engine, writer: Writer, lease: Lease) -> Engine:
    tasks = [
        task(name, TaskState.SUCCESS if n < 3 else TaskState.NONE, index)._replace(key=TaskKey(n, name, index))
        for n in range(1, 5)
        for name, index in (("a", -1), ("m", 0), ("m", 1))
    ]
    xcoms = [PutXCom(TaskKey(1, name, i), "return_value", f"{i}".encode(), None) for name, i in
             (("m", 10), ("m", 2), ("a", -1))]  # fmt: skip
    commit(writer, lease, *(PutRun(r, None) for r in RUNS), *(PutTask(t, None) for t in tasks), *xcoms,
           PutXCom(TaskKey(1, "a"), "extra", b"x", None))  # fmt: skip
    return engine


def test_runs_are_found_by_name_number_and_what_they_take(filled: Engine) -> None:
    with filled.connect() as connection:
        assert q.run_named(connection, "etl", "r2") == RUNS[1]
        assert q.run_named(connection, "other", "r2") is None
        assert q.run_numbered(connection, 3) == RUNS[2]
        assert q.run_taking(connection, "etl", "r3", None) == "r3"
        assert q.run_taking(connection, "etl", "new", at(2)) == "r2"
        assert q.run_taking(connection, "etl", "new", at(9)) == ""
        assert q.run_taking(connection, "other", "r3", at(2)) == ""


def test_runs_are_found_by_when_they_are(filled: Engine) -> None:
    with filled.connect() as connection:
        assert q.runs_between(connection, "etl") == [1, 2, 3, 4]
        assert q.runs_between(connection, "etl", at(2), at(3)) == [2, 3]
        assert q.runs_between(connection, "etl", start_us=at(4)) == [4]
        before = q.previous_run(connection, "etl", at(4), None)
        assert before is not None
        assert before.run_id == "r3"
        assert (q.previous_run(connection, "etl", at(4), "success") or RUN).run_id == "r2"
        assert (q.previous_run(connection, "etl", at(2), None, scheduled_only=True) or RUN).run_id == "r1"
        assert q.previous_run(connection, "etl", at(1), None) is None


def test_values_come_in_the_order_asked_for(filled: Engine) -> None:
    with filled.connect() as connection:
        found = q.xcoms(connection, 1, task_ids=["m", "a"])
        assert [(task_id, index) for task_id, index, _, _ in found] == [("m", 2), ("m", 10), ("a", -1)]
        assert [row[2] for row in q.xcoms(connection, 1, task_ids=["a"], key=None)] == ["extra", "return_value"]
        assert q.xcoms(connection, 1, map_indexes=[2])[0][3] == b"2"
        assert q.xcoms(connection, 1, task_ids=[]) == []


def test_states_are_listed_and_counted(filled: Engine) -> None:
    with filled.connect() as connection:
        assert q.task_states(connection, "etl", run_ids=["r1"], logical_us=None, task_ids=["m"]) == [
            ("r1", "m", 0, "success"), ("r1", "m", 1, "success")]  # fmt: skip
        assert len(q.task_states(connection, "etl", run_ids=None, logical_us=[at(3)], task_ids=None)) == 3
        assert q.run_states(connection, "etl", run_ids=None, logical_us=None)[-1] == ("r4", "running")


def test_versions_are_numbered_one_after_another(engine: Engine, writer: Writer, lease: Lease) -> None:
    row = {"id": "v1", "dag_id": "etl", "number": 1, "spec": b"{}", "source": "", "created_at": START}
    with engine.connect() as connection:
        assert q.version_number(connection, "etl", "v1") == 1
    commit(writer, lease, PutRow("dag_version", row))
    with engine.connect() as connection:
        assert q.version_number(connection, "etl", "v1") == 1
        assert q.version_number(connection, "etl", "v2") == 2
        assert q.version_number(connection, "other", "v2") == 1


def test_open_callbacks_are_found_until_they_are_done(engine: Engine, writer: Writer, lease: Lease) -> None:
    commit(writer, lease, PutCallback("id", TaskKey(1, ""), "dag:on_failure", "why"))
    with engine.connect() as connection:
        assert [row["id"] for row in q.open_callbacks(connection)] == ["id"]
        assert (q.callback_numbered(connection, "id") or {})["reason"] == "why"
        assert q.callback_numbered(connection, "other") is None


def test_dags_are_listed_page_by_page(installation: Installation) -> None:
    for name in ("c", "a", "b"):
        installation.add_dag(dag("x", dag_id=name, tags=("t",)))
    with installation.engine.connect() as connection:
        rows, total = q.dags_listed(connection, limit=2, offset=1)
    assert ([row["dag_id"] for row in rows], total) == (["b", "c"], 3)


def test_an_offer_carries_the_same_values_from_memory_and_after_a_restart(installation: Installation) -> None:
    i = installation
    reads = {"reads": (("m", "return_value"), ("a", "return_value"))}
    i.add_dag(dag("[a, m] >> z", tasks={"m": {"map": expand(x=3)}, "z": reads}))
    i.command("run.create", dag_id="etl", conf={"k": [1]})
    for attempt in list(i.world.attempts.values()):
        value = XCom(name="return_value", value=f"{attempt.key.map_index}".encode())
        values = (value,) if attempt.key.map_index != 1 else ()
        i.give(AttemptFinished(attempt=attempt.id, outcome="success", end_date=i.now, xcoms=values))
    attempt = next(iter(i.world.attempts.values()))

    def stored(run: int, task_id: str, key: str) -> list[tuple[str, int, str, bytes]]:
        with i.engine.connect() as connection:
            return q.xcoms(connection, run, task_ids=[task_id], key=key)

    offers = Offers(stored)
    from_memory = offers.offer(i.world, attempt)
    from_rows = offers.offer(i.load(9), attempt)
    assert from_memory is not None
    assert from_rows is not None

    def values(offer: Offer) -> list[tuple[str, int, bytes]]:
        return sorted((x.task_id, x.map_index, x.value) for x in offer.xcoms)

    assert values(from_memory) == [("a", -1, b"-1"), ("m", 0, b"0"), ("m", 2, b"2")]
    assert values(from_rows) == values(from_memory)
    assert [x.map_index for x in from_rows.xcoms if x.task_id == "m"] == [0, 2]
    assert from_memory.run.conf == {"k": [1]}


def test_the_run_before_goes_by_logical_date_and_with_catchup_leaves_out_those_made_by_hand(filled: Engine) -> None:
    world = World()
    world.runs[3] = LiveRun(RUNS[2], Plan(dag("a"), "v"))

    def before(days: float, number: int, *, catchup: bool = False) -> tuple[int, int] | None:
        with filled.connect() as connection:
            place = (AT + timedelta(days=days), number)
            found = loader.run_before(connection, world, "etl", place, catchup=catchup)
        return (found.number, len(found.states)) if found else None

    assert before(9, 9) == (4, 2), "a run without logical date has its place where it was to start"
    assert before(3.5, 9) == (3, 0), "the states of a live run are looked up while it lives"
    assert before(3, 3) == (2, 2)
    assert before(3, 9) == (3, 0), "of two runs at one place the later made comes later"
    assert before(3, 3, catchup=True) == (1, 2)
    assert before(1, 1) is None
