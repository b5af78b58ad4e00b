"""What task instances keep from one try to the next, as people look at it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Select, or_, select

from tradewind.core.records import TaskKey
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged

_kept = t.task_state_store.c
SORTABLE: Sortable = {"key": _kept.key}


def kept_values_listed(connection: Connection, key: TaskKey, page: Page, *, now_us: int) -> Listed:
    """What a task instance keeps and has not expired, by key."""
    return paged(connection, _of(key, now_us), page, SORTABLE, key=(_kept.key,), default=("key",))


def kept_value_named(connection: Connection, key: TaskKey, name: str, *, now_us: int) -> Row | None:
    """What it keeps under a name."""
    found = connection.execute(_of(key, now_us).where(_kept.key == name)).mappings().first()
    return dict(found) if found else None


def _of(key: TaskKey, now_us: int) -> Select[Any]:
    mine = (_kept.run == key.run, _kept.task_id == key.task_id, _kept.map_index == key.map_index)
    lasts = or_(_kept.expires_at.is_(None), _kept.expires_at > now_us)
    return select(_kept.key, _kept.value, _kept.updated_at, _kept.expires_at).where(*mine, lasts)
