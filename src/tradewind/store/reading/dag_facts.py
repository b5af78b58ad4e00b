"""Tags, counts and warnings of Dags, as people look at them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select, true

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.scope import in_scope, visible_dags


def tags_used(connection: Connection, scope: DagScope) -> set[str]:
    """Every tag of a Dag in the scope that some file defines."""
    query = select(t.dag.c.tags).distinct().where(visible_dags(scope), t.dag.c.is_stale.is_(False))
    return {tag for tags in connection.execute(query).scalars() for tag in json.loads(tags)}


def run_counts(
    connection: Connection, scope: DagScope, dag_ids: Sequence[str]
) -> list[tuple[str, str, Mapping[str, int]]]:
    """For each Dag in the scope, or of these alone: its id, its version, and how many runs it has in which state."""
    named = t.dag.c.dag_id.in_(dag_ids) if dag_ids else t.dag.c.is_stale.is_(False)
    dags = connection.execute(
        select(t.dag.c.dag_id, t.dag.c.version).where(visible_dags(scope), named).order_by(t.dag.c.dag_id)
    ).all()
    counts: dict[str, dict[str, int]] = {dag_id: {} for dag_id, _ in dags}
    query = select(t.run.c.dag_id, t.run.c.state, func.count()).where(
        in_scope(t.run.c.dag_id, scope), t.run.c.dag_id.in_(dag_ids) if dag_ids else true()
    )
    for dag_id, state, count in connection.execute(query.group_by(t.run.c.dag_id, t.run.c.state)):
        if dag_id in counts:
            counts[dag_id][state] = count
    return [(dag_id, version, counts[dag_id]) for dag_id, version in dags]


def pools_known(connection: Connection) -> set[str]:
    """The names of all pools."""
    return set(connection.execute(select(t.pool.c.name)).scalars())


def dags_with_dates(connection: Connection, scope: DagScope, dag_id: str | None) -> list[Row]:
    """Id, version and the moment of its file's last parse of every Dag in the scope that some file defines."""
    query = (
        select(t.dag.c.dag_id, t.dag.c.version, func.coalesce(t.dag_file.c.parsed_at, t.dag.c.updated_at).label("at"))
        .join(t.dag_file, t.dag_file.c.file == t.dag.c.file, isouter=True)
        .where(visible_dags(scope), t.dag.c.is_stale.is_(False), t.dag.c.dag_id == dag_id if dag_id else true())
    )
    return [dict(row) for row in connection.execute(query.order_by(t.dag.c.dag_id)).mappings()]
