"""One task instance with its tries, as people look at it."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from tradewind.core.states import TaskState
from tradewind.store import tables as t
from tradewind.store.paging import Row


def instance_named(
    connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int | None = None
) -> tuple[Row, Row, int] | None:
    """(run, task instance, how many instances the task has in that run). Without an index: the first of them."""
    task, run = t.task_instance.c, t.run.c
    row = connection.execute(select(t.run).where(run.dag_id == dag_id, run.run_id == run_id)).mappings().first()
    if row is None:
        return None
    mine = (task.run == row["number"], task.task_id == task_id)
    count = connection.execute(select(func.count()).where(*mine)).scalar() or 0
    query = select(t.task_instance).where(*mine).order_by(task.map_index).limit(1)
    if map_index is not None:
        query = query.where(task.map_index == map_index)
    found = connection.execute(query).mappings().first()
    return (dict(row), dict(found), count) if found else None


def tries_of(connection: Connection, run: int, task_id: str, map_index: int) -> list[Row]:
    """The attempts of a task instance by number; where one has several legs the last, with the start of the first."""
    attempt = t.attempt.c
    query = select(t.attempt).where(attempt.run == run, attempt.task_id == task_id, attempt.map_index == map_index)
    tries: dict[int, Row] = {}
    for row in connection.execute(query.order_by(attempt.try_number, attempt.leg)).mappings():
        began = tries.get(row["try_number"])
        tries[row["try_number"]] = {**row, "started_at": began["started_at"] if began else row["started_at"]}
    return list(tries.values())


def kin_of(connection: Connection, run: int, task_id: str) -> list[tuple[int, str]]:
    """The indexes of all instances of a task in a run, in order, with their states."""
    task = t.task_instance.c
    query = select(task.map_index, task.state).where(task.run == run, task.task_id == task_id)
    return [(row.map_index, row.state) for row in connection.execute(query.order_by(task.map_index))]


MOST_RUNS_BACK = 1000
"""Runs in which the last success of a task is looked for."""


def last_success(connection: Connection, run: Row, task_id: str, map_index: int) -> tuple[Row, Row] | None:
    """(run, task instance) where the same task succeeded last before this run; None where it has not in a long time."""
    task, other = t.task_instance.c, t.run.c
    before = (
        select(t.run)
        .where(other.dag_id == run["dag_id"], other.number < run["number"])
        .order_by(other.number.desc())
        .limit(MOST_RUNS_BACK)
        .subquery()
    )
    query = (
        select(t.task_instance)
        .join(before, before.c.number == task.run)
        .where(task.task_id == task_id, task.map_index == map_index, task.state == TaskState.SUCCESS)
        .order_by(task.run.desc())
        .limit(1)
    )
    found = connection.execute(query).mappings().first()
    if found is None:
        return None
    its_run = connection.execute(select(t.run).where(other.number == found["run"])).mappings().one()
    return dict(its_run), dict(found)
