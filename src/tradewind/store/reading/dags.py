"""Dags, as people look at them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    Connection,
    Select,
    and_,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
)

from tradewind.core.access import DagFacts, DagScope
from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.filters import like_any as like_any
from tradewind.store.reading.filters import starts_any
from tradewind.store.reading.ranges import UNBOUNDED, Bounds
from tradewind.store.reading.scope import escaped, visible_dags
from tradewind.store.specs import decode_spec

_last = t.run.alias("last_run")
"""The run of a Dag that was made last."""

SORTABLE: Sortable = {
    "dag_id": t.dag.c.dag_id,
    "dag_display_name": t.dag.c.dag_id,
    "next_dagrun": t.dag.c.next_run_after,
    "is_paused": t.dag.c.is_paused,
    "is_stale": t.dag.c.is_stale,
    "last_run_state": _last.c.state,
    "last_run_start_date": _last.c.start_date,
}
MOST_IDS = 30_000
"""Ids that one statement may name."""


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
    last_states: Sequence[str] = ()
    """Of the run that was made last, as `last_start` and `last_end` are."""
    last_start: Bounds = UNBOUNDED
    last_end: Bounds = UNBOUNDED
    favorite: bool | None = None
    """Whether `whose` has it among their favourites."""
    whose: str = ""
    nothing: bool = False
    """Something was asked for that no Dag here can have."""
    ids: Sequence[str] | None = field(default=None)
    text: str = ""
    """Found in the id, a tag or an owner."""


def dag_facts(connection: Connection, dag_id: str) -> DagFacts | None:
    """What rights on a Dag are decided by; None where there is no such Dag."""
    found = connection.execute(select(t.dag.c.tags, t.dag.c.file).where(t.dag.c.dag_id == dag_id)).first()
    return DagFacts(dag_id, frozenset(json.loads(found[0])), found[1]) if found else None


def facts_of_dags(connection: Connection, dag_ids: Collection[str]) -> dict[str, DagFacts]:
    """The same for several, as far as there are such Dags."""
    row = t.dag.c
    query = select(row.dag_id, row.tags, row.file).where(row.dag_id.in_(sorted(dag_ids)))
    return {
        each.dag_id: DagFacts(each.dag_id, frozenset(json.loads(each.tags)), each.file)
        for each in connection.execute(query)
    }


def dags_listed(connection: Connection, scope: DagScope, wanted: DagFilter, page: Page) -> Listed:
    """Dag rows in the scope, each with when its file was parsed and whether that went wrong."""
    query = _dags().where(visible_dags(scope), *conditions(wanted))
    if _looks_at_runs(wanted) or any(name.removeprefix("-").startswith("last_run") for name in page.order_by):
        query = _with_last_run(query)
    return paged(connection, query, page, SORTABLE, key=(t.dag.c.dag_id,), default=("dag_id",))


def dag_versions_matching(connection: Connection, scope: DagScope, wanted: DagFilter) -> list[tuple[str, str]]:
    """Id and newest version of every Dag in the scope that is wanted."""
    query = select(t.dag.c.dag_id, t.dag.c.version).select_from(t.dag)
    query = query.where(visible_dags(scope), *conditions(wanted))
    if _looks_at_runs(wanted):
        query = _with_last_run(query)
    return [(row.dag_id, row.version) for row in connection.execute(query.order_by(t.dag.c.dag_id))]


def dag_named(connection: Connection, dag_id: str) -> Row | None:
    """The row of one Dag, as in the list."""
    found = connection.execute(_dags().where(t.dag.c.dag_id == dag_id)).mappings().first()
    return dict(found) if found else None


def dags_of_file(connection: Connection, file: str) -> list[str]:
    """The ids of the Dags that a file defines, or did."""
    return list(connection.execute(select(t.dag.c.dag_id).where(t.dag.c.file == file)).scalars())


def dag_files(connection: Connection) -> list[str]:
    """The files that were parsed, relative to the Dags folder."""
    return list(connection.execute(select(t.dag_file.c.file).order_by(t.dag_file.c.file)).scalars())


def token_key(connection: Connection) -> bytes:
    """What tokens of this installation are made with: it stays the same, and is shown to nobody."""
    return str(connection.execute(select(t.owner.c.server_id)).scalar() or "").encode()[:64]


def is_favorite(connection: Connection, username: str, dag_id: str) -> bool:
    """Whether somebody has this Dag among their favourites."""
    mine = t.favorite.c.username == username, t.favorite.c.dag_id == dag_id
    return connection.execute(select(t.favorite.c.dag_id).where(*mine)).first() is not None


def versions_now(connection: Connection, dag_ids: Collection[str]) -> list[tuple[str, str]]:
    """(dag_id, version) of these Dags, of those that there are."""
    query = select(t.dag.c.dag_id, t.dag.c.version).where(t.dag.c.dag_id.in_(sorted(dag_ids)))
    return [tuple(row) for row in connection.execute(query)]


def spec_of_version(connection: Connection, version: str) -> DagSpec:
    """The Dag as this version has it."""
    stored = connection.execute(select(t.dag_version.c.spec).where(t.dag_version.c.id == version)).scalar_one()
    return decode_spec(stored)


def encoded_specs(connection: Connection, versions: Sequence[str]) -> dict[str, bytes]:
    """The stored text of these versions, of those that there are."""
    version = t.dag_version.c
    query = select(version.id, version.spec).where(version.id.in_(versions))
    return {row.id: row.spec for row in connection.execute(query)}


def _dags() -> Select[Any]:
    broken = exists().where(t.import_error.c.file == t.dag.c.file)
    parsed = (t.dag_file.c.parsed_at, t.dag_file.c.seconds.label("parse_seconds"))
    return select(t.dag, *parsed, type_coerce(broken, Boolean).label("has_import_errors")).join(
        t.dag_file, t.dag_file.c.file == t.dag.c.file, isouter=True
    )


def _looks_at_runs(wanted: DagFilter) -> bool:
    return bool(wanted.last_states) or wanted.last_start != UNBOUNDED or wanted.last_end != UNBOUNDED


def _with_last_run(query: Select[Any]) -> Select[Any]:
    newest = select(func.max(t.run.c.number)).where(t.run.c.dag_id == t.dag.c.dag_id).correlate(t.dag)
    return query.join(_last, _last.c.number == newest.scalar_subquery(), isouter=True)


def conditions(wanted: DagFilter) -> list[Any]:
    """What a filter asks of `dag` rows."""
    dag = t.dag.c
    found: list[Any] = [false()] if wanted.nothing else []
    if wanted.stale is not None:
        found.append(dag.is_stale.is_(wanted.stale))
    if wanted.paused is not None:
        found.append(dag.is_paused.is_(wanted.paused))
    if wanted.ids is not None:
        if len(wanted.ids) > MOST_IDS:
            raise InvalidInput(f"What you look for is in {len(wanted.ids)} Dags; narrow it down, for example by a tag.")
        found.append(dag.dag_id.in_(wanted.ids))
    if wanted.dag_id_pattern and wanted.dag_id_pattern != "~":
        found.append(like_any(dag.dag_id, wanted.dag_id_pattern))
    if wanted.text:
        inside = f"%{escaped(wanted.text)}%"
        tagged = f"%{escaped(json.dumps(wanted.text)[1:-1])}%"
        found.append(
            or_(
                dag.dag_id.ilike(inside, escape="\\"),
                dag.owners.ilike(inside, escape="\\"),
                dag.tags.ilike(tagged, escape="\\"),
            )
        )
    if wanted.dag_id_prefix:
        found.append(starts_any(dag.dag_id, wanted.dag_id_prefix))
    if wanted.tags:
        each = [dag.tags.like(f"%{escaped(json.dumps(tag))}%", escape="\\") for tag in wanted.tags]
        found.append(and_(*each) if wanted.every_tag else or_(*each))
    if wanted.owners:
        listed = literal(", ") + dag.owners + literal(", ")
        found.append(or_(*(listed.like(f"%, {escaped(owner)}, %", escape="\\") for owner in wanted.owners)))
    if wanted.has_import_errors is not None:
        broken = exists().where(t.import_error.c.file == dag.file)
        found.append(broken if wanted.has_import_errors else ~broken)
    if wanted.last_states:
        found.append(_last.c.state.in_(wanted.last_states))
    found += [*wanted.last_start.of(_last.c.start_date), *wanted.last_end.of(_last.c.end_date)]
    if wanted.favorite is not None:
        mine = exists().where(t.favorite.c.username == wanted.whose, t.favorite.c.dag_id == dag.dag_id)
        found.append(mine if wanted.favorite else ~mine)
    return found
