"""Versions of Dags, as people look at them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from tradewind.store import tables as t
from tradewind.store.paging import Row


def versions_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Row]:
    """The rows of these versions by their ids, without the Dag and the source that they stand for."""
    version = t.dag_version.c
    query = select(version.id, version.dag_id, version.number, version.created_at).where(version.id.in_(sorted(ids)))
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}
