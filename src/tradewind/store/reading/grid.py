"""Runs by tasks: the rows of a Dag's grid, packed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter

from sqlalchemy import Connection, func, select, tuple_

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


NO_TASK = 255
"""Stands in a packed column where the run has no such task."""
_NO_CODE = bytes((NO_TASK,))
SEPARATOR = "\x1e"
"""Between ids of tasks that come as one text."""


@dataclass(frozen=True, slots=True)
class RunTasks:
    """The tasks of one run: a byte for the state that tells most about the instances of each, and how many these are
    where they are not one."""

    task_ids: tuple[str, ...] = ()
    codes: bytes = b""
    several: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunColumn:
    """One run: its row, and its tasks."""

    row: Row
    tasks: RunTasks


def packed(columns: Sequence[RunColumn], task_ids: Sequence[str]) -> bytes:
    """Column after column one byte for each of these tasks."""
    orders: dict[tuple[str, ...], Callable[[bytes], bytes]] = {}
    found = []
    for column in columns:
        own = column.tasks.task_ids
        if own not in orders:
            orders[own] = _in_order(own, task_ids)
        found.append(orders[own](column.tasks.codes))
    return b"".join(found)


def _in_order(own: Sequence[str], wanted: Sequence[str]) -> Callable[[bytes], bytes]:
    """From codes in one order of tasks to those in another."""
    places = {task_id: place for place, task_id in enumerate(own)}
    take = [places.get(task_id, len(own)) for task_id in wanted]
    if len(take) < 2:  # of one place an itemgetter gives no tuple
        return lambda codes: bytes((codes + _NO_CODE)[place] for place in take)
    taken = itemgetter(*take)
    return lambda codes: bytes(taken(codes + _NO_CODE))


def most_telling(states: Iterable[str]) -> str:
    """Of the states of several instances the one that stands for all of them."""
    return min(states, key=lambda state: _RANK.get(state, len(_RANK)))


def run_rows(connection: Connection, dag_id: str, most: int, before: int | None = None) -> list[Row]:
    """The latest runs of a Dag by where they stand (those that stand before the run of this number), earliest first."""
    run = t.run.c
    query = select(
        run.number, run.dag_id, run.run_id, run.run_type, run.state, run.run_after, run.logical_date,
        run.data_interval_start, run.data_interval_end, run.queued_at, run.start_date, run.end_date, run.version,
        run.note,
    ).where(run.dag_id == dag_id)  # fmt: skip
    if before is not None:
        named = select(t.run_place, run.number).where(run.number == before).correlate(None)
        query = query.where(tuple_(t.run_place, run.number) < named.scalar_subquery())
    query = query.order_by(t.run_place.desc(), run.number.desc()).limit(most)
    return [dict(row) for row in connection.execute(query).mappings()][::-1]


def tasks_of_runs(connection: Connection, numbers: Sequence[int]) -> dict[int, RunTasks]:
    """The tasks of these runs. The database joins the ids of those that share a state, so that what comes are some rows
    for a run and not one for each task."""
    task = t.task_instance.c
    ids = func.aggregate_strings(task.task_id, SEPARATOR)
    parts: dict[int, dict[str, str]] = defaultdict(dict)
    for some in (numbers[at : at + 500] for at in range(0, len(numbers), 500)):
        query = select(task.run, task.state, ids).where(task.run.in_(some)).group_by(task.run, task.state)
        for run, state, text in connection.execute(query):
            parts[run][state] = text
    known: dict[str, tuple[str, ...]] = {}
    found = {}
    for run in numbers:
        states = {}
        for state, text in parts[run].items():
            if text not in known:  # runs of one Dag mostly have the same tasks, which share their names
                known[text] = tuple(text.split(SEPARATOR))
            states[state] = known[text]
        found[run] = _run_tasks(states)
    return found


def _run_tasks(states: Mapping[str, tuple[str, ...]]) -> RunTasks:
    """From the ids of the instances in each state."""
    codes: dict[str, int] = {}
    least_first = sorted(states, key=lambda state: _RANK.get(state, len(_RANK)), reverse=True)
    for state in least_first:
        codes.update(dict.fromkeys(states[state], _CODES.get(state, 0)))
    if len(codes) == sum(map(len, states.values())):
        task_ids = states[least_first[0]] if len(least_first) == 1 else tuple(codes)
        return RunTasks(task_ids, bytes(codes.values()))
    counts = Counter(chain.from_iterable(states.values()))
    return RunTasks(tuple(codes), bytes(codes.values()), {task: count for task, count in counts.items() if count > 1})


def ended_states(connection: Connection, dag_id: str, most: int) -> list[str]:
    """States of the newest runs of a Dag that are over, newest first."""
    run = t.run.c
    query = select(run.state).where(run.dag_id == dag_id, run.state.in_(("success", "failed")))
    return list(connection.execute(query.order_by(run.number.desc()).limit(most)).scalars())
