"""Objects by a part of their name, for a palette: a few of each kind, the best first, at the price of one look each."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, func, select

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Row
from tradewind.store.reading.scope import escaped, in_scope, visible_dags

_dag, _run, _task = t.dag.c, t.run.c, t.task_instance.c
NEWEST_RUNS = 2_000
"""Runs that are looked through for one whose id is asked for."""


def dags_found(connection: Connection, scope: DagScope, text: str, most: int) -> list[Row]:
    """Dags whose id holds the text: those that begin with it first."""
    query = select(_dag.dag_id, _dag.is_paused).where(
        visible_dags(scope), _dag.is_stale.is_(False), _holds(_dag.dag_id, text)
    )
    return _rows(connection, query.order_by(_rank(_dag.dag_id, text), _dag.dag_id).limit(most))


def runs_found(connection: Connection, scope: DagScope, text: str, most: int) -> list[Row]:
    """Of the newest runs those whose id holds the text, newest first."""
    newest = select(func.max(_run.number)).scalar_subquery()
    query = select(_run.dag_id, _run.run_id, _run.state).where(
        _run.number > newest - NEWEST_RUNS, in_scope(_run.dag_id, scope), _holds(_run.run_id, text)
    )
    return _rows(connection, query.order_by(_run.number.desc()).limit(most))


def tasks_found(connection: Connection, scope: DagScope, text: str, most: int) -> list[Row]:
    """Tasks whose id holds the text, of the newest run of each Dag that ran lately. Not of all their runs: those of
    a Dag with thousands of tasks would take longer than a statement may."""
    newest = select(func.max(_run.number)).scalar_subquery()
    lately = select(func.max(_run.number)).where(_run.number > newest - NEWEST_RUNS // 4, in_scope(_run.dag_id, scope))
    query = (
        select(_run.dag_id, _task.task_id, func.max(_run.number).label("number"))
        .join(t.run, _run.number == _task.run)
        .where(_task.run.in_(lately.group_by(_run.dag_id)), _holds(_task.task_id, text))
        .group_by(_run.dag_id, _task.task_id)
    )
    found = query.order_by(_rank(_task.task_id, text), func.max(_run.number).desc()).limit(most).subquery()
    with_run = select(found.c.dag_id, found.c.task_id, _run.run_id).join(t.run, _run.number == found.c.number)
    return _rows(connection, with_run)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _holds(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    return func.lower(column).like(f"%{escaped(text.lower())}%", escape="\\")


def _rank(column: ColumnElement[str], text: str) -> ColumnElement[int]:
    return case((func.lower(column).like(f"{escaped(text.lower())}%", escape="\\"), 0), else_=1)
