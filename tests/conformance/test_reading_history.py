"""A Dag's past on each database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from conformance_data import Installation

from tradewind.core.inputs import AttemptFinished
from tradewind.store.reading.history import (
    SLICE_US,
    backfills_with_progress,
    first_failures,
    newest_runs,
    runs_by_time,
    task_lengths,
)
from tradewind.store.reading.run_tasks import newest_run, task_states
from tradewind.store.times import to_us
from tradewind.testing.builders import dag, every

FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def end(i: Installation, outcome: str) -> None:
    for attempt in list(i.world.attempts.values()):
        i.give(AttemptFinished(attempt=attempt.id, outcome=outcome, start_date=i.now, end_date=i.now))


def test_runs_and_tasks_are_counted_as_they_ended(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a >> b", dag_id="etl", retries=0))
    for n, outcome in enumerate(("failed", "success", "failed")):
        at = FIRST + timedelta(minutes=14 * n)
        i.command("run.create", dag_id="etl", run_id=f"r{n}", logical_date=at.isoformat())
        for _ in range(2):  # b follows where a succeeded
            i.advance(seconds=10)
            end(i, outcome)
    with i.engine.connect() as connection:
        assert [run["run_id"] for run in newest_runs(connection, "etl", 2)] == ["r1", "r2"]
        failed = newest_runs(connection, "etl", 5, states=("failed",))
        assert [run["run_id"] for run in failed] == ["r0", "r2"]
        first = first_failures(connection, [run["number"] for run in failed])
        assert {row["task_id"] for row in first.values()} == {"a"}
        counted = runs_by_time(connection, "etl", to_us(FIRST), to_us(FIRST) + 4 * SLICE_US)
        assert sum(count for _, _, count in counted) == 3
        assert {at for at, _, _ in counted} == {to_us(FIRST), to_us(FIRST) + SLICE_US}
        newest = newest_run(connection, "etl")
        assert newest is not None
        states = task_states(connection, newest["number"])
        assert [(row["state"], row["count"]) for row in states["b"]] == [("upstream_failed", 1)]
        lengths = task_lengths(connection, [newest["number"]])
        assert lengths == [(newest["number"], "a", 0)]
        assert newest_run(connection, "other") is None
        assert (first_failures(connection, []), task_lengths(connection, [])) == ({}, [])


def test_backfills_say_how_many_of_their_dates_are_over(installation: Installation) -> None:
    i = installation
    i.add_dag(dag("a", dag_id="etl", retries=0, timetable=every(days=1), start_date=FIRST - timedelta(days=30)))
    dates = [(FIRST - timedelta(days=n)).isoformat() for n in (9, 7)]
    i.command("backfill.create", dag_id="etl", from_date=dates[0], to_date=dates[1], max_active_runs=1)
    with i.engine.connect() as connection:
        (row,) = backfills_with_progress(connection, "etl", 10)
        assert (row["dates"], row["done"], row["left"], row["state"]) == (3, 0, 0, "active")
        assert backfills_with_progress(connection, "other", 10) == []
