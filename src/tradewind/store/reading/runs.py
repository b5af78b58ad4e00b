"""Runs of Dags, as people look at them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, false, func, or_, select, true, tuple_, union

from tradewind.core.access import DagScope
from tradewind.core.states import RunState, RunType
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.filters import like_any, starts_any
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.scope import escaped, in_scope

_run = t.run.c
_took: ColumnElement[Any] = _run.end_date - _run.start_date
"""How many microseconds a run took; nothing while it is not over."""
last_moved = func.coalesce(_run.end_date, _run.start_date, _run.queued_at, _run.run_after)
"""When a run last began to wait, started or ended."""

SORTABLE: Sortable = {
    "id": _run.number,
    "state": _run.state,
    "dag_id": _run.dag_id,
    "run_id": _run.run_id,
    "dag_run_id": _run.run_id,
    "logical_date": _run.logical_date,
    "run_after": _run.run_after,
    "start_date": _run.start_date,
    "end_date": _run.end_date,
    "updated_at": last_moved,
    "conf": _run.conf,
    "duration": _took,
    "run_type": _run.run_type,
    "partition_key": _run.partition_key,
    "partition_date": _run.partition_date,
}
RANGES: Mapping[str, ColumnElement[Any]] = {
    "run_after": _run.run_after,
    "logical_date": _run.logical_date,
    "start_date": _run.start_date,
    "end_date": _run.end_date,
    "updated_at": last_moved,
    "duration": _took,
    "partition_date": _run.partition_date,
}
"""What can be bounded, by name; `duration` in microseconds."""


MOST_NAMED = 500
"""Runs that one statement names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFilter:
    """Which runs; a field that is None or empty asks for nothing. Patterns are those of `like_any`."""

    dag_ids: Sequence[str] | None = None
    run_types: Sequence[RunType] = ()
    states: Sequence[RunState] | None = None
    ranges: Mapping[str, Bounds] = field(default_factory=dict)
    conf_contains: str = ""
    versions: Sequence[int] = ()
    """Numbers of the Dag's versions, of which the run or an attempt of it had one."""
    nothing: bool = False
    """Something was asked for that no run here can have."""
    run_id_pattern: str | None = None
    run_id_prefix: str | None = None
    user_pattern: str | None = None
    user_prefix: str | None = None
    dag_id_pattern: str | None = None
    dag_id_prefix: str | None = None
    partition_key_pattern: str | None = None
    partition_key_prefix: str | None = None
    consumed_asset_pattern: str | None = None
    """Name or uri of an asset by whose events the run came about."""


def runs_listed(connection: Connection, scope: DagScope, wanted: RunFilter, page: Page) -> Listed:
    """Run rows in the scope, each with the newest version of its Dag as `dag_version_now`."""
    query = _runs().where(in_scope(_run.dag_id, scope), *_conditions(wanted))
    return paged(connection, query, page, SORTABLE, key=(_run.number,), default=("id",))


def run_row(connection: Connection, dag_id: str, run_id: str) -> Row | None:
    """The row of one run, as in the list."""
    found = connection.execute(_runs().where(_run.dag_id == dag_id, _run.run_id == run_id)).mappings().first()
    return dict(found) if found else None


def run_state(connection: Connection, number: int) -> str | None:
    """The state of a run; None where there is none of that number any more."""
    return connection.execute(select(_run.state).where(_run.number == number)).scalar()


def run_rows(connection: Connection, names: Sequence[tuple[str, str]]) -> list[Row]:
    """The rows of these runs (ids of Dag and run), of those that there are, in this order."""
    found: dict[tuple[str, str], Row] = {}
    for first in range(0, len(names), MOST_NAMED):
        some = names[first : first + MOST_NAMED]
        query = _runs().where(tuple_(_run.dag_id, _run.run_id).in_(some))
        found.update({(row["dag_id"], row["run_id"]): dict(row) for row in connection.execute(query).mappings()})
    return [found[name] for name in names if name in found]


def open_runs(connection: Connection, dag_id: str) -> int:
    """How many runs of a Dag are not over."""
    query = select(func.count()).where(_run.dag_id == dag_id, _run.state.in_((RunState.QUEUED, RunState.RUNNING)))
    return connection.execute(query).scalar() or 0


def task_ids_of_run(connection: Connection, number: int) -> set[str]:
    """The tasks that a run has instances of."""
    task = t.task_instance.c
    return set(connection.execute(select(task.task_id).distinct().where(task.run == number)).scalars())


def versions_of_runs(connection: Connection, numbers: Collection[int]) -> dict[int, list[Row]]:
    """The versions that each run and its attempts had, oldest first."""
    mine, version = sorted(numbers), t.dag_version.c
    had = union(
        select(_run.number.label("run"), _run.version.label("version")).where(_run.number.in_(mine)),
        select(t.attempt.c.run, t.attempt.c.version).where(t.attempt.c.run.in_(mine)),
    ).subquery()
    query = (
        select(had.c.run, version.id, version.dag_id, version.number, version.created_at)
        .join(t.dag_version, version.id == had.c.version)
        .order_by(had.c.run, version.number)
    )
    found: dict[int, list[Row]] = {number: [] for number in mine}
    for row in connection.execute(query).mappings():
        found[row["run"]].append(dict(row))
    return found


def _runs() -> Select[Any]:
    return select(t.run, t.dag.c.version.label("dag_version_now")).join(
        t.dag, t.dag.c.dag_id == _run.dag_id, isouter=True
    )


def _conditions(wanted: RunFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [false() if wanted.nothing else true()]
    if wanted.dag_ids is not None:
        found.append(_run.dag_id.in_(wanted.dag_ids))
    if wanted.run_types:
        found.append(_run.run_type.in_(wanted.run_types))
    if wanted.states is not None:
        found.append(_run.state.in_(wanted.states))
    found += [part for name, bounds in wanted.ranges.items() for part in bounds.of(RANGES[name])]
    if wanted.conf_contains:
        # conf is stored as JSON, so what is looked for has to be written as JSON writes it.
        written = escaped(json.dumps(wanted.conf_contains)[1:-1])
        plain = escaped(wanted.conf_contains)
        found.append(or_(*(_run.conf.ilike(f"%{text}%", escape="\\") for text in {written, plain})))
    if wanted.versions:
        found.append(_had_version(wanted.versions))
    for column, pattern, prefix in (
        (_run.run_id, wanted.run_id_pattern, wanted.run_id_prefix),
        (_run.triggering_user, wanted.user_pattern, wanted.user_prefix),
        (_run.dag_id, wanted.dag_id_pattern, wanted.dag_id_prefix),
        (_run.partition_key, wanted.partition_key_pattern, wanted.partition_key_prefix),
    ):
        if pattern:
            found.append(like_any(column, pattern))
        if prefix:
            found.append(starts_any(column, prefix))
    if wanted.consumed_asset_pattern:
        found.append(_consumed(wanted.consumed_asset_pattern))
    return found


def _had_version(numbers: Sequence[int]) -> ColumnElement[bool]:
    asked = select(t.dag_version.c.id).where(t.dag_version.c.number.in_(numbers))
    attempts = exists().where(t.attempt.c.run == _run.number, t.attempt.c.version.in_(asked))
    return or_(_run.version.in_(asked), attempts)


def _consumed(pattern: str) -> ColumnElement[bool]:
    event = t.asset_event.c
    named = or_(like_any(event.name, pattern), like_any(event.uri, pattern))
    return exists().where(t.asset_run.c.run == _run.number, t.asset_run.c.event == event.number, named)
