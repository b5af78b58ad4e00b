"""Problems of Dag files, as people look at them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, and_, exists, func, not_, or_, select, true

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import like_any
from tradewind.store.reading.scope import escaped, in_scope, visible_dags

E = t.import_error.c
SORTABLE: Sortable = {
    "id": E.file,  # the number is a hash; what belongs together stands together
    "import_error_id": E.file,
    "timestamp": E.at,
    "filename": E.file,
    "stack_trace": E.traceback,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFilter:
    """Which errors; a field that is None asks for nothing."""

    file: str | None = None
    pattern: str | None = None
    prefix: str | None = None


def import_errors_listed(connection: Connection, scopes: Sequence[DagScope], wanted: ErrorFilter, page: Page) -> Listed:
    """Errors of the files of which each scope has every Dag."""
    query = select(t.import_error).where(*map(_whole_file, scopes))
    if wanted.file is not None:
        query = query.where(E.file == wanted.file)
    if wanted.pattern:
        query = query.where(like_any(E.file, wanted.pattern))
    if wanted.prefix:
        query = query.where(E.file.like(f"{escaped(wanted.prefix)}%", escape="\\"))
    return paged(connection, query, page, SORTABLE, key=(E.file, E.position), default=("id",))


def import_errors_known(connection: Connection, scopes: Sequence[DagScope]) -> list[Row]:
    """File and position of all of them."""
    query = select(E.file, E.position).where(*map(_whole_file, scopes)).order_by(E.file, E.position)
    return [dict(row) for row in connection.execute(query).mappings()]


def import_error_at(connection: Connection, file: str, position: int) -> Row | None:
    query = select(t.import_error).where(E.file == file, E.position == position)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def dags_of_files(connection: Connection, scope: DagScope, files: Collection[str]) -> dict[str, list[Row]]:
    """By file, the Dags of the scope that it has defined and that are still there."""
    query = (
        select(t.dag.c.file, t.dag.c.dag_id, t.dag.c.is_paused)
        .where(t.dag.c.file.in_(sorted(files)), t.dag.c.is_stale.is_(False), visible_dags(scope))
        .order_by(t.dag.c.dag_id)
    )
    found: dict[str, list[Row]] = {}
    for row in connection.execute(query).mappings():
        found.setdefault(row["file"], []).append(dict(row))
    return found


def _whole_file(scope: DagScope) -> ColumnElement[bool]:
    """Whether a scope has all of a file: its traceback shows the code of every Dag in it.

    A file that defines no Dag that anybody has ever seen belongs to those alone who have its folder, or everything.
    """
    if scope.everything:
        return true()
    folders = [func.substr(E.file, 1, len(folder) + 1) == f"{folder}/" for folder in sorted(scope.folders)]
    mine = t.dag.c.file == E.file
    has_dags = exists().where(mine)
    hidden = exists().where(mine, not_(visible_dags(scope)))
    named = or_(E.dag_id == "", in_scope(E.dag_id, scope))
    # Another error of the same file may name a Dag that is not among the known ones.
    other = t.import_error.alias("other")
    unseen = exists().where(other.c.file == E.file, other.c.dag_id != "", not_(in_scope(other.c.dag_id, scope)))
    return or_(*folders, and_(has_dags, not_(hidden), named, not_(unseen)))
