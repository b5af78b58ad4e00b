"""The rows of the state stores: what goes with a run, what is cleaned away, and what stays."""

from __future__ import annotations

from datetime import timedelta

from conformance_data import START, Installation

from tradewind.core.inputs import (
    AssetStoreChanged,
    AttemptFinished,
    AttemptStarted,
    CreateRun,
    TaskStoreChanged,
)
from tradewind.core.records import TaskKey
from tradewind.core.states import RunType
from tradewind.testing.builders import dag

ORDERS = {"asset": {"name": "orders", "uri": "s3://orders"}}
NAMES_ORDERS = dag("work", dag_id="etl", tasks={"work": {"extra": {"inlets": [ORDERS]}}})
TASK_KEYS = "SELECT run, key FROM task_state_store ORDER BY run, key"
ASSET_KEYS = "SELECT name, key FROM asset_state_store ORDER BY name, key"


def begun(installation: Installation, *run_ids: str) -> list[str]:
    """Runs whose task is under way; gives their attempts."""
    for run_id in run_ids:
        installation.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL, run_id=run_id))
    attempts = [installation.world.active_of[TaskKey(n, "work", -1)] for n in range(1, len(run_ids) + 1)]
    installation.give(*(AttemptStarted(attempt=attempt, start_date=START) for attempt in attempts))
    return attempts


def test_what_tasks_kept_goes_with_their_run(installation: Installation) -> None:
    installation.add_dag(NAMES_ORDERS)
    first, second = begun(installation, "r1", "r2")
    for attempt in (first, second):
        installation.give(TaskStoreChanged(attempt=attempt, key="job", value=b"1"))
    installation.give(AssetStoreChanged(attempt=first, name="orders", uri="s3://orders", key="mark", value=b"1"))
    installation.give(*(AttemptFinished(attempt=attempt, outcome="success") for attempt in (first, second)))
    assert installation.rows(TASK_KEYS) == [(1, "job"), (2, "job")]
    installation.command("run.delete", dag_id="etl", run_id="r1")
    assert installation.rows(TASK_KEYS) == [(2, "job")]
    assert installation.rows(ASSET_KEYS) == [("orders", "mark")]
    installation.command("dag.delete", dag_id="etl")
    assert installation.rows(TASK_KEYS) == []


def test_of_several_changes_in_one_commit_the_last_counts(installation: Installation) -> None:
    installation.add_dag(NAMES_ORDERS)
    [attempt] = begun(installation, "r1")
    changes = [
        TaskStoreChanged(attempt=attempt, key="a", value=b"1"),
        TaskStoreChanged(attempt=attempt, key="a", value=b"2", retention=timedelta(days=1)),
        TaskStoreChanged(attempt=attempt, key="b", value=b"1"),
        TaskStoreChanged(attempt=attempt, key="b"),
        TaskStoreChanged(attempt=attempt, key="c", value=b"1"),
        TaskStoreChanged(attempt=attempt),
        TaskStoreChanged(attempt=attempt, key="d", value=b"4"),
        TaskStoreChanged(attempt=attempt, key="d", value=b"5"),
    ]
    installation.give(*changes)
    rows = installation.rows("SELECT key, value, expires_at FROM task_state_store")
    assert [(key, bytes(value), expires) for key, value, expires in rows] == [("d", b"5", None)]
    installation.give(changes[1])
    [(expires,)] = installation.rows("SELECT expires_at FROM task_state_store WHERE key = 'a'")
    assert expires == (START.timestamp() + 86400) * 1_000_000


def test_cleaning_deletes_what_has_expired_and_what_nobody_names(installation: Installation) -> None:
    installation.add_dag(NAMES_ORDERS)
    [attempt] = begun(installation, "r1")
    installation.give(
        TaskStoreChanged(attempt=attempt, key="stays", value=b"1"),
        TaskStoreChanged(attempt=attempt, key="later", value=b"1", retention=timedelta(days=2)),
        TaskStoreChanged(attempt=attempt, key="over", value=b"1", retention=timedelta(days=1)),
        AssetStoreChanged(attempt=attempt, name="orders", uri="s3://orders", key="mark", value=b"1"),
        AssetStoreChanged(attempt=attempt, name="gone", uri="s3://gone", key="mark", value=b"1"),
    )
    installation.command("state_store.clean")
    assert installation.rows(ASSET_KEYS) == [("orders", "mark")]
    assert len(installation.rows(TASK_KEYS)) == 3
    installation.advance(days=1)
    installation.command("state_store.clean")
    assert installation.rows(TASK_KEYS) == [(1, "later"), (1, "stays")]
