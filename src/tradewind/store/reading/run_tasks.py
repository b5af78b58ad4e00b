"""How the tasks of one run fare, each with all its instances."""

from __future__ import annotations

from collections import defaultdict

from sqlalchemy import Connection, func, select

from tradewind.store import tables as t
from tradewind.store.paging import Row


def newest_run(connection: Connection, dag_id: str) -> Row | None:
    """The run of a Dag that was made last."""
    query = select(t.run).where(t.run.c.dag_id == dag_id).order_by(t.run.c.number.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def task_states(connection: Connection, run: int) -> dict[str, list[Row]]:
    """By task: for each state that instances are in how many, when the first began, when the last ended, which try."""
    task = t.task_instance.c
    query = (
        select(
            task.task_id, task.state, func.count().label("count"), func.min(task.start_date).label("start"),
            func.max(task.end_date).label("end"), func.max(task.try_number).label("try_number"),
        )
        .where(task.run == run)
        .group_by(task.task_id, task.state)
    )  # fmt: skip
    found: dict[str, list[Row]] = defaultdict(list)
    for row in connection.execute(query).mappings():
        found[row["task_id"]].append(dict(row))
    return found
