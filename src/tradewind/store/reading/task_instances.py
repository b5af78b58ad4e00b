"""Task instances, as people look at them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, false, func, or_, select, tuple_

from tradewind.core.access import DagScope
from tradewind.core.errors import InvalidInput
from tradewind.core.records import TaskKey
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import like_any
from tradewind.store.reading.ranges import UNBOUNDED, Bounds
from tradewind.store.reading.scope import escaped, in_scope

_task, _run = t.task_instance.c, t.run.c
_KEY = (_task.run, _task.task_id, _task.map_index)
_duration = case((_task.end_date >= _task.start_date, _task.end_date - _task.start_date))
_updated = func.coalesce(_task.end_date, _task.start_date, _task.queued_at, _task.scheduled_at)

SORTABLE: Sortable = {
    "id": _task.run,
    "dag_id": _run.dag_id,
    "run_id": _run.run_id,
    "task_id": _task.task_id,
    "map_index": _task.map_index,
    "rendered_map_index": _task.rendered_map_index,
    "state": _task.state,
    "try_number": _task.try_number,
    "start_date": _task.start_date,
    "end_date": _task.end_date,
    "duration": _duration,
    "queued_when": _task.queued_at,
    "scheduled_when": _task.scheduled_at,
    "logical_date": _run.logical_date,
    "run_after": _run.run_after,
    "data_interval_start": _run.data_interval_start,
    "data_interval_end": _run.data_interval_end,
}

MOST_VERSIONS = 300
"""Versions of Dags that one list looks into for what only they know: pool, queue, operator …"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFilter:
    """Which task instances; a field that is None or empty asks for nothing."""

    dag_ids: Sequence[str] | None = None
    run_ids: Sequence[str] | None = None
    task_ids: Sequence[str] | None = None
    map_indexes: Sequence[int] = ()
    only_mapped: bool = False
    """Instances with an index."""
    states: Sequence[str] = ()
    """As stored: `none` where there is no state yet."""
    try_numbers: Sequence[int] = ()
    version_numbers: Sequence[int] = ()
    dag_id_pattern: str | None = None
    dag_id_prefix: str | None = None
    run_id_pattern: str | None = None
    run_id_prefix: str | None = None
    label_pattern: str | None = None
    """Of the rendered map index."""
    label_prefix: str | None = None
    run_after: Bounds = UNBOUNDED
    logical_date: Bounds = UNBOUNDED
    start_date: Bounds = UNBOUNDED
    end_date: Bounds = UNBOUNDED
    updated_at: Bounds = UNBOUNDED
    """By the last of its dates that is known: ended, started, queued, scheduled."""
    duration: Bounds = UNBOUNDED
    """Microseconds."""


@dataclass(frozen=True, slots=True)
class Meant:
    """Tasks of some versions of Dags."""

    versions: Collection[str]
    task_ids: Collection[str]


def tasks_listed(
    connection: Connection, scope: DagScope, wanted: TaskFilter, page: Page, meant: Sequence[Meant] | None = None
) -> Listed:
    """Task instances in the scope, each with what its run says; of `meant` alone where that is given."""
    query = _tasks().where(in_scope(_run.dag_id, scope), *_conditions(wanted))
    if meant is not None:
        parts = [and_(_run.version.in_(each.versions), _task.task_id.in_(each.task_ids)) for each in meant]
        query = query.where(or_(*parts) if parts else false())
    return paged(connection, query, page, SORTABLE, key=_KEY, default=("map_index",))


def versions_listed(connection: Connection, scope: DagScope, wanted: TaskFilter) -> list[str]:
    """The versions of the runs that these task instances are of. Raises InvalidInput where they are too many."""
    query = select(_run.version).distinct().where(in_scope(_run.dag_id, scope), *conditions_on_runs(wanted))
    found = list(connection.execute(query.limit(MOST_VERSIONS + 1)).scalars())
    if len(found) > MOST_VERSIONS:
        raise InvalidInput(
            "What you filter by is known of each version of a Dag, and these runs are of more than "
            f"{MOST_VERSIONS} versions; name a Dag, a run or bounds of run_after as well."
        )
    return found


def task_named(connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int) -> Row | None:
    """One task instance, as in the list."""
    found = _tasks().where(_run.dag_id == dag_id, _run.run_id == run_id, _task.task_id == task_id)
    row = connection.execute(found.where(_task.map_index == map_index)).mappings().first()
    return dict(row) if row else None


def tasks_named(connection: Connection, dag_id: str, run_id: str, task_ids: Collection[str]) -> list[Row]:
    """All instances of these tasks in a run, in the order of their ids and indexes."""
    found = _tasks().where(_run.dag_id == dag_id, _run.run_id == run_id, _task.task_id.in_(sorted(task_ids)))
    return [dict(row) for row in connection.execute(found.order_by(_task.task_id, _task.map_index)).mappings()]


def tasks_by_key(connection: Connection, keys: Sequence[TaskKey]) -> list[Row]:
    """These task instances, as in the list and in this order; those that there are."""
    found: dict[TaskKey, Row] = {}
    for some in _portions(keys):
        for row in connection.execute(_tasks().where(tuple_(*_KEY).in_(some))).mappings():
            found[key_of(row)] = dict(row)
    return [found[key] for key in keys if key in found]


def key_of(row: Mapping[Any, Any]) -> TaskKey:
    """Which task instance a row is of."""
    return TaskKey(row["run"], row["task_id"], row["map_index"])


def run_row_named(connection: Connection, dag_id: str, run_id: str) -> Row | None:
    """What a run's row says about it itself; None where there is no such run."""
    columns = (_run.number, _run.dag_id, _run.run_id, _run.version, _run.state, _run.logical_date, _run.run_after)
    found = connection.execute(select(*columns).where(_run.dag_id == dag_id, _run.run_id == run_id)).mappings().first()
    return dict(found) if found else None


