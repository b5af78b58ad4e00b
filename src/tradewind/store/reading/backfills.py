"""Backfills, as people look at them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.scope import in_scope

SORTABLE: Sortable = {
    name: t.backfill.c[name] for name in ("id", "dag_id", "from_date", "to_date", "created_at", "completed_at")
}


def backfills_listed(connection: Connection, scope: DagScope, dag_id: str | None, page: Page) -> Listed:
    """Backfills of a Dag, or without one of every Dag in the scope."""
    query = select(t.backfill).where(in_scope(t.backfill.c.dag_id, scope))
    if dag_id is not None:
        query = query.where(t.backfill.c.dag_id == dag_id)
    return paged(connection, query, page, SORTABLE, key=(t.backfill.c.id,), default=("id",))


def backfill_numbered(connection: Connection, number: int) -> Row | None:
    row = connection.execute(select(t.backfill).where(t.backfill.c.id == number)).mappings().first()
    return dict(row) if row else None
