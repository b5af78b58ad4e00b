"""Runs by tasks: the rows of a Dag's grid, packed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, func, select

from tradewind.store import tables as t
from tradewind.store.paging import Row

PACKED = (
    "none", "scheduled", "queued", "running", "success", "failed", "skipped", "upstream_failed", "up_for_retry",
    "up_for_reschedule", "deferred", "awaiting_input", "removed", "restarting",
)  # fmt: skip
"""States by the number that stands for them in a packed column. The web UI has the same list."""
_CODES = {state: code for code, state in enumerate(PACKED)}

_TELLING = (
    "failed", "upstream_failed", "up_for_retry", "awaiting_input", "restarting", "running", "deferred",
    "up_for_reschedule", "queued", "scheduled", "none", "success", "skipped", "removed",
)  # fmt: skip
_RANK = {state: rank for rank, state in enumerate(_TELLING)}


@dataclass(slots=True)
class RunColumn:
    """One run: its row, and of each task the state that tells most about its instances, and how many these are."""

    row: Row
    states: dict[str, str] = field(default_factory=dict)
    instances: dict[str, int] = field(default_factory=dict)

    def packed(self, task_ids: Sequence[str]) -> bytes:
        """One byte a task; 255 where the run has no such task."""
        return bytes(_CODES.get(self.states[task_id], 0) if task_id in self.states else 255 for task_id in task_ids)


def most_telling(states: Iterable[str]) -> str:
    """Of the states of several instances the one that stands for all of them."""
    return min(states, key=lambda state: _RANK.get(state, len(_RANK)))


def run_columns(connection: Connection, dag_id: str, most: int, before: int | None = None) -> list[RunColumn]:
    """The newest runs of a Dag (those before the run of this number), oldest first."""
    run = t.run.c
    query = select(
        run.number, run.run_id, run.run_type, run.state, run.run_after, run.logical_date, run.data_interval_start,
        run.data_interval_end, run.queued_at, run.start_date, run.end_date, run.version, run.note,
    ).where(run.dag_id == dag_id)  # fmt: skip
    if before is not None:
        query = query.where(run.number < before)
    rows = [dict(row) for row in connection.execute(query.order_by(run.number.desc()).limit(most)).mappings()]
    columns = {row["number"]: RunColumn(row) for row in reversed(rows)}
    for number, states in _states(connection, list(columns)).items():
        for task_id, counts in states.items():
            columns[number].states[task_id] = most_telling(counts)
            columns[number].instances[task_id] = sum(counts.values())
    return list(columns.values())


def ended_states(connection: Connection, dag_id: str, most: int) -> list[str]:
    """States of the newest runs of a Dag that are over, newest first."""
    run = t.run.c
    query = select(run.state).where(run.dag_id == dag_id, run.state.in_(("success", "failed")))
    return list(connection.execute(query.order_by(run.number.desc()).limit(most)).scalars())


def _states(connection: Connection, numbers: Sequence[int]) -> Mapping[int, Mapping[str, dict[str, int]]]:
    """How many instances each task of each run has in each state."""
    task = t.task_instance.c
    found: dict[int, dict[str, dict[str, int]]] = defaultdict(lambda: defaultdict(dict))
    counted = select(task.run, task.task_id, task.state, func.count()).group_by(task.run, task.task_id, task.state)
    for some in (numbers[at : at + 500] for at in range(0, len(numbers), 500)):
        for run, task_id, state, count in connection.execute(counted.where(task.run.in_(some))):
            found[run][task_id][state] = count
    return found
