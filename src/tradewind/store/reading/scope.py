"""Which Dags a reader may see, said in SQL, so that what they may not see is never fetched or counted."""

from __future__ import annotations

import json
from collections.abc import Collection

from sqlalchemy import ColumnElement, Connection, Select, false, func, literal, or_, select, true

from tradewind.core.access import DagScope
from tradewind.store import tables as t


def escaped(text: str) -> str:
    """Text to be found literally by LIKE with `\\` as its escape character."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def visible_dags(scope: DagScope) -> ColumnElement[bool]:
    """A condition on `dag` rows."""
    if scope.everything:
        return true()
    parts: list[ColumnElement[bool]] = []
    if scope.ids:
        parts.append(t.dag.c.dag_id.in_(sorted(scope.ids)))
    parts += [_has_tag(tag) for tag in sorted(scope.tags)]
    parts += [func.substr(t.dag.c.file, 1, len(folder) + 1) == f"{folder}/" for folder in sorted(scope.folders)]
    return or_(*parts) if parts else false()


def _has_tag(tag: str) -> ColumnElement[bool]:
    """Tags are stored as a JSON list: a tag in its quotes, between the signs of the list, is found where it is one.

    Not by LIKE, to which SQLite's letters are the same in upper and lower case.
    """
    listed = literal(" ") + func.substr(t.dag.c.tags, 2, func.length(t.dag.c.tags) - 2) + literal(",")
    return func.replace(listed, f" {json.dumps(tag)},", "") != listed


def in_scope(dag_id: ColumnElement[str], scope: DagScope) -> ColumnElement[bool]:
    """A condition on any column that holds ids of Dags."""
    if scope.everything:
        return true()
    return dag_id.in_(visible_ids(scope))


def visible_ids(scope: DagScope) -> Select[tuple[str]]:
    """The ids of the Dags in the scope."""
    return select(t.dag.c.dag_id).where(visible_dags(scope))


def ids_among(connection: Connection, scope: DagScope, dag_ids: Collection[str]) -> set[str]:
    """Which of these Dags are in the scope."""
    query = select(t.dag.c.dag_id).where(t.dag.c.dag_id.in_(sorted(dag_ids)), visible_dags(scope))
    return set(connection.execute(query).scalars()) if dag_ids else set()
