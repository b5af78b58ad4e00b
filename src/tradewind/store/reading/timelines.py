"""One run as it passed: its tasks with their tries in time, however many instances these have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

from sqlalchemy import Connection, and_, case, func, select

from tradewind.core.states import FAILED_STATES, RunState, TaskState
from tradewind.store import tables as t
from tradewind.store.paging import Row

_run, _task, _attempt = t.run.c, t.task_instance.c, t.attempt.c

USUAL_OF = 20
"""Successful runs of which the middle duration is the usual one."""


def run_facts(connection: Connection, dag_id: str, run_id: str) -> Row | None:
    """A run with its version's number (`version_number`), and the ids of the runs made before and after it."""
    version = t.dag_version.c
    query = (
        select(t.run, version.number.label("version_number"))
        .join(t.dag_version, version.id == _run.version, isouter=True)
        .where(_run.dag_id == dag_id, _run.run_id == run_id)
    )
    found = connection.execute(query).mappings().first()
    if found is None:
        return None
    same = select(_run.run_id).where(_run.dag_id == dag_id).limit(1)
    before = same.where(_run.number < found["number"]).order_by(_run.number.desc())
    after = same.where(_run.number > found["number"]).order_by(_run.number)
    return {
        **found,
        "run_before": connection.execute(before).scalar(),
        "run_after_it": connection.execute(after).scalar(),
    }


def usual_duration(connection: Connection, dag_id: str, before: int) -> int | None:
    """How long the last successful runs of a Dag before the one of this number took, in the middle."""
    query = (
        select(_run.end_date - _run.start_date)
        .where(
            _run.dag_id == dag_id,
            _run.number < before,
            _run.state == RunState.SUCCESS,
            _run.start_date.is_not(None),
            _run.end_date >= _run.start_date,
        )
        .order_by(_run.number.desc())
        .limit(USUAL_OF)
    )
    found = connection.execute(query).scalars().all()
    return int(median(found)) if found else None


def states_of_run(connection: Connection, number: int) -> dict[str, int]:
    """How many task instances of a run are in each state."""
    query = select(_task.state, func.count()).where(_task.run == number).group_by(_task.state)
    return {state: count for state, count in connection.execute(query)}


def failed_in_run(connection: Connection, number: int, most: int) -> list[Row]:
    """The task instances of a run that failed themselves, up to so many."""
    query = (
        select(_task.task_id, _task.map_index)
        .where(_task.run == number, _task.state == TaskState.FAILED)
        .order_by(_task.task_id, _task.map_index)
        .limit(most)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


@dataclass(frozen=True, slots=True)
class Passed:
    """How the instances of one task passed: of all of them together, and of those that are shown."""

    states: Mapping[str, int]
    start: int | None
    end: int | None
    """When the last of them that is over ended."""
    shown: list[Row]
    """Instances with `tries`: those that tell most, by their index."""


def tasks_passed(connection: Connection, number: int, most: int) -> dict[str, Passed]:
    """The tasks of a run; of each at most so many instances: those that failed, that are not over, and that ended last.

    Costs four queries, however many tasks and tries there are.
    """
    tries = _tries(connection, number, most)
    shown: dict[str, list[Row]] = {}
    for row in connection.execute(select(_chosen(number, most))).mappings():
        key = (row["task_id"], row["map_index"])
        shown.setdefault(row["task_id"], []).append({**row, "tries": tries.get(key, [])})
    states: dict[str, dict[str, int]] = {}
    spans: dict[str, tuple[int | None, int | None]] = {}
    counted = select(_task.task_id, _task.state, func.count()).where(_task.run == number)
    for task_id, state, count in connection.execute(counted.group_by(_task.task_id, _task.state)):
        states.setdefault(task_id, {})[state] = count
    spanned = select(_task.task_id, func.min(_task.start_date), func.max(_task.end_date)).where(_task.run == number)
    for task_id, start, end in connection.execute(spanned.group_by(_task.task_id)):
        spans[task_id] = (start, end)
    return {
        task_id: Passed(
            states[task_id], *spans[task_id], sorted(shown.get(task_id, []), key=lambda row: row["map_index"])
        )
        for task_id in states
    }


_SHOWN = (
    _task.task_id, _task.map_index, _task.state, _task.try_number, _task.scheduled_at, _task.queued_at,
    _task.start_date, _task.end_date, _task.not_before, _task.rendered_map_index, _task.reason,
)  # fmt: skip


def _chosen(number: int, most: int):  # type: ignore[no-untyped-def]  # a subquery has no type worth writing
    """Of each task of a run the instances that are shown."""
    failed = case((_task.state.in_(sorted(FAILED_STATES)), 0), (_task.end_date.is_(None), 1), else_=2)
    place = func.row_number().over(
        partition_by=_task.task_id,
        order_by=(failed, func.coalesce(_task.end_date, 0).desc(), _task.map_index),
    )
    ranked = select(*_SHOWN, place.label("place")).where(_task.run == number).subquery()
    return select(*(column for column in ranked.c if column.name != "place")).where(ranked.c.place <= most).subquery()


def _tries(connection: Connection, number: int, most: int) -> dict[tuple[str, int], list[Row]]:
    """The tries of the instances that are shown; one that had several legs is as its last one, from its first start."""
    chosen = _chosen(number, most)
    of_try = (_attempt.task_id, _attempt.map_index, _attempt.try_number)
    legs = (
        select(
            *of_try,
            _attempt.state,
            _attempt.reason,
            _attempt.worker,
            _attempt.ended_at,
            func.min(_attempt.assigned_at).over(partition_by=of_try).label("assigned_at"),
            func.min(_attempt.started_at).over(partition_by=of_try).label("started_at"),
            func.row_number().over(partition_by=of_try, order_by=_attempt.leg.desc()).label("place"),
        )
        .join(
            chosen,
            and_(chosen.c.task_id == _attempt.task_id, chosen.c.map_index == _attempt.map_index),
        )
        .where(_attempt.run == number)
        .subquery()
    )
    query = select(legs).where(legs.c.place == 1).order_by(legs.c.task_id, legs.c.map_index, legs.c.try_number)
    found: dict[tuple[str, int], list[Row]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault((row["task_id"], row["map_index"]), []).append(dict(row))
    return found
