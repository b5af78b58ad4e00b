"""What alert rules have told people, and how far its delivery is.

A notice has a row for each channel; which Dag it is about is said by its JSON alone. That is looked at as text, so that
a notice which is stored damaged breaks no list, and is about no Dag that anybody sees.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, exists, func, literal, select, true
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.filters import is_one_of, like_any
from tradewind.store.reading.scope import in_scope

N = t.alert_notice.c
SUBJECT = '"subject": ["'
"""Before the id of the Dag. No text inside of JSON has it: each of its quotes would have a `\\` before it."""


class _Place(FunctionElement[int]):
    """Where in its first argument the second is, from 1 on; 0 where it is not."""

    type = Integer()
    inherit_cache = True


@compiles(_Place)
def _place(element: Any, compiler: Any, **options: Any) -> str:
    return f"instr({compiler.process(element.clauses, **options)})"


@compiles(_Place, "postgresql")
def _place_on_postgresql(element: Any, compiler: Any, **options: Any) -> str:
    return f"strpos({compiler.process(element.clauses, **options)})"


_REST = func.substr(N.notice, _Place(N.notice, literal(SUBJECT)) + len(SUBJECT)) + literal('"')
DAG_ID: ColumnElement[str] = case(
    (_Place(N.notice, literal(SUBJECT)) > 0, func.substr(_REST, 1, _Place(_REST, literal('"')) - 1)), else_=literal("?")
)
SORTABLE: Sortable = {"at": N.at}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeFilter:
    """Which notices; a field that is None asks for nothing. `state`: of the delivery over any of its channels."""

    dag: str | None = None
    rule: str | None = None
    severity: str | None = None
    status: str | None = None
    state: str | None = None
    alert: str | None = None


def own_rules(connection: Connection) -> dict[str, Row]:
    """By name, the alert rules that were written here: their text, by whom and when."""
    rows = connection.execute(select(t.own_alert_rule).order_by(t.own_alert_rule.c.name)).mappings()
    return {row["name"]: dict(row) for row in rows}


def silences(connection: Connection, after: int) -> list[Row]:
    """Silences that people asked for and that end after a moment, those that end first before others."""
    s = t.alert_silence.c
    query = select(t.alert_silence).where(s.end_date > after).order_by(s.end_date, s.id)
    return [dict(row) for row in connection.execute(query).mappings()]


def notices_listed(connection: Connection, scopes: Sequence[DagScope], wanted: NoticeFilter, page: Page) -> Listed:
    """Notices about Dags that are in each of the scopes, newest first; what is about no Dag is for those who may see
    all of them."""
    query = select(N.key, N.notice, N.at).where(_is_first(), *_visible(scopes), *_conditions(wanted))
    return paged(connection, query, page, SORTABLE, key=(N.key,), default=("-at",))


def unended_alerts(connection: Connection, scopes: Sequence[DagScope], since: int, most: int) -> list[Row]:
    """The newest notice of each alert of whose end nobody was told, of those told since then, newest first."""
    ended = func.max(case((N.status == "recovered", 1), else_=0))
    newest = select(N.alert, func.max(N.at).label("last")).where(N.at >= since).group_by(N.alert).having(ended == 0)
    of = newest.subquery()
    query = (
        select(N.key, N.notice, N.at)
        .join(of, and_(of.c.alert == N.alert, of.c.last == N.at))
        .where(N.at >= since, _is_first(), *_visible(scopes))
        .order_by(N.at.desc(), N.key)
        .limit(most)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def deliveries_of(connection: Connection, keys: Collection[str]) -> dict[str, list[Row]]:
    """By notice, how far it is over each channel, and whether an earlier one of its alert goes first."""
    earlier = t.alert_notice.alias("earlier")
    waits_behind = exists().where(
        N.state == "waiting", is_one_of(earlier.c.state, "waiting"), earlier.c.alert == N.alert,
        earlier.c.channel == N.channel, earlier.c.at < N.at,
    )  # fmt: skip
    query = (
        select(N.key, N.channel, N.state, N.error, N.ended_at, waits_behind.label("is_behind"))
        .where(N.key.in_(sorted(keys)))
        .order_by(N.key, N.channel)
    )
    found: dict[str, list[Row]] = {}
    for row in connection.execute(query).mappings() if keys else ():
        found.setdefault(row["key"], []).append(dict(row))
    return found


def channel_states(connection: Connection, since: int) -> dict[str, Row]:
    """By channel how many notices wait for it, and the newest end of a delivery since then: its moment, and whether it
    was taken."""
    query = (
        select(N.channel, N.state, func.count().label("count"), func.max(N.ended_at).label("last"))
        .where(N.at >= since)
        .group_by(N.channel, N.state)
    )
    found: dict[str, Row] = {}
    for row in connection.execute(query).mappings():
        of = found.setdefault(row["channel"], {"waiting": 0, "last_at": None, "last_state": ""})
        if row["state"] == "waiting":
            of["waiting"] = row["count"]
        elif row["last"] is not None and row["last"] > (of["last_at"] or 0):
            of |= {"last_at": row["last"], "last_state": row["state"]}
    return found


def rules_watched(connection: Connection) -> dict[str, tuple[str, int]]:
    """By name of a rule, the mark of how it was when a scheduler took it, and since when it is so."""
    query = select(t.alert_rule.c.name, t.alert_rule.c.fingerprint, t.alert_rule.c.since)
    return {row.name: (row.fingerprint, row.since) for row in connection.execute(query)}


def _is_first() -> ColumnElement[bool]:
    """One row of each notice."""
    other = t.alert_notice.alias("other")
    return ~exists().where(other.c.key == N.key, other.c.channel < N.channel)


def _visible(scopes: Sequence[DagScope]) -> list[ColumnElement[bool]]:
    return [in_scope(DAG_ID, scope) for scope in scopes]


def _conditions(wanted: NoticeFilter) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = [true()]
    if wanted.dag:
        found.append(like_any(DAG_ID, wanted.dag))
    if wanted.rule:
        found.append(like_any(N.rule, wanted.rule))
    if wanted.alert:
        found.append(N.alert == wanted.alert)
    if wanted.severity:
        found.append(_Place(N.notice, literal(f'"severity": "{wanted.severity}"')) > 0)
    if wanted.status:
        found.append(N.status == wanted.status)
    if wanted.state:
        sent = t.alert_notice.alias("sent")
        found.append(exists().where(sent.c.key == N.key, sent.c.state == wanted.state))
    return found
