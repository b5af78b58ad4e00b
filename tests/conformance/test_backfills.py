"""Backfills and clears on a real database: rows, memory built again in the middle, and refusals."""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Any

import pytest
from conformance_data import START, Installation
from sqlalchemy.exc import OperationalError

from tradewind.cli.reading import Postgres, Reader, SqliteFile
from tradewind.core.errors import BackfillNotFound, InvalidInput, NotOver
from tradewind.core.inputs import AttemptFinished
from tradewind.scheduler import reruns
from tradewind.testing.builders import dag, every
from tradewind.testing.world import same_world

FIRST = START - timedelta(days=30)
DAILY = dag("a >> b", timetable=every(days=1), start_date=FIRST, max_active_runs=1, tasks={"b": {"never_sent": True}})


def ask(i: Installation, days: int = 4, **body: Any) -> Any:
    end = FIRST + timedelta(days=days - 1)
    return i.command("backfill.create", dag_id="etl", from_date=FIRST.isoformat(), to_date=end.isoformat(), **body)


def finish(i: Installation, outcome: str = "success") -> None:
    i.give(*(AttemptFinished(attempt=a, outcome=outcome, end_date=i.now) for a in list(i.world.attempts)))


def restart(i: Installation) -> None:
    """Memory is lost, and built again from the database."""
    fresh = i.load(i.world.next_run_number)
    same_world(i.world, fresh, i.now)
    i.owner.world = fresh
    i.turn()


def made(i: Installation) -> list[Any]:
    return i.rows("SELECT run_id, state FROM run WHERE run_type = 'backfill' ORDER BY number")


@pytest.fixture
def daily(installation: Installation) -> Installation:
    installation.add_dag(DAILY)
    finish(installation)
    return installation


def test_a_backfill_goes_on_after_each_restart_and_makes_every_run_once(daily: Installation) -> None:
    i = daily
    number = ask(i, days=7, max_active_runs=2).backfill.id
    for _ in range(6):
        restart(i)
        finish(i)
    assert [state for _, state in made(i)] == ["success"] * 7
    assert len({run_id for run_id, _ in made(i)}) == 7
    assert i.rows(f"SELECT state FROM backfill WHERE id = {number}") == [("completed",)]
    assert not i.rows("SELECT * FROM backfill_run WHERE NOT is_done")
    assert not i.logged


def test_a_paused_backfill_stays_paused_after_a_restart(daily: Installation) -> None:
    i = daily
    number = ask(i, max_active_runs=1).backfill.id
    i.command("backfill.pause", id=number)
    finish(i)
    restart(i)
    assert len(made(i)) == 1
    i.command("backfill.unpause", id=number)
    assert len(made(i)) == 2
    i.command("backfill.cancel", id=number)
    restart(i)
    finish(i)
    assert [state for _, state in made(i)] == ["success", "success"]
    with pytest.raises(BackfillNotFound):
        i.command("backfill.cancel", id=number)


def test_reprocessed_runs_are_brought_back_from_the_database(daily: Installation) -> None:
    i = daily
    ask(i)
    finish(i, "failed")
    shown = ask(i, days=5, reprocess_behavior="failed", dry_run=True)
    assert [slot.action for slot in shown.slots] == ["clear"] * 4 + ["create"]
    ask(i, days=5, reprocess_behavior="failed", max_active_runs=3)
    restart(i)
    for _ in range(3):
        finish(i)
    assert [state for _, state in made(i)] == ["success"] * 5
    assert i.rows("SELECT count(*) FROM run WHERE clear_number = 1") == [(4,)]
    assert not i.logged


def test_a_finished_run_of_a_backfill_costs_as_much_whatever_waits(daily: Installation) -> None:
    i, costs = daily, []
    i.add_dag(dag("a", dag_id="many", timetable=every(minutes=10), start_date=FIRST))
    finish(i)
    for days in (1, 20):
        end = FIRST + timedelta(days=days)
        number = i.command(
            "backfill.create", dag_id="many", from_date=FIRST.isoformat(), to_date=end.isoformat(), max_active_runs=1,
            reprocess_behavior="completed",
        ).backfill.id  # fmt: skip
        before = i.writer.statements_run
        finish(i)
        costs.append(i.writer.statements_run - before)
        i.command("backfill.cancel", id=number)
        finish(i)
    assert costs[0] <= costs[1] + 2
    assert costs[1] <= costs[0] + 2


def test_a_database_that_cannot_be_read_delays_a_backfill_and_does_not_end_it(
    daily: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("away"))

    i, real = daily, reruns.queries.run_taking
    monkeypatch.setattr(reruns.queries, "run_taking", away)
    ask(i)
    assert not made(i)
    monkeypatch.setattr(reruns.queries, "run_taking", real)
    i.advance(seconds=10)
    assert len(made(i)) == 4
    assert not i.logged


def test_a_date_that_cannot_be_stored_pauses_its_backfill_with_the_reason(daily: Installation) -> None:
    i = daily
    number = ask(i, max_active_runs=1).backfill.id
    taken = "backfill__" + (FIRST + timedelta(days=1)).isoformat()
    with i.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(f"UPDATE run SET run_id = '{taken}' WHERE run_type = 'scheduled'")
    finish(i)
    assert [run_id for run_id, _ in made(i)] == ["backfill__" + FIRST.isoformat()]
    paused, reason = i.rows(f"SELECT is_paused, reason FROM backfill WHERE id = {number}")[0]
    assert paused
    assert "unique" in reason.lower()
    loads = i.loads
    i.advance(hours=1)
    assert i.loads == loads, "it is not tried again"
    with i.engine.begin() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("UPDATE run SET run_id = 'other' WHERE run_type = 'scheduled'")
    i.command("backfill.unpause", id=number)
    assert len(made(i)) == 2


