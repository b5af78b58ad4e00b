"""The Owner on a real database: commands, faults that stay alone, and memory that can be built again."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from conformance_data import START, Installation
from sqlalchemy import Engine

from tradewind.core import decide as decide_module
from tradewind.core import runs
from tradewind.core.decisions import PutRow, Record, StartAttempt
from tradewind.core.errors import (
    DagNotFound,
    InvalidInput,
    NotFound,
    NotOver,
    RunAlreadyExists,
    RunNotFound,
    TaskNotFound,
)
from tradewind.core.ids import attempt_id
from tradewind.core.inputs import AttemptFinished, CreateRun, XCom
from tradewind.core.records import TaskKey
from tradewind.core.states import RunType, TaskState
from tradewind.scheduler.owner import Rows
from tradewind.store import loader, queries
from tradewind.store.writer import StoreMismatch, StoreUnavailable, Writer
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.world import check_world, same_world


def finish(i: Installation, outcome: str = "success", run: int | None = None, **report: Any) -> None:
    """Everything that runs now ends so."""
    active = [a.id for a in i.world.attempts.values() if run is None or a.key.run == run]
    i.give(*(AttemptFinished(attempt=a, outcome=outcome, end_date=i.now, **report) for a in active))


def states(i: Installation) -> list[tuple[Any, ...]]:
    return i.rows("SELECT run, task_id, map_index, state FROM task_instance ORDER BY run, task_id, map_index")


def run_states(i: Installation) -> list[tuple[Any, ...]]:
    return i.rows("SELECT number, state FROM run ORDER BY number")


# --- a run from start to end ---


def test_a_run_goes_from_creation_to_success(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("extract >> [clean, audit] >> load"))
    run = i.command("run.create", dag_id="etl", run_id="r1", conf={"x": 1})
    for _ in range(3):
        finish(i, xcoms=(XCom(name="return_value", value=b"[1]", length=1),))
    assert run_states(i) == [(run.number, "success")]
    assert {row[3] for row in states(i)} == {"success"}
    assert len([o for o in i.told if isinstance(o, StartAttempt)]) == 4
    assert i.rows("SELECT count(*) FROM xcom") == [(4,)]
    seqs = [event.seq for event in i.events]
    assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
    assert [row[0] for row in i.rows("SELECT name FROM event ORDER BY seq")][-1] == "run.moved"


def test_a_finish_costs_as_many_statements_beside_ten_thousand_waiting_tasks(installation: Installation) -> None:
    i = installation
    costs = []
    for waiting in (10, 10_000):
        spec = dag("a >> b; big", dag_id=f"beside_{waiting}", max_active_tasks=2, tasks={
            "a": {"effective_weight": 9}, "big": {"map": expand(x=waiting)}})  # fmt: skip
        i.add_dag(spec)
        i.command("run.create", dag_id=spec.dag_id)
        attempt = next(a for a in i.world.attempts.values() if a.key.task_id == "a" and a.key.run == len(costs) + 1)
        before = i.writer.statements_run
        i.give(AttemptFinished(attempt=attempt.id, outcome="success", end_date=i.now))
        costs.append(i.writer.statements_run - before)
    assert costs[0] == costs[1]


# --- memory and rows ---


@pytest.mark.parametrize("seed", range(3))
def test_memory_built_again_is_the_same_after_a_random_play(installation: Installation, seed: int) -> None:
    i, random = installation, Random(seed)
    i.add_dag(dag("a >> b >> c; a >> m >> z", dag_id="one", retries=1, retry_delay_seconds=30, max_active_tasks=3,
                  tasks={"b": {"depends_on_past": True}, "m": {"map": expand(x="a")}}))  # fmt: skip
    i.add_dag(dag("x >> y", dag_id="two", timetable=every(minutes=1), start_date=START, max_active_runs=2))
    for step in range(40):
        active = list(i.world.attempts.values())
        dice = random.random()
        if dice < 0.6 and active:
            outcome = random.choice(["success", "success", "success", "failed", "lost", "not_started", "skipped"])
            xcoms = (XCom(name="return_value", value=b"[1,2]", length=2),) if random.random() < 0.8 else ()
            chosen = random.choice(active).id
            i.give(AttemptFinished(attempt=chosen, outcome=outcome, end_date=i.now, xcoms=xcoms))
        elif dice < 0.7:
            i.command("run.create", dag_id="one")
        elif dice < 0.8 and (found := i.rows("SELECT dag_id, run_id FROM run ORDER BY number")):
            dag_id, run_id = random.choice(found)
            i.command("task.clear", dag_id=dag_id, run_id=run_id, task_ids=["a" if dag_id == "one" else "x"],
                      downstream=random.random() < 0.5)  # fmt: skip
        elif dice < 0.85:
            i.command(random.choice(["dag.pause", "dag.unpause"]), dag_id="two")
        else:
            i.advance(seconds=random.randint(1, 40))
        if step % 4 == 0:
            same_world(i.world, i.load(i.world.next_run_number), i.now)
    assert not i.logged, i.logged


def test_a_restart_goes_on_where_it_stopped(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b", retries=1, retry_delay_seconds=60))
    i.command("run.create", dag_id="etl")
    finish(i, "failed")
    i.owner.world = i.load(i.world.next_run_number)
    i.advance(seconds=60)
    finish(i)
    i.owner.world = i.load(i.world.next_run_number)
    finish(i)
    assert run_states(i) == [(1, "success")]


# --- commands ---


@pytest.mark.parametrize(
    ("kind", "body", "error"),
    [
        ("run.create", {"dag_id": "nobody"}, DagNotFound),
        ("run.create", {"dag_id": "etl", "run_id": "taken"}, RunAlreadyExists),
        ("run.create", {"dag_id": "etl", "logical_date": "2024-01-01"}, RunAlreadyExists),
        ("run.create", {"dag_id": "etl", "logical_date": "yesterday"}, InvalidInput),
        ("run.create", {"dag_id": "etl", "run_id": "a b"}, InvalidInput),
        ("run.create", {"dag_id": "etl", "run_id": "scheduled__x"}, InvalidInput),
        ("run.create", {"dag_id": "etl", "conf": [1]}, InvalidInput),
        ("run.create", {}, InvalidInput),
        ("run.create", {"dag_id": "etl", "run_type": "sideways"}, InvalidInput),
        ("run.mark", {"dag_id": "etl", "run_id": "taken", "state": "odd"}, InvalidInput),
        ("run.mark", {"dag_id": "etl", "run_id": "none", "state": "success"}, RunNotFound),
        ("run.delete", {"dag_id": "etl", "run_id": "taken"}, NotOver),
        ("task.mark", {"dag_id": "etl", "run_id": "taken", "task_id": "zzz", "state": "success"}, TaskNotFound),
        ("task.mark", {"dag_id": "etl", "run_id": "taken", "task_id": "a", "state": "odd"}, InvalidInput),
        ("task.clear", {"dag_id": "etl", "task_ids": ["zzz"]}, TaskNotFound),
        ("task.clear", {"dag_id": "etl", "task_regex": "("}, InvalidInput),
        ("task.clear", {"dag_id": "etl", "task_regex": r"(a)\1"}, InvalidInput),
        ("dag.pause", {"dag_id": "nobody"}, DagNotFound),
        ("dag.delete", {"dag_id": "etl"}, NotOver),
        ("pool.set", {"name": "p", "slots": "many"}, InvalidInput),
        ("pool.delete", {"name": "default_pool"}, InvalidInput),
        ("pool.delete", {"name": "nobody"}, NotFound),
        ("connection.set", {"conn_id": "c", "port": "x"}, InvalidInput),
        ("variable.set", {"key": ""}, InvalidInput),
        ("no.such", {}, InvalidInput),
    ],
)
def test_a_refused_command_changes_nothing(
    installation: Installation, kind: str, body: dict[str, Any], error: type[Exception]
) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.command("run.create", dag_id="etl", run_id="taken", logical_date="2024-01-01")
    before = (states(i), run_states(i), i.rows("SELECT count(*) FROM event"), i.loads)
    with pytest.raises(error):
        i.command(kind, **body)
    assert (states(i), run_states(i), i.rows("SELECT count(*) FROM event"), i.loads) == before
    assert not i.logged


def test_people_s_commands_do_what_they_say(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.command("run.create", dag_id="etl", run_id="r")
    i.command("task.mark", dag_id="etl", run_id="r", task_id="a", state="success")
    finish(i, "cancelled", run=1)
    i.command("run.mark", dag_id="etl", run_id="r", state="failed")
    finish(i, "cancelled")
    assert run_states(i) == [(1, "failed")]
    i.command("run.clear", dag_id="etl", run_id="r", only_failed=True)
    finish(i)
    assert run_states(i) == [(1, "success")]
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["a"], downstream=True)
    finish(i)
    finish(i)
    i.command("pool.set", name="p", slots=3)
    i.command("variable.set", key="k", value={"a": 1})
    i.command("connection.set", conn_id="c", conn_type="http", password="secret", port="80")
    with i.engine.connect() as connection:
        assert queries.variable(connection, "k") == '{"a": 1}'[::-1]
        assert (queries.connection_named(connection, "c") or {})["password"] == "terces"
    i.command("run.delete", dag_id="etl", run_id="r")
    assert not states(i)
    i.command("dag.delete", dag_id="etl")
    assert not i.rows("SELECT * FROM dag")
    assert not i.logged


def test_a_cleared_run_lets_the_run_after_it_go_on(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a", tasks={"a": {"depends_on_past": True}}))
    i.command("run.create", dag_id="etl", run_id="first")
    finish(i, "failed")
    i.command("run.create", dag_id="etl", run_id="second")
    assert states(i)[-1][3] == "none"
    i.command("run.clear", dag_id="etl", run_id="first")
    finish(i)
    finish(i)
    assert run_states(i) == [(1, "success"), (2, "success")]


# --- faults that stay alone ---


def break_runs(monkeypatch: pytest.MonkeyPatch, *numbers: int) -> None:
    real = decide_module.attempts.finished

    def finished(turn: Any, report: Any) -> None:
        attempt = turn.world.attempts.get(report.attempt)
        real(turn, report)
        if attempt is not None and attempt.key.run in numbers:
            raise ZeroDivisionError("a bug")

    monkeypatch.setattr(decide_module.attempts, "finished", finished)


def test_a_run_that_cannot_be_decided_is_set_aside_and_the_others_go_on(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    for _ in range(3):
        i.command("run.create", dag_id="etl")
    break_runs(monkeypatch, 2)
    finish(i)
    for _ in range(2):
        finish(i, run=1)
        finish(i, run=3)
    assert run_states(i) == [(1, "success"), (2, "running"), (3, "success")]
    assert i.rows("SELECT quarantine FROM run WHERE number=2") == [("ZeroDivisionError: a bug",)]
    assert "quarantined" in [event.name for event in i.events]
    check_world(i.world)


def test_a_schedule_that_cannot_be_decided_rests_until_its_dag_changes(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    i = installation
    real = runs.on_schedule

    def on_schedule(turn: Any, dag_id: str) -> None:
        if dag_id == "bad":
            raise ZeroDivisionError("a bug")
        real(turn, dag_id)

    monkeypatch.setattr(runs, "on_schedule", on_schedule)
    hourly = every(hours=1)
    i.add_dag(dag("a", dag_id="bad", timetable=hourly, start_date=START, never_sent=True))
    i.add_dag(dag("a", dag_id="good", timetable=hourly, start_date=START, never_sent=True))
    i.advance(hours=1)
    i.advance(hours=1)
    assert i.rows("SELECT dag_id, count(*) FROM run GROUP BY dag_id") == [("good", 3)]
    assert i.loads < 6
    monkeypatch.setattr(runs, "on_schedule", real)
    i.add_dag(dag("a; b", dag_id="bad", timetable=hourly, start_date=START, never_sent=True))
    assert ("bad", 1) in i.rows("SELECT dag_id, count(*) FROM run GROUP BY dag_id")


def test_one_poisoned_input_of_a_batch_is_refused_and_the_others_are_stored(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a"))
    poisoned = CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id="bad", conf={"x": {1, 2}})
    good = [CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id=f"good{n}") for n in range(3)]
    i.answers.clear()
    i.give(good[0], poisoned, good[1], Rows((PutRow("nowhere", {}),)), good[2])
    assert [run_id for (run_id,) in i.rows("SELECT run_id FROM run ORDER BY run_id")] == ["good0", "good1", "good2"]
    assert sorted(error is None for _, error in i.answers) == [False, False, True, True, True]
    assert {row[3] for row in states(i)} == {"queued"}, "ready tasks have started all the same"
    check_world(i.world)


def test_an_attempt_that_cannot_be_stored_sets_its_run_aside(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.world.workers["w1"].draining = True
    for _ in range(2):
        i.command("run.create", dag_id="etl")
    with i.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(
            "INSERT INTO attempt (id, run, task_id, map_index, try_number, leg, state, worker, pool, pool_slots, "
            f"version, reason, cancel) VALUES ('{attempt_id(TaskKey(1, 'a'), 1, 0)}', 9, 'x', -1, 1, 0, 'lost', "
            "'w', 'p', 1, 'v', '', '')"
        )
    i.world.workers["w1"].draining = False
    i.give(Rows((Record("wake"),)))
    assert [(row[0], row[3]) for row in states(i) if row[1] == "a"] == [(1, "scheduled"), (2, "queued")]
    assert i.rows("SELECT number FROM run WHERE quarantine <> ''") == [(1,)]


def test_a_logical_date_that_is_taken_is_passed_over(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a", timetable=every(hours=1), start_date=START.replace(hour=1), never_sent=True))
    i.command("run.create", dag_id="etl", run_id="mine", logical_date="2024-01-01T01:00:00")
    i.advance(hours=1)
    i.advance(hours=1)
    found = i.rows("SELECT run_id FROM run ORDER BY number")
    assert found == [("mine",), ("scheduled__2024-01-01T02:00:00+00:00",)]
    assert "run.passed_over" in [event.name for event in i.events]


# --- a database that goes away ---


def test_nothing_is_told_before_it_is_durable(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.command("run.create", dag_id="etl")
    away = [True]
    real = Writer.commit

    def commit(self: Writer, *arguments: Any, **named: Any) -> Any:
        if away[0]:
            raise StoreUnavailable("away")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Writer, "commit", commit)
    told, answers = len(i.told), len(i.answers)
    attempt = next(iter(i.world.attempts))
    i.owner.submit(AttemptFinished(attempt=attempt, outcome="success"), lambda *answer: i.answers.append(answer))
    assert not i.owner.turn()
    assert not i.owner.turn()
    assert (len(i.told), len(i.answers)) == (told, answers)
    away[0] = False
    i.turn()
    assert (len(i.told), len(i.answers)) == (told + 1, answers + 1)
    assert [row[3] for row in states(i)] == ["success", "queued"]


def test_a_commit_whose_answer_got_lost_is_not_done_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    i = installation
    i.add_dag(dag("a"))
    real = Writer.commit
    lost = [True]

    def commit(self: Writer, *arguments: Any, **named: Any) -> Any:
        events = real(self, *arguments, **named)
        if lost[0]:
            lost[0] = False
            self._next_seq -= len(events)
            raise StoreUnavailable("the connection broke in COMMIT")
        return events

    monkeypatch.setattr(Writer, "commit", commit)
    i.command("run.create", dag_id="etl", run_id="once")
    assert run_states(i) == [(1, "running")]
    finish(i)
    assert run_states(i) == [(1, "success")]
    assert not [entry for entry in i.logged if "refused" in entry[0]]


def test_a_database_that_leaves_in_the_middle_of_a_replay_loses_nothing(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    i = installation
    i.add_dag(dag("a"))
    real, calls = Writer.commit, [0]

    def commit(self: Writer, *arguments: Any, **named: Any) -> Any:
        calls[0] += 1
        if calls[0] == 1:
            raise StoreMismatch("for the test")
        if calls[0] == 3:
            raise StoreUnavailable("away")
        return real(self, *arguments, **named)

    monkeypatch.setattr(Writer, "commit", commit)
    i.answers.clear()
    for n in range(4):
        wish = CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id=f"r{n}")
        i.owner.submit(wish, lambda answer, error: i.answers.append((answer, error)))
    i.turn()
    assert [run_id for (run_id,) in i.rows("SELECT run_id FROM run ORDER BY number")] == ["r0", "r1", "r2", "r3"]
    assert [error for _, error in i.answers] == [None] * 4


def test_stored_runs_come_back_with_what_they_knew(engine: Engine, installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> m", tasks={"m": {"map": expand(x="a"), "depends_on_past": True}}))
    for run_id in ("r1", "r2"):
        i.command("run.create", dag_id="etl", run_id=run_id)
        finish(i, xcoms=(XCom(name="return_value", value=b"[1]", length=1),))
        finish(i)
    with engine.connect() as connection:
        live = loader.load_runs(connection, [2], i.world)[0]
    assert live.lengths == {("a", "return_value"): 1}
    assert live.previous is not None
    assert live.previous.number == 1
    assert live.previous.states["m"] == (TaskState.SUCCESS,)
    assert (live.run.number, live.run.run_id) == (2, "r2")
