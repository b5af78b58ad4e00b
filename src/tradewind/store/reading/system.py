"""The installation's processes, as people look at them."""

from __future__ import annotations

from sqlalchemy import Connection, func, select, true

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.filters import is_one_of
from tradewind.store.reading.scope import in_scope, visible_dags


def schedulers_and_workers(connection: Connection) -> tuple[str | None, list[Row]]:
    """Who has or had the owner's lease last, and every worker that was ever here, by name."""
    holder = connection.execute(select(t.owner.c.holder)).scalar()
    workers = connection.execute(select(t.worker.c.name, t.worker.c.joined_at).order_by(t.worker.c.name))
    return holder or None, [dict(row) for row in workers.mappings()]


def known_workers(connection: Connection) -> list[Row]:
    """Every worker that was ever here, by name."""
    return [dict(row) for row in connection.execute(select(t.worker).order_by(t.worker.c.name)).mappings()]


def owner_row(connection: Connection) -> tuple[str, int]:
    """Who has or had the owner's lease last, and its epoch."""
    row = connection.execute(select(t.owner.c.holder, t.owner.c.epoch)).first()
    return (row.holder, row.epoch) if row else ("", 0)


def active_attempts(connection: Connection, most: int) -> list[Row]:
    """Attempts that hold slots, those that began first before the others, with their Dag and run."""
    attempt = t.attempt.c
    query = (
        select(t.attempt, t.run.c.dag_id, t.run.c.run_id)
        .join(t.run, t.run.c.number == attempt.run)
        .where(is_one_of(attempt.state, "assigned", "running"))
        .order_by(func.coalesce(attempt.started_at, attempt.assigned_at), attempt.id)
    )
    return [dict(row) for row in connection.execute(query.limit(most)).mappings()]


def deferred_waits(connection: Connection, scope: DagScope) -> list[Row]:
    """Deferred tasks in the scope that wait, by the trigger that they wait for."""
    held = t.deferral.c
    query = (
        select(held.classpath, func.count().label("count"), func.min(held.created_at).label("since"))
        .join(t.run, t.run.c.number == held.run)
        .where(held.is_answered.is_(False), in_scope(t.run.c.dag_id, scope))
        .group_by(held.classpath)
        .order_by(func.count().desc(), held.classpath)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


_SLOWEST: Sortable = {"seconds": t.dag_file.c.seconds}


def files_parsed(connection: Connection, scope: DagScope, most: int) -> Listed:
    """Files that were parsed and hold some Dag of the scope, slowest first."""
    mine = select(t.dag.c.file).where(t.dag.c.file == t.dag_file.c.file, visible_dags(scope)).exists()
    query = select(t.dag_file).where(true() if scope.everything else mine)
    page = Page(limit=most, order_by=("-seconds",))
    return paged(connection, query, page, _SLOWEST, key=(t.dag_file.c.file,), default=("-seconds",))
