"""The installation's processes, as people look at them."""

from __future__ import annotations

from sqlalchemy import Connection, select

from tradewind.store import tables as t
from tradewind.store.paging import Row


def schedulers_and_workers(connection: Connection) -> tuple[str | None, list[Row]]:
    """Who has or had the owner's lease last, and every worker that was ever here, by name."""
    holder = connection.execute(select(t.owner.c.holder)).scalar()
    workers = connection.execute(select(t.worker.c.name, t.worker.c.joined_at).order_by(t.worker.c.name))
    return holder or None, [dict(row) for row in workers.mappings()]
