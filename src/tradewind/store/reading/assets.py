"""Assets, as people look at them: who names them, what was said of them, what waits, what is kept beside them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, false, func, literal, select, tuple_, union_all

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Sortable, paged
from tradewind.store.paging import Row as Fields
from tradewind.store.reading.dags import like_any
from tradewind.store.reading.scope import escaped, in_scope

EVENT = t.asset_event.c
SORTABLE_EVENTS: Sortable = {
    "id": EVENT.number,
    "timestamp": EVENT.number,  # each event is later than the one before it
    "source_dag_id": EVENT.dag_id,
    "source_task_id": EVENT.task_id,
    "source_run_id": EVENT.run_id,
    "source_map_index": EVENT.map_index,
}
SORTABLE_VALUES: Sortable = {"key": t.asset_state_store.c.key}


class CurrentDag(NamedTuple):
    """The version of a Dag that runs now."""

    dag_id: str
    version: str
    created_at: int
    """When there first was this version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events; a field that is None asks for nothing."""

    assets: Collection[tuple[str, str]] | None = None
    """(name, uri)"""
    dag_id: str | None = None
    task_id: str | None = None
    run_id: str | None = None
    map_index: int | None = None
    name_pattern: str | None = None
    name_prefix: str | None = None
    first: int | None = None
    last: int | None = None
    of_run: tuple[str, str] | None = None
    """(dag_id, run_id) of the run that they were for."""


def current_dags(connection: Connection) -> list[CurrentDag]:
    """Every Dag that some file defines, by dag_id."""
    version = t.dag_version.c
    query = (
        select(t.dag.c.dag_id, version.id, version.created_at)
        .join(t.dag_version, version.id == t.dag.c.version)
        .where(t.dag.c.is_stale.is_(False))
    )
    return [CurrentDag(*row) for row in connection.execute(query.order_by(t.dag.c.dag_id))]


def dag_ids_in(connection: Connection, scope: DagScope) -> set[str]:
    """The Dags of a scope."""
    return set(connection.execute(select(t.dag.c.dag_id).where(in_scope(t.dag.c.dag_id, scope))).scalars())


def assets_updated(connection: Connection) -> list[Fields]:
    """Name, uri and group of every asset of the ledger, as its newest event has them, and its first and last time."""
    least = select(func.min(EVENT.name).label("name")).cte("names", recursive=True)
    after = select(func.min(EVENT.name)).where(EVENT.name > least.c.name).scalar_subquery()
    names = least.union_all(select(after).where(least.c.name.is_not(None)))
    # One step of an index for each name, however many events it has.
    first, last = (
        select(end(EVENT.number)).where(EVENT.name == names.c.name).scalar_subquery() for end in (func.min, func.max)
    )
    ends = select(first.label("first"), last.label("last")).where(names.c.name.is_not(None)).subquery()
    oldest, newest = t.asset_event.alias("oldest"), t.asset_event.alias("newest")
    query = (
        select(newest.c.name, newest.c.uri, newest.c.asset_group, oldest.c.at.label("first_at"), newest.c.at)
        .join_from(ends, oldest, oldest.c.number == ends.c.first)
        .join(newest, newest.c.number == ends.c.last)
    )
    return [dict(row) for row in connection.execute(query.order_by(newest.c.name)).mappings()]


def newest_events(connection: Connection, assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], tuple[int, int]]:
    """Number and time of the newest event of each of these assets."""
    found = [
        select(EVENT.number, EVENT.at, EVENT.name, EVENT.uri)
        .where(EVENT.name == name, EVENT.uri == uri)
        .order_by(EVENT.number.desc())
        .limit(1)
        .subquery()
        .select()
        for name, uri in assets
    ]
    rows = connection.execute(union_all(*found)) if found else ()
    return {(name, uri): (number, at) for number, at, name, uri in rows}


def aliases_of(connection: Connection, assets: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[str]]:
    """By asset, the aliases through which it was updated."""
    through = t.asset_event_alias.c
    query = (
        select(EVENT.name, EVENT.uri, through.alias)
        .distinct()
        .join(t.asset_event, EVENT.number == through.event)
        .where(tuple_(EVENT.name, EVENT.uri).in_(assets) if assets else false())
    )
    found: dict[tuple[str, str], list[str]] = {}
    for name, uri, alias in connection.execute(query.order_by(through.alias)):
        found.setdefault((name, uri), []).append(alias)
    return found


def events_listed(connection: Connection, wanted: EventFilter, page: Page) -> Listed:
    """Asset events."""
    query = select(t.asset_event).where(*_conditions(wanted))
    return paged(connection, query, page, SORTABLE_EVENTS, key=(EVENT.number,), default=("timestamp",))


def event_numbered(connection: Connection, number: int) -> Fields:
    """One event, which is there."""
    return dict(connection.execute(select(t.asset_event).where(EVENT.number == number)).mappings().one())


def runs_of_events(connection: Connection, numbers: Collection[int], scope: DagScope) -> dict[int, list[Fields]]:
    """By event, the runs in the scope that were made for it and have started."""
    run = t.run.c
    query = (
        select(t.asset_run.c.event, t.run)
        .join(t.run, run.number == t.asset_run.c.run)
        .where(t.asset_run.c.event.in_(numbers), run.start_date.is_not(None), in_scope(run.dag_id, scope))
    )
    found: dict[int, list[Fields]] = {}
    for row in connection.execute(query.order_by(run.number)).mappings():
        found.setdefault(row["event"], []).append(dict(row))
    return found


def waiting(
    connection: Connection, scope: DagScope, *, dag_id: str | None = None, asset: tuple[str, str] | None = None,
    before: int | None = None,
) -> list[Fields]:  # fmt: skip
    """What waits for a run: by Dag and asset, since when. Of each pair the oldest event counts."""
    queued = union_all(
        select(t.asset_queue.c.dag_id, t.asset_queue.c.event),
        select(t.partition_queue.c.dag_id, t.partition_queue.c.event),
    ).subquery()
    conditions: list[ColumnElement[bool]] = [in_scope(queued.c.dag_id, scope)]
    if dag_id is not None:
        conditions.append(queued.c.dag_id == dag_id)
    if asset is not None:
        conditions.append(and_(EVENT.name == asset[0], EVENT.uri == asset[1]))
    if before is not None:
        conditions.append(EVENT.at < before)
    query = (
        select(queued.c.dag_id, EVENT.name, EVENT.uri, func.min(EVENT.at).label("since"))
        .join(t.asset_event, EVENT.number == queued.c.event)
        .where(*conditions)
        .group_by(queued.c.dag_id, EVENT.name, EVENT.uri)
        .order_by(queued.c.dag_id, EVENT.name, EVENT.uri)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def values_listed(connection: Connection, asset: tuple[str, str], page: Page) -> Listed:
    """What is kept beside an asset, by key."""
    kept = t.asset_state_store.c
    query = select(t.asset_state_store).where(kept.name == asset[0], kept.uri == asset[1])
    return paged(connection, query, page, SORTABLE_VALUES, key=(kept.key,), default=("key",))


def value_kept(connection: Connection, asset: tuple[str, str], key: str) -> Fields | None:
    """What is kept beside an asset under a key, with who wrote it."""
    kept = t.asset_state_store.c
    query = select(t.asset_state_store).where(kept.name == asset[0], kept.uri == asset[1], kept.key == key)
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def _conditions(wanted: EventFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if wanted.assets is not None:
        named = sorted(set(wanted.assets))
        found.append(tuple_(EVENT.name, EVENT.uri).in_(named) if named else false())
    for column, value in (
        (EVENT.dag_id, wanted.dag_id), (EVENT.task_id, wanted.task_id), (EVENT.run_id, wanted.run_id),
        (EVENT.map_index, wanted.map_index),
    ):  # fmt: skip
        if value is not None:
            found.append(column == value)
    if wanted.name_pattern:
        found.append(like_any(EVENT.name, wanted.name_pattern))
    if wanted.name_prefix:
        found.append(EVENT.name.like(f"{escaped(wanted.name_prefix)}%", escape="\\"))
    if wanted.first is not None:
        found.append(EVENT.at >= wanted.first)
    if wanted.last is not None:
        found.append(EVENT.at <= wanted.last)
    if wanted.of_run is not None:
        dag_id, run_id = wanted.of_run
        mine = (t.run.c.dag_id == dag_id, t.run.c.run_id == run_id, t.asset_run.c.event == EVENT.number)
        found.append(exists(select(literal(1)).where(t.asset_run.c.run == t.run.c.number, *mine)))
    return found
