"""Variables, connections and pools, as people look at them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, func, select

from tradewind.core.states import RunState, TaskState
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import like_any
from tradewind.store.reading.filters import is_one_of
from tradewind.store.reading.scope import escaped

VARIABLES: Sortable = {
    "id": t.variable.c.key,  # there are no numbers: a key is what tells variables apart
    "key": t.variable.c.key,
    "description": t.variable.c.description,
}
CONNECTIONS: Sortable = {
    "id": t.connection.c.conn_id,
    "conn_id": t.connection.c.conn_id,
    "connection_id": t.connection.c.conn_id,
    **{name: t.connection.c[name] for name in ("conn_type", "description", "host", "port")},
}
POOLS: Sortable = {
    "id": t.pool.c.name,
    "name": t.pool.c.name,
    "pool": t.pool.c.name,
    **{name: t.pool.c[name] for name in ("slots", "description", "include_deferred")},
}


def variables_listed(connection: Connection, pattern: str | None, prefix: str | None, page: Page) -> Listed:
    """Variable rows, their values encrypted."""
    return _listed(connection, t.variable, t.variable.c.key, pattern, prefix, page, VARIABLES)


def connections_listed(connection: Connection, pattern: str | None, prefix: str | None, page: Page) -> Listed:
    """Connection rows, their secrets encrypted."""
    return _listed(connection, t.connection, t.connection.c.conn_id, pattern, prefix, page, CONNECTIONS)


def pools_listed(connection: Connection, pattern: str | None, prefix: str | None, page: Page) -> Listed:
    return _listed(connection, t.pool, t.pool.c.name, pattern, prefix, page, POOLS)


def pool_named(connection: Connection, name: str) -> Row | None:
    row = connection.execute(select(t.pool).where(t.pool.c.name == name)).mappings().first()
    return dict(row) if row else None


def names_of(connection: Connection, table: Table, among: Collection[str]) -> set[str]:
    """Which of these rows there are, by their primary key."""
    (key,) = table.primary_key.columns
    return set(connection.execute(select(key).where(key.in_(sorted(among)))).scalars())


@dataclass(slots=True)
class PoolUse:
    """Slots of a pool by what holds them."""

    running: int = 0
    queued: int = 0
    deferred: int = 0
    """Of tasks that wait without a slot; they hold theirs in a pool that includes them."""

    def taken(self, include_deferred: bool) -> int:
        """Slots that nobody else can have now."""
        return self.running + self.queued + (self.deferred if include_deferred else 0)


@dataclass(frozen=True, slots=True)
class PoolUses:
    """Of all pools, at one moment."""

    by_pool: dict[str, PoolUse] = field(default_factory=dict)
    scheduled: list[tuple[str, str, int]] = field(default_factory=list)
    """(version, task_id, instances) of the tasks that are ready and have no slot yet."""

    def of(self, pool: str) -> PoolUse:
        return self.by_pool.setdefault(pool, PoolUse())


def slots_held(connection: Connection) -> PoolUses:
    """What holds slots, counted from attempts and deferrals alone: `scheduled` stays empty."""
    found = PoolUses()
    attempt, deferral = t.attempt.c, t.deferral.c
    held = select(attempt.pool, attempt.state, func.sum(attempt.pool_slots)).where(
        is_one_of(attempt.state, "assigned", "running")
    )
    for pool, state, slots in connection.execute(held.group_by(attempt.pool, attempt.state)):
        if state == "running":
            found.of(pool).running = int(slots)
        else:
            found.of(pool).queued = int(slots)
    waits = select(deferral.pool, func.sum(deferral.pool_slots)).where(deferral.is_answered.is_(False))
    for pool, slots in connection.execute(waits.group_by(deferral.pool)):
        found.of(pool).deferred = int(slots)
    return found


def pool_uses(connection: Connection) -> PoolUses:
    """Counted from the attempts, deferrals and task instances that there are. Costs what is unfinished."""
    found = slots_held(connection)
    task, run = t.task_instance.c, t.run.c
    ready = (
        select(run.version, task.task_id, func.count())
        .join(t.run, run.number == task.run)
        .where(is_one_of(run.state, RunState.QUEUED, RunState.RUNNING), task.state == TaskState.SCHEDULED.value)
        .group_by(run.version, task.task_id)
    )
    found.scheduled.extend(tuple(row) for row in connection.execute(ready))
    return found


def _listed(
    connection: Connection, table: Table, key: ColumnElement[str], pattern: str | None, prefix: str | None, page: Page,
    sortable: Sortable,
) -> Listed:  # fmt: skip
    query: Select[Any] = select(table)
    if pattern:
        query = query.where(like_any(key, pattern))
    if prefix:
        query = query.where(key.like(f"{escaped(prefix)}%", escape="\\"))
    return paged(connection, query, page, sortable, key=(key,), default=("id",))
