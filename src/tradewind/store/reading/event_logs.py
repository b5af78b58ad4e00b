"""The event log, as people look at it: what somebody asked for, and what followed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, null, select

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import like_any
from tradewind.store.reading.scope import escaped, in_scope
from tradewind.wire.events import (
    COMMAND,
    CONNECTION_DELETED,
    CONNECTION_SET,
    POOL_DELETED,
    POOL_SET,
    VARIABLE_DELETED,
    VARIABLE_SET,
)

E = t.event.c
SAID_TWICE = (CONNECTION_DELETED, CONNECTION_SET, POOL_DELETED, POOL_SET, VARIABLE_DELETED, VARIABLE_SET)
"""What follows from a command and says no more than that."""

EVENT = case((E.name == COMMAND, E.after), else_=E.name)
OWNER = case((E.name == COMMAND, E.reason), else_=null())
NAMED: Mapping[str, ColumnElement[Any]] = {
    "dag_id": E.dag_id, "task_id": E.task_id, "run_id": E.run_id, "owner": OWNER, "event": EVENT,
}  # fmt: skip
"""What can be asked for by its text."""

SORTABLE: Sortable = {
    "id": E.seq,
    "when": E.seq,  # a later event is never given an earlier place
    "dttm": E.seq,
    "map_index": E.map_index,
    "try_number": E.try_number,
    "logical_date": t.run.c.logical_date,
    **NAMED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class EventLogFilter:
    """Which lines; a field that is None or empty asks for nothing. The keys of mappings are those of NAMED."""

    exact: Mapping[str, str | None] = field(default_factory=dict)
    patterns: Mapping[str, str | None] = field(default_factory=dict)
    prefixes: Mapping[str, str | None] = field(default_factory=dict)
    map_index: int | None = None
    try_number: int | None = None
    included: Sequence[str] | None = None
    excluded: Sequence[str] | None = None
    before: int | None = None
    after: int | None = None


def event_logs_listed(connection: Connection, scope: DagScope, wanted: EventLogFilter, page: Page) -> Listed:
    """Lines about the Dags in the scope; what is about no Dag is for those who may see all of them."""
    query = _lines().where(in_scope(E.dag_id, scope), *_conditions(wanted))
    return paged(connection, query, page, SORTABLE, key=(E.seq,), default=("id",))


def event_log_numbered(connection: Connection, scope: DagScope, number: int) -> Row | None:
    """One line, if it is in the scope."""
    query = _lines().where(E.seq == number, in_scope(E.dag_id, scope))
    row = connection.execute(query).mappings().first()
    return dict(row) if row else None


def _lines() -> Select[Any]:
    of_run = and_(t.run.c.dag_id == E.dag_id, t.run.c.run_id == E.run_id)
    return (
        select(t.event, EVENT.label("event"), OWNER.label("owner"), t.run.c.logical_date)
        .join(t.run, of_run, isouter=True)
        .where(E.name.not_in(SAID_TWICE))
    )


def _conditions(wanted: EventLogFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [NAMED[name] == text for name, text in wanted.exact.items() if text is not None]
    found += [like_any(NAMED[name], text) for name, text in wanted.patterns.items() if text]
    found += [
        NAMED[name].like(f"{escaped(text)}%", escape="\\") for name, text in wanted.prefixes.items() if text
    ]  # fmt: skip
    if wanted.map_index is not None:
        found += [E.map_index == wanted.map_index, E.task_id != ""]
    if wanted.try_number is not None:
        found.append(E.try_number == wanted.try_number)
    if wanted.included:
        found.append(EVENT.in_(wanted.included))
    if wanted.excluded:
        found.append(EVENT.not_in(wanted.excluded))
    if wanted.before is not None:
        found.append(E.at < wanted.before)
    if wanted.after is not None:
        found.append(E.at > wanted.after)
    return found
