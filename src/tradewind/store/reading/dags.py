"""Dags, as people look at them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Boolean, Connection, Select, and_, exists, literal, or_, select, type_coerce

from tradewind.core.access import DagFacts, DagScope
from tradewind.core.dag import DagSpec
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.scope import escaped, visible_dags
from tradewind.store.specs import decode_spec

SORTABLE: Sortable = {
    "dag_id": t.dag.c.dag_id,
    "dag_display_name": t.dag.c.dag_id,
    "next_dagrun": t.dag.c.next_run_after,
    "is_paused": t.dag.c.is_paused,
    "is_stale": t.dag.c.is_stale,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DagFilter:
    """Which Dags; a field that is None or empty asks for nothing."""

    dag_id_pattern: str | None = None
    """With `%` and `_` as LIKE has them; `|` between alternatives. Upper and lower case are the same."""
    dag_id_prefix: str | None = None
    tags: Sequence[str] = ()
    every_tag: bool = False
    """All of `tags` rather than any."""
    owners: Sequence[str] = ()
    paused: bool | None = None
    stale: bool | None = False
    has_import_errors: bool | None = None
    ids: Sequence[str] | None = field(default=None)


def dag_facts(connection: Connection, dag_id: str) -> DagFacts | None:
    """What rights on a Dag are decided by; None where there is no such Dag."""
    found = connection.execute(select(t.dag.c.tags, t.dag.c.file).where(t.dag.c.dag_id == dag_id)).first()
    return DagFacts(dag_id, frozenset(json.loads(found[0])), found[1]) if found else None


def dags_listed(connection: Connection, scope: DagScope, wanted: DagFilter, page: Page) -> Listed:
    """Dag rows in the scope, each with when its file was parsed and whether that went wrong."""
    query = _dags().where(visible_dags(scope), *conditions(wanted))
    return paged(connection, query, page, SORTABLE, key=(t.dag.c.dag_id,), default=("dag_id",))


def dag_named(connection: Connection, dag_id: str) -> Row | None:
    """The row of one Dag, as in the list."""
    found = connection.execute(_dags().where(t.dag.c.dag_id == dag_id)).mappings().first()
    return dict(found) if found else None


def spec_of_version(connection: Connection, version: str) -> DagSpec:
    """The Dag as this version has it."""
    stored = connection.execute(select(t.dag_version.c.spec).where(t.dag_version.c.id == version)).scalar_one()
    return decode_spec(stored)


def _dags() -> Select[Any]:
    broken = exists().where(t.import_error.c.file == t.dag.c.file)
    parsed = (t.dag_file.c.parsed_at, t.dag_file.c.seconds.label("parse_seconds"))
    return select(t.dag, *parsed, type_coerce(broken, Boolean).label("has_import_errors")).join(
        t.dag_file, t.dag_file.c.file == t.dag.c.file, isouter=True
    )


def conditions(wanted: DagFilter) -> list[Any]:
    """What a filter asks of `dag` rows."""
    dag = t.dag.c
    found: list[Any] = []
    if wanted.stale is not None:
        found.append(dag.is_stale.is_(wanted.stale))
    if wanted.paused is not None:
        found.append(dag.is_paused.is_(wanted.paused))
    if wanted.ids is not None:
        found.append(dag.dag_id.in_(wanted.ids))
    if wanted.dag_id_pattern:
        found.append(like_any(dag.dag_id, wanted.dag_id_pattern))
    if wanted.dag_id_prefix:
        found.append(dag.dag_id.like(f"{escaped(wanted.dag_id_prefix)}%", escape="\\"))
    if wanted.tags:
        each = [dag.tags.like(f"%{escaped(json.dumps(tag))}%", escape="\\") for tag in wanted.tags]
        found.append(and_(*each) if wanted.every_tag else or_(*each))
    if wanted.owners:
        listed = literal(", ") + dag.owners + literal(", ")
        found.append(or_(*(listed.like(f"%, {escaped(owner)}, %", escape="\\") for owner in wanted.owners)))
    if wanted.has_import_errors is not None:
        broken = exists().where(t.import_error.c.file == dag.file)
        found.append(broken if wanted.has_import_errors else ~broken)
    return found


def like_any(column: Any, pattern: str) -> Any:
    """A column that holds the pattern, or any of several with `|` between them: `%` and `_` are LIKE's, and a pattern
    without them is found anywhere."""
    parts = [part.strip() for part in pattern.split("|") if part.strip()]
    return or_(*(column.ilike(f"%{part}%", escape="\\") for part in parts))
