"""How an installation fared over time, step by step of a window: what ended, how long it waited and took, what data
were worth, and what memory and CPU it cost.

The way to the tasks leads over the runs that ended in the window or go on, by the indexes of both: what ended before
costs nothing. A long window is looked at in pieces, so that no statement takes long.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeVar

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

MOST_TASKS = 200_000
"""Task instances that charts are made of: of more, the newest."""
LOOKED_INTO = 500
"""Runs whose task instances are counted to know how many all have."""
MOST_SCORES = 40_000
LONGEST_VALUE = 64_000
SCORE = b'"score"'
ROWS_AT_A_TIME = 2_000
PIECES = 24

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Window:
    """Steps of one length, of the Dags of a scope or of one of them."""

    start_us: int
    step_us: int
    scope: DagScope
    dag_id: str | None = None
    until_us: int | None = None

    def place(self, at: ColumnElement[Any]) -> ColumnElement[Any]:
        """Which step a moment lies in. Both databases divide whole numbers downwards where they are not negative."""
        return (at - literal(self.start_us)) // literal(self.step_us)

    def has(self, at: ColumnElement[Any]) -> ColumnElement[bool]:
        return at >= self.start_us if self.until_us is None else and_(at >= self.start_us, at < self.until_us)

    def holds(self, at: int | None) -> bool:
        return at is not None and self.start_us <= at and (self.until_us is None or at < self.until_us)

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
    """The newest part of the window that has about so many task instances, from the beginning of a step."""
    ended = (
        select(_run.number, _run.end_date)
        .where(window.has(_run.end_date), window.is_of(_run.dag_id))
        .order_by(_run.end_date.desc())
        .limit(most)
    )
    runs = connection.execute(ended).all()
    some = [run.number for run in runs[:: max(1, len(runs) // LOOKED_INTO)]]
    counted = connection.execute(select(func.count()).where(_task.run.in_(some))).scalar() or 0
    tasks = counted * len(runs) / max(1, len(some))
    if tasks <= most:
        return window if len(runs) < most else _from_step_after(window, runs[-1].end_date)
    return _from_step_after(window, runs[int(len(runs) * most / tasks)].end_date)


def _from_step_after(window: Window, at: int) -> Window:
    steps = (at - window.start_us) // window.step_us + 1
    return replace(window, start_us=window.start_us + steps * window.step_us)


def tasks_ended(connection: Connection, window: Window) -> dict[tuple[int, str], int]:
    """By step and state: task instances that ended so. One that was cleared since then counts when it ends anew."""
    place = window.place(_task.end_date).label("place")
    found: dict[tuple[int, str], int] = defaultdict(int)
    for runs in _runs(window):
        query = (
            select(place, _task.state, func.count())
            .select_from(runs)
            .join(t.task_instance, _task.run == runs.c.number)
            .where(window.has(_task.end_date), is_one_of(_task.state, *sorted(FINISHED)))
            .group_by("place", _task.state)
        )
        for step, state, count in connection.execute(query):
            found[step, state] += count
    return dict(found)


@dataclass(frozen=True, slots=True)
class Tries:
    """What tries tell, by step."""

    starts: dict[int, Spread]
    """How long tasks that began had been ready before, in microseconds."""
    slot_waits: dict[tuple[str, int], Spread]
    """The same, until they had a slot, by pool as well."""
    peak_bytes: dict[int, Spread]
    """Of those that ended."""
    cpu_seconds: dict[int, float]
    """The same."""


def tries(connection: Connection, window: Window) -> Tries:
    """What tries did in the window. They are looked at once, for all of it."""
    starts: dict[int, list[int]] = defaultdict(list)
    waits: dict[tuple[str, int], list[int]] = defaultdict(list)
    peaks: dict[int, list[int]] = defaultdict(list)
    seconds: dict[int, float] = defaultdict(float)
    first, step = window.start_us, window.step_us
    for row in _tries(connection, window):
        pool, assigned, started, ended, ready, peak, cpu = row
        if ready is not None:
            if window.holds(assigned) and assigned >= ready:
                waits[pool, (assigned - first) // step].append(assigned - ready)
            if window.holds(started) and started >= ready:
                starts[(started - first) // step].append(started - ready)
        if window.holds(ended):
            if peak is not None:
                peaks[(ended - first) // step].append(peak)
            if cpu is not None:
                seconds[(ended - first) // step] += cpu
    return Tries(_spreads(starts), _spreads(waits), _spreads(peaks), dict(seconds))


def _tries(connection: Connection, window: Window) -> Iterator[Any]:
    """Tries of the runs that are looked at; of the newest one of a task instance, since when that was ready."""
    newest = and_(
        _task.run == _attempt.run,
        _task.task_id == _attempt.task_id,
        _task.map_index == _attempt.map_index,
        _task.queued_at == _attempt.assigned_at,
    )
    for runs in _runs(window):
        query = (
            select(
                _attempt.pool, _attempt.assigned_at, _attempt.started_at, _attempt.ended_at, _task.scheduled_at,
                _attempt.peak_bytes, _attempt.cpu_seconds,
            )
            .select_from(runs)
            .join(t.attempt, _attempt.run == runs.c.number)
            .join(t.task_instance, newest, isouter=True)
        )  # fmt: skip
        yield from connection.execute(query, execution_options={"yield_per": ROWS_AT_A_TIME})


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
    query = select(window.place(_run.end_date), _run.end_date - _run.start_date).where(
        window.has(_run.end_date), _run.end_date >= _run.start_date, window.is_of(_run.dag_id)
    )
    return _by_place(connection, query)


def run_starts(connection: Connection, window: Window) -> dict[int, Spread]:
    """By step: how long runs that began in it could have begun before."""
    values: dict[int, list[int]] = defaultdict(list)
    could = case((_run.queued_at > _run.run_after, _run.queued_at), else_=_run.run_after)
    for runs in _runs(window):
        query = (
            select(window.place(_run.start_date), _run.start_date - could)
            .select_from(runs)
            .join(t.run, _run.number == runs.c.number)
            .where(window.has(_run.start_date), _run.start_date >= could)
        )
        for place, value in connection.execute(query):
            values[place].append(value)
    return _spreads(values)


def scores_left(connection: Connection, window: Window) -> list[Row]:
    """Small values that may hold a score, as tasks have left them: Dag, task, moment and value; not too many."""
    found: list[Row] = []
    for runs in reversed(_runs(window)):
        query = (
            select(runs.c.dag_id, _xcom.task_id, _xcom.at, _xcom.value)
            .select_from(runs)
            .join(t.xcom, _xcom.run == runs.c.number)
            .where(
                window.has(_xcom.at), func.length(_xcom.value) <= LONGEST_VALUE, _holds(connection, _xcom.value, SCORE)
            )
        )
        rows = connection.execute(query.order_by(_xcom.at.desc()).limit(MOST_SCORES - len(found)))
        found += [dict(row) for row in rows.mappings()]
    return found


def machines(connection: Connection, window: Window) -> list[Row]:
    """By worker and step what its machine had to do, in percent: of the CPU on average, of the memory and the disk at
    most. Workers of every Dag use it."""
    m = t.machine_minute.c
    place = window.place(m.at).label("place")
    query = (
        select(
            m.worker,
            place,
            func.avg(m.cpu).label("cpu"),
            func.max(m.memory).label("memory"),
            func.max(m.disk).label("disk"),
        )
        .where(window.has(m.at))
        .group_by(m.worker, place)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _runs(window: Window) -> list[Any]:
    """Runs whose tasks may have done something in the window, in pieces: of a run that ended before, none has."""
    mine = select(_run.number, _run.dag_id).where(window.is_of(_run.dag_id))
    edges = [window.start_us]
    if window.until_us is not None:
        long = (window.until_us - window.start_us) // PIECES
        edges += [window.start_us + n * long for n in range(1, PIECES)] + [window.until_us]
    ended = [mine.where(_run.end_date >= edge, _run.end_date < to) for edge, to in pairwise(edges)]
    is_open = mine.where(is_one_of(_run.state, "queued", "running"), _run.end_date.is_(None))
    return [
        *(piece.cte("looked_at") for piece in ended),
        union_all(mine.where(_run.end_date >= edges[-1]), is_open).cte("looked_at"),
    ]


def _holds(connection: Connection, column: ColumnElement[bytes], part: bytes) -> ColumnElement[bool]:
    """Bytes that hold others; the one thing here that databases say differently."""
    found = literal(part, LargeBinary)
    if connection.dialect.name == "postgresql":
        return func.position(found.op("IN")(column)) > 0
    return func.instr(column, found) > 0


def _by_place(connection: Connection, query: Select[Any]) -> dict[int, Spread]:
    values: dict[int, list[int]] = defaultdict(list)
    for place, value in connection.execute(query):
        values[place].append(value)
    return _spreads(values)


def _spreads(values: Mapping[Key, list[int]]) -> dict[Key, Spread]:
    return {key: _spread(sorted(found)) for key, found in values.items()}


def _spread(found: list[int]) -> Spread:
    """Percentiles by the nearest rank."""
    size = len(found)
    return Spread(size, found[(size * 50 + 99) // 100 - 1], found[(size * 95 + 99) // 100 - 1], found[-1])
