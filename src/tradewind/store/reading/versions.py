"""Versions of Dags, as people look at them."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, false, select, true

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.scope import in_scope

_version = t.dag_version.c
_SHOWN = (_version.id, _version.dag_id, _version.number, _version.created_at)
SORTABLE: Sortable = {
    "id": _version.id,
    "version_number": _version.number,
    "dag_id": _version.dag_id,
    "created_at": _version.created_at,
}


def versions_by_id(connection: Connection, ids: Collection[str]) -> dict[str, Row]:
    """The rows of these versions by their ids, without the Dag and the source that they stand for."""
    query = select(*_SHOWN).where(_version.id.in_(sorted(ids)))
    return {row["id"]: dict(row) for row in connection.execute(query).mappings()}


def versions_listed(
    connection: Connection, scope: DagScope, page: Page, *, dag_id: str | None, number: int | None,
    nothing: bool = False,
) -> Listed:  # fmt: skip
    """Versions of one Dag, or of all in the scope, each with the newest version of its Dag as `dag_version_now`.

    `nothing`: something was asked for that no version here has.
    """
    query = (
        select(*_SHOWN, t.dag.c.version.label("dag_version_now"))
        .join(t.dag, t.dag.c.dag_id == _version.dag_id, isouter=True)
        .where(
            in_scope(_version.dag_id, scope),
            _version.dag_id == dag_id if dag_id is not None else true(),
            _version.number == number if number is not None else true(),
            false() if nothing else true(),
        )
    )
    return paged(connection, query, page, SORTABLE, key=(_version.dag_id, _version.number), default=("version_number",))


def version_named(connection: Connection, dag_id: str, number: int | None) -> Row | None:
    """One version of a Dag; without a number the one that it goes by now."""
    query = select(*_SHOWN, _version.source).where(_version.dag_id == dag_id)
    if number is not None:
        query = query.where(_version.number == number)
    else:
        query = query.join(t.dag, t.dag.c.version == _version.id)
    found = connection.execute(query).mappings().first()
    return dict(found) if found else None


def source_text(connection: Connection, digest: str) -> str | None:
    """The text of a Dag file, as it was when it had this digest; None where it is not kept."""
    found = connection.execute(select(t.source.c.text).where(t.source.c.digest == digest)).scalar()
    return None if found is None else bytes(found).decode(errors="replace")
