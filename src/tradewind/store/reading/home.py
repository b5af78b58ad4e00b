"""What the home page tells: what fails, is late, runs and was, over every Dag that a reader may see.

Each question costs what is unfinished, what fails, or one step of an index for each Dag; none reads the history as a
whole. Rows are limited, and the counts beside them are not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, cast, func, literal, select

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.filters import is_one_of
from tradewind.store.reading.overview import is_late_at, newest_over
from tradewind.store.reading.scope import in_scope, visible_dags

_run, _task, _dag = t.run.c, t.task_instance.c, t.dag.c
_is_open = is_one_of(_run.state, "queued", "running")
MOST_RUNS = 300
"""Runs of which the tasks are looked at for one answer."""
MOST_TASKS = 5_000


def dag_tallies(connection: Connection, scope: DagScope, now_us: int) -> dict[str, int]:
    """How many Dags there are, are paused, and are late."""
    sums = {"paused": _dag.is_paused, "late": is_late_at(now_us)}
    counted = [func.coalesce(func.sum(cast(column, Integer)), 0).label(name) for name, column in sums.items()]
    query = select(func.count().label("all"), *counted).where(visible_dags(scope), _dag.is_stale.is_(False))
    return {name: int(value) for name, value in connection.execute(query).mappings().one().items()}


def dag_counts(connection: Connection, scope: DagScope, now_us: int, failing: int | None = None) -> dict[str, int]:
    """How many Dags there are in all, and how many fail (where that is not known yet), run, are late or are paused."""
    return {
        **dag_tallies(connection, scope, now_us),
        "failing": failing_dags(connection, scope) if failing is None else failing,
        "running": running_dags(connection, scope),
    }


def failing_dags(connection: Connection, scope: DagScope) -> int:
    """Of how many Dags the newest run that is over has failed."""
    fails = newest_over(_run.state) == "failed"
    query = select(func.count()).select_from(t.dag).where(visible_dags(scope), _dag.is_stale.is_(False), fails)
    return int(connection.execute(query).scalar() or 0)


def failing_runs(connection: Connection, scope: DagScope, runs: DagScope) -> list[Row]:
    """Of every Dag whose newest run that is over has failed, that run; newest first."""
    newest = select(newest_over(_run.number)).select_from(t.dag).where(visible_dags(scope), _dag.is_stale.is_(False))
    query = select(
        _run.number, _run.dag_id, _run.run_id, _run.end_date, _run.reason, _run.version
    ).where(_run.number.in_(newest), _run.state == "failed", in_scope(_run.dag_id, runs))  # fmt: skip
    return [dict(row) for row in connection.execute(query.order_by(_run.number.desc())).mappings()]


def open_run_counts(connection: Connection, scope: DagScope) -> dict[str, tuple[int, int | None]]:
    """By state of runs that are not over: how many, and since when the oldest is."""
    query = (
        select(_run.state, func.count(), func.min(func.coalesce(_run.queued_at, _run.run_after)))
        .where(_is_open, in_scope(_run.dag_id, scope))
        .group_by(_run.state)
    )
    return {state: (count, since) for state, count, since in connection.execute(query)}


def open_runs(connection: Connection, scope: DagScope, state: str, most: int, *, newest: bool = False) -> list[Row]:
    """Runs in one of the states that end, those that began first before the others."""
    columns = (
        _run.number, _run.dag_id, _run.run_id, _run.run_type, _run.run_after, _run.queued_at, _run.start_date,
    )  # fmt: skip
    query = select(*columns).where(_run.state == state, _is_open, in_scope(_run.dag_id, scope))
    order = _run.number.desc() if newest else _run.number
    return [dict(row) for row in connection.execute(query.order_by(order).limit(most)).mappings()]


def task_counts(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[str, int]]:
    """How many task instances of each run are in each state."""
    found: dict[int, dict[str, int]] = {number: {} for number in numbers}
    query = select(_task.run, _task.state, func.count()).where(_task.run.in_(numbers)).group_by(_task.run, _task.state)
    for run, state, count in connection.execute(query) if numbers else ():
        found[run][state] = count
    return found


def troubled_tasks(connection: Connection, numbers: Sequence[int]) -> list[Row]:
    """Task instances of these runs that failed, or will be tried again after they did."""
    if not numbers:
        return []
    query = (
        select(
            _task.run, _task.task_id, _task.map_index, _task.state, _task.reason, _task.try_number, _task.max_tries,
            _task.end_date, _task.not_before,
        )
        .where(_task.run.in_(numbers), _task.state.in_(("failed", "up_for_retry")))
        .limit(MOST_TASKS)
    )  # fmt: skip
    return [dict(row) for row in connection.execute(query).mappings()]


def late_dags(connection: Connection, scope: DagScope, now_us: int, most: int) -> list[Row]:
    """Dags whose next run should have been made, latest first."""
    query = select(_dag.dag_id, _dag.next_run_after).where(
        visible_dags(scope), _dag.is_stale.is_(False), is_late_at(now_us)
    )
    return [dict(row) for row in connection.execute(query.order_by(_dag.next_run_after).limit(most)).mappings()]


def planned_runs(connection: Connection, scope: DagScope, now_us: int, until_us: int, step_us: int) -> dict[int, int]:
    """By place of a step after `now_us`: Dags whose next run comes in it."""
    at = _place(_dag.next_run_after, now_us, step_us)
    query = (
        select(at.label("place"), func.count())
        .where(*_coming(scope, now_us), _dag.next_run_after < until_us)
        .group_by("place")
    )
    return {int(where): count for where, count in connection.execute(query)}


def next_runs(connection: Connection, scope: DagScope, now_us: int, most: int) -> list[Row]:
    """The Dags whose next run comes first."""
    query = select(_dag.dag_id, _dag.next_run_after).where(*_coming(scope, now_us))
    rows = connection.execute(query.order_by(_dag.next_run_after, _dag.dag_id).limit(most))
    return [dict(row) for row in rows.mappings()]


def history(connection: Connection, scope: DagScope, since_us: int, step_us: int) -> dict[tuple[int, str], int]:
    """By place of a step after `since_us` and state: runs that were over in it. Costs a step of one index for each."""
    at = _place(_run.end_date, since_us, step_us)
    query = (
        select(at.label("place"), _run.state, func.count())
        .where(_run.end_date >= since_us, _run.state.in_(("success", "failed")), in_scope(_run.dag_id, scope))
        .group_by("place", _run.state)
    )
    return {(int(place), state): count for place, state, count in connection.execute(query)}


def running_dags(connection: Connection, scope: DagScope) -> int:
    """How many Dags have a run that is not over."""
    query = select(func.count(func.distinct(_run.dag_id))).join(t.dag, _dag.dag_id == _run.dag_id)
    return int(connection.execute(query.where(_is_open, _dag.is_stale.is_(False), visible_dags(scope))).scalar() or 0)


def versions_since(connection: Connection, scope: DagScope, since_us: int) -> int:
    """How many Dags have a version now that they had not then, and were there before."""
    version = t.dag_version.c
    query = (
        select(func.count())
        .select_from(t.dag)
        .join(t.dag_version, version.id == _dag.version)
        .where(version.created_at >= since_us, version.number > 1, _dag.is_stale.is_(False), visible_dags(scope))
    )
    return int(connection.execute(query).scalar() or 0)


def questions_open(connection: Connection, scopes: Sequence[DagScope]) -> tuple[int, int | None]:
    """How many questions wait for an answer, and since when the oldest does."""
    asked, held = t.question.c, t.deferral.c
    query = (
        select(func.count(), func.min(asked.asked_at))
        .select_from(t.deferral)
        .join(t.question, asked.id == held.id)
        .join(t.run, _run.number == held.run)
        .where(asked.answered_at.is_(None), held.is_answered.is_(False))
        .where(*(in_scope(_run.dag_id, scope) for scope in scopes))
    )
    count, since = connection.execute(query).one()
    return int(count), since


def broken_files(connection: Connection) -> int:
    """How many files have an error, whoever may see them."""
    return int(connection.execute(select(func.count(func.distinct(t.import_error.c.file)))).scalar() or 0)


def _coming(scope: DagScope, now_us: int) -> list[ColumnElement[bool]]:
    return [
        visible_dags(scope), _dag.is_stale.is_(False), _dag.is_paused.is_(False), _dag.next_run_after >= now_us,
    ]  # fmt: skip


def _place(column: ColumnElement[Any], start_us: int, step_us: int) -> ColumnElement[Any]:
    """Which step a moment lies in. Both databases divide whole numbers downwards where they are not negative."""
    return (column - literal(start_us)) // literal(step_us)
