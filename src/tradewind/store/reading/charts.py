"""How an installation fared over time, step by step of a window: what ended, how long it waited and took, what data were
worth, and what memory and CPU it cost.

The way to the tasks leads over the runs that ended in the window or go on, by the indexes of both: what ended before costs
nothing. Sums and percentiles are worked out by the database, so that a step is one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    LargeBinary,
    Select,
    and_,
    case,
    func,
    literal,
    select,
    true,
    union_all,
)

from tradewind.core.access import DagScope
from tradewind.core.states import FINISHED
from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.filters import is_one_of
from tradewind.store.reading.scope import in_scope

_run, _task, _attempt, _xcom = t.run.c, t.task_instance.c, t.attempt.c, t.xcom.c

PARTS = (50, 95)
MOST_TASKS = 300_000
"""Task instances that one chart is made of: of more, the newest."""
AT_A_TIME = 2_000
MOST_SCORES = 2_000
LONGEST_VALUE = 64_000
SCORE = b'"score"'
GATE_SAYS = "Data quality is "
"""How the sentence of a gate begins that did not let data pass."""


@dataclass(frozen=True, slots=True)
class Window:
    """Steps of one length, of the Dags of a scope or of one of them."""

    start_us: int
    step_us: int
    scope: DagScope
    dag_id: str | None = None

    def place(self, at: ColumnElement[Any]) -> ColumnElement[Any]:
        """Which step a moment lies in. Both databases divide whole numbers downwards where they are not negative."""
        return (at - literal(self.start_us)) // literal(self.step_us)

    def has(self, at: ColumnElement[Any]) -> ColumnElement[bool]:
        return at >= self.start_us

    def is_of(self, dag_id: ColumnElement[str]) -> ColumnElement[bool]:
        """A condition on any column with ids of Dags."""
        mine = true() if self.dag_id is None else dag_id == self.dag_id
        return and_(mine, in_scope(dag_id, self.scope))


@dataclass(frozen=True, slots=True)
class Spread:
    """Values of one step: the middle, the 95th percentile, the largest."""

    count: int
    p50: int
    p95: int
    most: int


def whole_part(connection: Connection, window: Window, most: int = MOST_TASKS) -> Window:
    """The newest part of the window that has no more task instances than that, from the beginning of a step."""
    ended = (
        select(_run.number, _run.end_date)
        .where(window.has(_run.end_date), window.is_of(_run.dag_id))
        .order_by(_run.end_date.desc())
        .limit(most)
    )
    runs = connection.execute(ended).all()
    counted = 0
    for first in range(0, len(runs), AT_A_TIME):
        part = runs[first : first + AT_A_TIME]
        tasks = select(func.count()).where(_task.run.in_([run.number for run in part]))
        counted += connection.execute(tasks).scalar() or 0
        if counted > most:
            return _from_step_after(window, part[0].end_date)
    return _from_step_after(window, runs[-1].end_date) if len(runs) == most else window


def _from_step_after(window: Window, at: int) -> Window:
    steps = (at - window.start_us) // window.step_us + 1
    return replace(window, start_us=window.start_us + steps * window.step_us)


def tasks_ended(connection: Connection, window: Window) -> dict[tuple[int, str], int]:
    """By step and state: task instances that ended so. One that was cleared since then counts when it ends anew."""
    place = window.place(_task.end_date).label("place")
    query = (
        _tasks_of(window, place, _task.state, func.count())
        .where(window.has(_task.end_date), is_one_of(_task.state, *sorted(FINISHED)))
        .group_by("place", _task.state)
    )
    return {(place, state): count for place, state, count in connection.execute(query)}


def task_starts(connection: Connection, window: Window) -> dict[int, Spread]:
    """By step: how long tasks that began in it had been ready before."""
    query = _tasks_of(
        window,
        literal("").label("series"),
        window.place(_task.start_date).label("place"),
        (_task.start_date - _task.scheduled_at).label("value"),
    ).where(window.has(_task.start_date), _task.start_date >= _task.queued_at, _task.queued_at >= _task.scheduled_at)
    return _alone(_spreads(connection, query))


def slot_waits(connection: Connection, window: Window) -> dict[tuple[str, int], Spread]:
    """By pool and step: how long task instances that got their slot in it had been ready before."""
    runs = _runs(window)
    query = (
        select(
            _attempt.pool.label("series"),
            window.place(_attempt.assigned_at).label("place"),
            (_attempt.assigned_at - _task.scheduled_at).label("value"),
        )
        .select_from(runs)
        .join(t.attempt, _attempt.run == runs.c.number)
        .join(
            t.task_instance,
            and_(
                _task.run == _attempt.run,
                _task.task_id == _attempt.task_id,
                _task.map_index == _attempt.map_index,
                _task.queued_at == _attempt.assigned_at,
            ),
        )
        .where(window.has(_attempt.assigned_at), _attempt.assigned_at >= _task.scheduled_at)
    )
    return _spreads(connection, query)


def runs_ended(connection: Connection, window: Window) -> dict[tuple[int, str], int]:
    """By step and state: runs that ended so."""
    place = window.place(_run.end_date).label("place")
    query = (
        select(place, _run.state, func.count())
        .where(window.has(_run.end_date), is_one_of(_run.state, "failed", "success"), window.is_of(_run.dag_id))
        .group_by("place", _run.state)
    )
    return {(place, state): count for place, state, count in connection.execute(query)}


def run_times(connection: Connection, window: Window) -> dict[int, Spread]:
    """By step: how long the runs took that ended in it."""
    query = select(
        literal("").label("series"),
        window.place(_run.end_date).label("place"),
        (_run.end_date - _run.start_date).label("value"),
    ).where(window.has(_run.end_date), _run.end_date >= _run.start_date, window.is_of(_run.dag_id))
    return _alone(_spreads(connection, query))


def run_starts(connection: Connection, window: Window) -> dict[int, Spread]:
    """By step: how long runs that began in it could have begun before."""
    runs = _runs(window)
    could = case((_run.queued_at > _run.run_after, _run.queued_at), else_=_run.run_after)
    query = (
        select(
            literal("").label("series"),
            window.place(_run.start_date).label("place"),
            (_run.start_date - could).label("value"),
        )
        .select_from(runs)
        .join(t.run, _run.number == runs.c.number)
        .where(window.has(_run.start_date), _run.start_date >= could)
    )
    return _alone(_spreads(connection, query))


def peak_memory(connection: Connection, window: Window) -> dict[int, Spread]:
    """By step: the most bytes that each try had that ended in it."""
    query = _tries_of(
        window,
        literal("").label("series"),
        window.place(_attempt.ended_at).label("place"),
        _attempt.peak_bytes.label("value"),
    ).where(_attempt.peak_bytes.is_not(None))
    return _alone(_spreads(connection, query))


def cpu_time(connection: Connection, window: Window) -> dict[int, float]:
    """By step: the CPU seconds of the tries that ended in it."""
    place = window.place(_attempt.ended_at).label("place")
    query = _tries_of(window, place, func.sum(_attempt.cpu_seconds)).where(_attempt.cpu_seconds.is_not(None))
    return {place: float(seconds) for place, seconds in connection.execute(query.group_by("place"))}


def scores_left(connection: Connection, window: Window) -> list[Row]:
    """Small values that may hold a score, as tasks have left them, newest first: Dag, task, moment and value."""
    runs = _runs(window)
    query = (
        select(runs.c.dag_id, _xcom.task_id, _xcom.at, _xcom.value)
        .select_from(runs)
        .join(t.xcom, _xcom.run == runs.c.number)
        .where(
            window.has(_xcom.at), func.length(_xcom.value) <= LONGEST_VALUE, _holds(connection, _xcom.value, SCORE)
        )
    )
    return _rows(connection, query.order_by(_xcom.at.desc()).limit(MOST_SCORES))


def gates_closed(connection: Connection, window: Window) -> list[Row]:
    """Task instances that failed because data were not good enough, newest first: Dag, task, moment and reason."""
    runs = _runs(window)
    query = (
        select(runs.c.dag_id, _task.task_id, _task.end_date.label("at"), _task.reason)
        .select_from(runs)
        .join(t.task_instance, _task.run == runs.c.number)
        .where(window.has(_task.end_date), _task.state == "failed", _task.reason.contains(GATE_SAYS))
    )
    return _rows(connection, query.order_by(_task.end_date.desc()).limit(MOST_SCORES))


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _runs(window: Window) -> Any:
    """Runs whose tasks may have done something in the window: of a run that ended before, none has."""
    mine = select(_run.number, _run.dag_id).where(window.is_of(_run.dag_id))
    ended = mine.where(window.has(_run.end_date))
    is_open = mine.where(is_one_of(_run.state, "queued", "running"), _run.end_date.is_(None))
    return union_all(ended, is_open).cte("looked_at")


def _tasks_of(window: Window, *columns: ColumnElement[Any]) -> Select[Any]:
    runs = _runs(window)
    return select(*columns).select_from(runs).join(t.task_instance, _task.run == runs.c.number)


def _tries_of(window: Window, *columns: ColumnElement[Any]) -> Select[Any]:
    runs = _runs(window)
    tries = select(*columns).select_from(runs).join(t.attempt, _attempt.run == runs.c.number)
    return tries.where(window.has(_attempt.ended_at))


def _holds(connection: Connection, column: ColumnElement[bytes], part: bytes) -> ColumnElement[bool]:
    """Bytes that hold others; the one thing here that databases say differently."""
    found = literal(part, LargeBinary)
    if connection.dialect.name == "postgresql":
        return func.position(found.op("IN")(column)) > 0
    return func.instr(column, found) > 0


def _spreads(connection: Connection, values: Select[Any]) -> dict[tuple[str, int], Spread]:
    """By series and step, of rows with `series`, `place` and `value`: percentiles by the nearest rank."""
    each = values.cte("each_value")
    group = (each.c.series, each.c.place)
    ranked = select(
        *group,
        each.c.value,
        func.row_number().over(partition_by=group, order_by=each.c.value).label("rank"),
        func.count().over(partition_by=group).label("size"),
    ).cte("ranked")
    parts = [func.max(case((ranked.c.rank == _nearest(ranked.c.size, part), ranked.c.value))) for part in PARTS]
    query = select(
        ranked.c.series, ranked.c.place, func.max(ranked.c.size), *parts, func.max(ranked.c.value)
    ).group_by(ranked.c.series, ranked.c.place)
    return {(series, place): Spread(*map(int, found)) for series, place, *found in connection.execute(query)}


def _nearest(size: ColumnElement[int], part: int) -> ColumnElement[int]:
    return (size * literal(part) + literal(99)) // literal(100)


def _alone(spreads: dict[tuple[str, int], Spread]) -> dict[int, Spread]:
    return {place: spread for (_, place), spread in spreads.items()}


def dense(by_place: dict[int, Any], places: int, *, nothing: Any = None) -> Sequence[Any]:
    """The values of all steps in their order."""
    return [by_place.get(place, nothing) for place in range(places)]