# --- what goes with them ---


@dataclass(frozen=True, slots=True)
class Company:
    """What is stored beside task instances, by their keys."""

    attempts: dict[TaskKey, Row] = field(default_factory=dict)
    """The newest attempt of each."""
    rendered: dict[TaskKey, bytes] = field(default_factory=dict)
    deferrals: dict[TaskKey, Row] = field(default_factory=dict)


def company_of(connection: Connection, keys: Sequence[TaskKey]) -> Company:
    """Read what goes with these task instances, in as many queries for one as for a page of them."""
    company = Company()
    for some in _portions(keys):
        for row in connection.execute(_newest_attempts(tuple_(*_columns(t.attempt)).in_(some))).mappings():
            company.attempts[key_of(row)] = dict(row)
        rendered = select(t.rendered).where(tuple_(*_columns(t.rendered)).in_(some))
        company.rendered.update({key_of(row): row["fields"] for row in connection.execute(rendered).mappings()})
        waits = select(t.deferral).where(tuple_(*_columns(t.deferral)).in_(some), t.deferral.c.classpath != "")
        company.deferrals.update({key_of(row): dict(row) for row in connection.execute(waits).mappings()})
    return company


def _newest_attempts(which: ColumnElement[bool], *, per_try: bool = False) -> Select[Any]:
    """The newest attempt of each task instance, or of each of its tries."""
    attempt = t.attempt.c
    of = (*_columns(t.attempt), *((attempt.try_number,) if per_try else ()))
    newest = (attempt.try_number.desc(), attempt.leg.desc(), attempt.assigned_at.desc(), attempt.id.desc())
    ranked = select(t.attempt, func.row_number().over(partition_by=of, order_by=newest).label("place"))
    within = ranked.where(which).subquery()
    return select(within).where(within.c.place == 1)


def tries_of(connection: Connection, key: TaskKey) -> list[Row]:
    """Every try of a task instance that has had an attempt, oldest first: the row of its newest attempt, with when the
    first was given out and started and the last ended."""
    attempt = t.attempt.c
    mine = and_(attempt.run == key.run, attempt.task_id == key.task_id, attempt.map_index == key.map_index)
    spans = select(
        attempt.try_number,
        func.min(attempt.assigned_at).label("first_assigned_at"),
        func.min(attempt.started_at).label("first_started_at"),
    ).where(mine)
    span = {row["try_number"]: row for row in connection.execute(spans.group_by(attempt.try_number)).mappings()}
    newest = connection.execute(_newest_attempts(mine, per_try=True)).mappings()
    return sorted(({**row, **span[row["try_number"]]} for row in newest), key=lambda row: row["try_number"])


def _columns(table: Any) -> tuple[ColumnElement[Any], ...]:
    return table.c.run, table.c.task_id, table.c.map_index


def _portions(keys: Sequence[TaskKey], most: int = 300) -> Iterator[list[tuple[int, str, int]]]:
    """No more values at a time than a statement may have."""
    for at in range(0, len(keys), most):
        yield [(key.run, key.task_id, key.map_index) for key in keys[at : at + most]]


def _tasks() -> Select[Any]:
    of_run = (
        _run.dag_id, _run.run_id, _run.version, _run.logical_date, _run.run_after, _run.data_interval_start,
        _run.data_interval_end,
    )  # fmt: skip
    noted = and_(*(left == right for left, right in zip(_columns(t.task_note), _KEY, strict=True)))
    return (
        select(t.task_instance, *of_run, t.task_note.c.note)
        .join(t.run, _run.number == _task.run)
        .join(t.task_note, noted, isouter=True)
    )


def _conditions(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    found = conditions_on_runs(wanted)
    if wanted.task_ids is not None:
        found.append(_task.task_id.in_(wanted.task_ids))
    for column, values in (
        (_task.map_index, wanted.map_indexes), (_task.state, wanted.states), (_task.try_number, wanted.try_numbers),
    ):  # fmt: skip
        if values:
            found.append(column.in_(values))
    if wanted.only_mapped:
        found.append(_task.map_index >= 0)
    found += conditions_on_text(_task.rendered_map_index, wanted.label_pattern, wanted.label_prefix)
    found += wanted.start_date.of(_task.start_date) + wanted.end_date.of(_task.end_date)
    return found + wanted.updated_at.of(_updated) + wanted.duration.of(_duration)


def conditions_on_runs(wanted: TaskFilter) -> list[ColumnElement[bool]]:
    """The conditions that are about runs alone."""
    found = wanted.run_after.of(_run.run_after) + wanted.logical_date.of(_run.logical_date)
    if wanted.dag_ids is not None:
        found.append(_run.dag_id.in_(wanted.dag_ids))
    if wanted.run_ids is not None:
        found.append(_run.run_id.in_(wanted.run_ids))
    found += conditions_on_text(_run.dag_id, wanted.dag_id_pattern, wanted.dag_id_prefix)
    found += conditions_on_text(_run.run_id, wanted.run_id_pattern, wanted.run_id_prefix)
    if wanted.version_numbers:
        version = t.dag_version.c
        found.append(_run.version.in_(select(version.id).where(version.number.in_(wanted.version_numbers))))
    return found


def conditions_on_text(
    column: ColumnElement[Any], pattern: str | None, prefix: str | None
) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    if pattern and pattern.strip("| "):
        found.append(like_any(column, pattern))
    if prefix:
        found.append(column.like(f"{escaped(prefix)}%", escape="\\"))
    return found
