"""Files that could not be read, as people look at them."""

from __future__ import annotations

from sqlalchemy import Connection, exists, select

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.scope import visible_dags


def import_errors_seen(connection: Connection, scope: DagScope, most: int) -> list[Row]:
    """The newest errors of files all of whose known Dags are in the scope: an error shows source of the whole file."""
    error = t.import_error.c
    query = select(error.file, error.line, error.message, error.at).order_by(error.at.desc(), error.file).limit(most)
    if not scope.everything:
        mine = exists().where(t.dag.c.file == error.file, visible_dags(scope))
        others = exists().where(t.dag.c.file == error.file, ~visible_dags(scope))
        query = query.where(mine, ~others)
    return [dict(row) for row in connection.execute(query).mappings()]
