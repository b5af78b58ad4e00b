"""A Dag's past: runs that are over with how long they took, how many of which result at which time, its backfills."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, and_, case, func, or_, select

from tradewind.store import tables as t
from tradewind.store.paging import Row

SLICE_US = 900_000_000
"""Runs are counted by quarters of an hour: clocks of every zone are whole quarters apart from UTC."""
_run, _task = t.run.c, t.task_instance.c


def newest_runs(connection: Connection, dag_id: str, most: int, states: Sequence[str] = ()) -> list[Row]:
    """The newest runs of a Dag (those in these states), oldest first."""
    query = select(
        _run.number, _run.run_id, _run.run_type, _run.state, _run.run_after, _run.logical_date, _run.queued_at,
        _run.start_date, _run.end_date, _run.version, _run.reason,
    ).where(_run.dag_id == dag_id)  # fmt: skip
    if states:
        query = query.where(_run.state.in_(states))
    rows = connection.execute(query.order_by(_run.number.desc()).limit(most)).mappings()
    return [dict(row) for row in rows][::-1]


def first_failures(connection: Connection, numbers: Sequence[int]) -> dict[int, Row]:
    """Of each of these runs the task that failed first, where one did."""
    query = (
        select(_task.run, _task.task_id, _task.map_index, _task.reason, _task.end_date)
        .where(_task.run.in_(numbers), _task.state == "failed")
        .order_by(_task.run, _task.end_date.desc(), _task.task_id.desc(), _task.map_index.desc())
    )
    return {row["run"]: dict(row) for row in connection.execute(query).mappings()} if numbers else {}


def task_lengths(connection: Connection, numbers: Sequence[int]) -> list[tuple[int, str, int]]:
    """(run, task, microseconds) of tasks that are over, from the first start to the last end of their instances."""
    query = (
        select(_task.run, _task.task_id, func.max(_task.end_date) - func.min(_task.start_date))
        .where(_task.run.in_(numbers), _task.state.in_(("success", "failed")), _task.start_date.is_not(None),
               _task.end_date.is_not(None))
        .group_by(_task.run, _task.task_id)
    )  # fmt: skip
    return [(row[0], row[1], row[2]) for row in connection.execute(query)] if numbers else []


def runs_by_time(connection: Connection, dag_id: str, since: int, until: int) -> list[tuple[int, str, int]]:
    """(quarter of an hour, state, how many runs) by where runs stand, from `since` to before `until`."""
    place = t.run_place
    query = (
        select((place // SLICE_US).label("slice"), _run.state, func.count())
        .where(_run.dag_id == dag_id, place >= since, place < until)
        .group_by("slice", _run.state)
        .order_by("slice", _run.state)
    )
    return [(int(row[0]) * SLICE_US, row[1], row[2]) for row in connection.execute(query)]


def backfills_with_progress(connection: Connection, dag_id: str, most: int) -> list[Row]:
    """The newest backfills of a Dag, newest first, each with how many dates it has and what has become of them."""
    slot, dated = t.backfill_run.c, t.run.c
    is_over = or_(slot.action == "leave", dated.state.in_(("success", "failed")))

    def count(*conditions: ColumnElement[bool]) -> ColumnElement[int]:
        return func.coalesce(func.sum(case((and_(*conditions), 1), else_=0)), 0)

    rows = [
        dict(row)
        for row in connection.execute(
            select(t.backfill).where(t.backfill.c.dag_id == dag_id).order_by(t.backfill.c.id.desc()).limit(most)
        ).mappings()
    ]
    query = (
        select(
            slot.backfill,
            func.count().label("dates"),
            count(slot.is_done, is_over).label("done"),
            count(slot.action == "leave").label("left"),
            count(slot.is_done, dated.state == "failed", slot.action != "leave").label("failed"),
            count(slot.is_done, dated.state.in_(("queued", "running"))).label("open"),
        )
        .select_from(t.backfill_run.join(t.run, dated.number == slot.run, isouter=True))
        .where(slot.backfill.in_([row["id"] for row in rows]))
        .group_by(slot.backfill)
    )
    counts = {row["backfill"]: dict(row) for row in connection.execute(query).mappings()} if rows else {}
    none = {"dates": 0, "done": 0, "left": 0, "failed": 0, "open": 0}
    return [{**row, **counts.get(row["id"], none)} for row in rows]
