"""Values that tasks have left, as people look at them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Select, select

from tradewind.core.access import DagScope
from tradewind.core.records import TaskKey
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.scope import in_scope
from tradewind.store.reading.task_instances import TaskFilter, conditions_on_runs, conditions_on_text

_xcom, _run = t.xcom.c, t.run.c

SORTABLE: Sortable = {
    "dag_id": _run.dag_id,
    "run_id": _run.run_id,
    "task_id": _xcom.task_id,
    "map_index": _xcom.map_index,
    "key": _xcom.key,
    "timestamp": _xcom.at,
    "logical_date": _run.logical_date,
    "run_after": _run.run_after,
}
ORDER = ("dag_id", "task_id", "run_id", "map_index", "key")


@dataclass(frozen=True, slots=True, kw_only=True)
class XComFilter:
    """Which values; a field that is None asks for nothing."""

    tasks: TaskFilter = field(default_factory=TaskFilter)
    """Of which runs, tasks and instances; the rest of it plays no part."""
    versions: Collection[str] | None = None
    """Of runs that go by one of these versions."""
    key: str | None = None
    key_pattern: str | None = None
    key_prefix: str | None = None
    task_id_pattern: str | None = None
    task_id_prefix: str | None = None


def xcoms_listed(connection: Connection, scope: DagScope, wanted: XComFilter, page: Page) -> Listed:
    """Which values there are in the scope, each with what its run says, without the values themselves."""
    of, found = wanted.tasks, conditions_on_runs(wanted.tasks)
    if of.task_ids is not None:
        found.append(_xcom.task_id.in_(of.task_ids))
    if of.map_indexes:
        found.append(_xcom.map_index.in_(of.map_indexes))
    if wanted.versions is not None:
        found.append(_run.version.in_(wanted.versions))
    if wanted.key is not None:
        found.append(_xcom.key == wanted.key)
    found += conditions_on_text(_xcom.key, wanted.key_pattern, wanted.key_prefix)
    found += conditions_on_text(_xcom.task_id, wanted.task_id_pattern, wanted.task_id_prefix)
    query = _xcoms().where(in_scope(_run.dag_id, scope), *found)
    key = (_xcom.run, _xcom.task_id, _xcom.map_index, _xcom.key)
    return paged(connection, query, page, SORTABLE, key=key, default=ORDER)


def xcom_named(connection: Connection, key: TaskKey, name: str) -> Row | None:
    """One value as it is stored: JSON, or the reference to a file."""
    mine = (_xcom.run == key.run, _xcom.task_id == key.task_id, _xcom.map_index == key.map_index, _xcom.key == name)
    found = connection.execute(_xcoms().add_columns(_xcom.value).where(*mine)).mappings().first()
    return dict(found) if found else None


def _xcoms() -> Select[Any]:
    own = (_xcom.run, _xcom.task_id, _xcom.map_index, _xcom.key, _xcom.at)
    of_run = (_run.dag_id, _run.run_id, _run.version, _run.logical_date, _run.run_after)
    return select(*own, *of_run).join(t.run, _run.number == _xcom.run)