def test_a_wish_that_is_refused_leaves_no_row(daily: Installation) -> None:
    i = daily
    for body in (
        {"reprocess_behavior": "sometimes"}, {"max_active_runs": "many"}, {"max_active_runs": 0}, {"conf": [1]},
        {"days": -5},
    ):  # fmt: skip
        with pytest.raises(InvalidInput):
            ask(i, **body)
    ask(i)
    with pytest.raises(InvalidInput, match="one at a time"):
        ask(i)
    with pytest.raises(NotOver):
        i.command("dag.delete", dag_id="etl")
    assert i.rows("SELECT count(*) FROM backfill") == [(1,)]


def test_a_deleted_dag_takes_its_backfills_along(daily: Installation) -> None:
    i = daily
    ask(i)
    finish(i)
    i.command("dag.delete", dag_id="etl")
    assert i.rows("SELECT (SELECT count(*) FROM backfill), (SELECT count(*) FROM backfill_run)") == [(0, 0)]


@pytest.mark.parametrize("seed", range(3))
def test_memory_built_again_is_the_same_whatever_happens_to_a_backfill(daily: Installation, seed: int) -> None:
    i, random = daily, Random(seed)
    for step in range(50):
        dice, held = random.random(), i.world.backfills.get("etl")
        if held is None:
            reprocess = random.choice(["none", "failed", "completed"])
            ask(i, days=8, reprocess_behavior=reprocess, max_active_runs=2, run_backwards=dice < 0.5)
        elif dice < 0.6 and i.world.attempts:
            chosen = random.choice(sorted(i.world.attempts))
            outcome = random.choice(["success", "success", "failed", "lost"])
            i.give(AttemptFinished(attempt=chosen, outcome=outcome, end_date=i.now))
        elif dice < 0.7:
            kind = random.choice(["backfill.pause", "backfill.unpause", "backfill.unpause"])
            i.command(kind, id=held.record.id)
        elif dice < 0.73:
            i.command("backfill.cancel", id=held.record.id)
        elif dice < 0.8:
            i.command(random.choice(["dag.pause", "dag.unpause", "dag.unpause"]), dag_id="etl")
        elif dice < 0.9:
            run_id = random.choice(i.rows("SELECT run_id FROM run ORDER BY number"))[0]
            i.command("task.clear", dag_id="etl", run_id=run_id, downstream=True)
        else:
            i.advance(hours=random.randint(1, 20))
        if step % 4 == 0:
            same_world(i.world, i.load(i.world.next_run_number), i.now)
    assert not i.logged, i.logged


def test_the_command_line_reads_how_far_it_is(daily: Installation, database: str) -> None:
    i = daily
    number = ask(i, max_active_runs=1).backfill.id
    finish(i)
    kind = SqliteFile(database.removeprefix("sqlite:///")) if database.startswith("sqlite") else None
    reader = Reader(kind or Postgres(database.replace("+psycopg", "", 1)))
    try:
        for row in (reader.backfill(number), reader.backfills()[0], reader.backfills("etl")[0]):
            assert (row["id"], row["done"], row["dates"], row["state"]) == (number, 1, 4, "active")
        assert not reader.backfills("another")
        shown = [(row["action"], bool(row["is_done"]), row["state"]) for row in reader.backfill_runs(number)]
        assert shown == [("create", True, "success"), ("create", True, "running"), *[("create", False, None)] * 2]
    finally:
        reader.close()


# --- clear -------------------------------------------------------------------------------------------------------


def test_a_clear_reaches_the_runs_after_and_before_one(daily: Installation) -> None:
    i = daily
    ask(i, days=3)
    finish(i)
    run_ids = [run_id for run_id, _ in made(i)]

    def cleared(**body: Any) -> list[str]:
        plan = i.command("task.clear", dag_id="etl", task_ids=["a"], dry_run=True, **body)
        return [step.run_id for step in plan.steps]

    assert cleared(run_id=run_ids[1]) == [run_ids[1]]
    assert cleared(run_id=run_ids[1], past=True) == run_ids[:2]
    assert cleared(run_id=run_ids[1], future=True) == ["scheduled__2024-01-01T00:00:00+00:00", *run_ids[1:]]
    end = (FIRST + timedelta(days=1)).isoformat()
    assert cleared(end=end) == run_ids[:2]
    assert len(cleared()) == 4


def test_a_run_keeps_its_version_or_takes_the_newest_as_asked(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.command("run.create", dag_id="etl", run_id="r")
    finish(i)
    finish(i)
    i.add_dag(dag("a >> b >> c"))
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["b"], latest=False)
    restart(i)
    assert [row[0] for row in i.rows("SELECT task_id FROM task_instance ORDER BY task_id")] == ["a", "b"]
    i.add_dag(dag("a >> b >> [c, d]"))
    finish(i)
    assert i.rows("SELECT state, pinned FROM run") in ([("success", 1)], [("success", True)])
    i.command("task.clear", dag_id="etl", run_id="r", task_ids=["b"], latest=True)
    assert [row[0] for row in i.rows("SELECT task_id FROM task_instance ORDER BY task_id")] == ["a", "b", "c", "d"]
    restart(i)
    finish(i)
    finish(i)
    newest = i.world.plans["etl"].version
    assert i.rows("SELECT state, version FROM run") == [("success", newest)]


def test_a_version_whose_task_is_gone_from_the_file_cannot_be_kept(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b"))
    i.command("run.create", dag_id="etl", run_id="r")
    finish(i)
    finish(i)
    i.add_dag(dag("a"))
    plan = i.command("task.clear", dag_id="etl", run_id="r", latest=False)
    assert "b of r is no longer in the file" in plan.steps[0].refused
    assert i.rows("SELECT state, clear_number FROM run") == [("success", 0)]
