"""Dags as the overview shows them: what needs attention first, each with its last runs.

What is late, failing or running is read from rows that say it, so that a list of thousands of Dags costs one look at
the newest run of each.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Integer,
    Select,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    type_coerce,
)  # fmt: skip

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import DagFilter, conditions
from tradewind.store.reading.filters import is_one_of
from tradewind.store.reading.scope import visible_dags

LATE_US = 60_000_000
"""How long after its moment a run that has not been made is late."""
BARS = 25

_SHOWN = ("dag_id", "description", "tags", "owners", "timetable_summary", "is_paused", "next_run_after")
_of_dag = t.run.c.dag_id == t.dag.c.dag_id
_open = is_one_of(t.run.c.state, "queued", "running")
_over = is_one_of(t.run.c.state, "success", "failed")


def _newest(column: ColumnElement[Any], *where: ColumnElement[bool]) -> ColumnElement[Any]:
    return select(column).where(_of_dag, *where).order_by(t.run.c.number.desc()).limit(1).scalar_subquery()


def newest_over(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column of the newest run of a Dag that is over."""
    return _newest(column, _over)


def is_late_at(now_us: int) -> ColumnElement[bool]:
    """Whether the next run of a Dag should have been made."""
    due = t.dag.c.next_run_after
    return and_(t.dag.c.is_paused.is_(False), due.is_not(None), due < now_us - LATE_US)


def next_is_late(connection: Connection, scope: DagScope, now_us: int) -> int | None:
    """When the next Dag will be late that is not yet, unless its run is made; None where none is due."""
    found = connection.execute(_next_due(scope), {"since": now_us - LATE_US}).scalar_one()
    return None if found is None else int(found) + LATE_US + 1


@lru_cache(256)
def _next_due(scope: DagScope) -> Select[Any]:
    due = t.dag.c.next_run_after
    coming = (t.dag.c.is_paused.is_(False), t.dag.c.is_stale.is_(False), due >= bindparam("since"))
    return select(func.min(due)).where(visible_dags(scope), *coming)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What a reader looks for; a field that is False asks for nothing."""

    failing: bool = False
    running: bool = False
    late: bool = False


def dag_overview(
    connection: Connection, scope: DagScope, wanted: DagFilter, attention: Attention, page: Page, now_us: int
) -> Listed:
    """Rows of Dags with `last_state` (of the newest run that is over), `open_runs` and `is_late`; and in each row
    `failing_dags`: of how many Dags of the scope, wanted or not, the last state is `failed`."""
    which = (visible_dags(scope), *conditions(wanted))
    # What the order and the count need of every Dag is found once for each, however often it is named below.
    last = select(t.dag.c.dag_id, newest_over(t.run.c.state).label("state"))
    last_run = last.where(visible_dags(scope), t.dag.c.is_stale.is_(False)).cte("last_run").prefix_with("MATERIALIZED")
    failing_dags = select(func.count()).select_from(last_run).where(last_run.c.state == "failed").scalar_subquery()
    open_now = select(t.run.c.dag_id, func.count().label("runs")).where(_open).group_by(t.run.c.dag_id).subquery()
    last_state, open_runs = last_run.c.state, func.coalesce(open_now.c.runs, 0)
    is_failing, is_late = last_state == "failed", is_late_at(now_us)
    rank = case((is_failing, 0), (is_late, 1), (open_runs > 0, 2), (t.dag.c.is_paused, 4), else_=3)
    sortable: Sortable = {
        "dag_id": t.dag.c.dag_id, "attention": rank, "next_run_after": t.dag.c.next_run_after,
        "last_run": _newest(func.coalesce(t.run.c.start_date, t.run.c.run_after)),
        "owners": t.dag.c.owners,
    }  # fmt: skip
    query = (
        select(
            *(t.dag.c[name] for name in _SHOWN),
            last_state.label("last_state"),
            open_runs.label("open_runs"),
            type_coerce(is_late, Boolean).label("is_late"),
            failing_dags.label("failing_dags"),
        )
        .join_from(t.dag, last_run, last_run.c.dag_id == t.dag.c.dag_id, isouter=True)
        .join(open_now, open_now.c.dag_id == t.dag.c.dag_id, isouter=True)
        .where(*which)
    )
    asked = [condition for condition, is_asked in (
        (is_failing, attention.failing), (open_runs > 0, attention.running), (is_late, attention.late)
    ) if is_asked]  # fmt: skip
    if asked:
        query = query.where(or_(*asked))
    counting = None if asked else select(func.count()).select_from(t.dag).where(*which)
    return paged(
        connection, query, page, sortable, key=(t.dag.c.dag_id,), default=("attention",), counting=counting
    )  # fmt: skip


def last_runs(connection: Connection, dag_ids: Sequence[str], most: int = BARS) -> dict[str, list[Row]]:
    """The newest runs of each Dag, oldest first, in one statement; each as `run_id`, `state`, `run_type`, `run_after`,
    `start` and `end`."""
    found: dict[str, list[Row]] = defaultdict(list)
    asked = connection.execute(_LAST_RUNS, {"dag_ids": list(dag_ids), "before": most - 1})
    for dag_id, run_id, state, run_type, run_after, start, end in asked.all():
        found[dag_id].append(
            {
                "run_id": run_id, "state": state, "run_type": run_type, "run_after": run_after, "start": start,
                "end": end,
            }
        )  # fmt: skip
    return found


def _last_runs() -> Select[Any]:
    """Of the Dags named `dag_ids`, the runs since the one that has `before` newer ones. Made once: to say it takes as
    long as to answer it."""
    run, older = t.run.c, t.run.alias("older").c
    first = select(older.number).where(older.dag_id == t.dag.c.dag_id).order_by(older.number.desc())
    first = first.limit(1).offset(bindparam("before", type_=Integer)).correlate(t.dag)
    return (
        select(*(run[name] for name in _OF_RUN))
        .join_from(t.dag, t.run, and_(_of_dag, run.number >= func.coalesce(first.scalar_subquery(), 0)))
        .where(t.dag.c.dag_id.in_(bindparam("dag_ids", expanding=True)))
        .order_by(run.dag_id, run.number)
    )


_OF_RUN = ("dag_id", "run_id", "state", "run_type", "run_after", "start_date", "end_date")
_LAST_RUNS = _last_runs()


def favorites_of(connection: Connection, scope: DagScope, username: str) -> set[str]:
    """The Dags that somebody has among their favourites, of those that there are."""
    query = select(t.favorite.c.dag_id).join(t.dag, t.dag.c.dag_id == t.favorite.c.dag_id)
    mine = query.where(t.favorite.c.username == username, t.dag.c.is_stale.is_(False), visible_dags(scope))
    return set(connection.execute(mine).scalars())


def facets(connection: Connection, scope: DagScope) -> tuple[Counter[str], Counter[str]]:
    """How many Dags have each tag, and each owner."""
    tags: Counter[str] = Counter()
    owners: Counter[str] = Counter()
    query = select(t.dag.c.tags, t.dag.c.owners, func.count()).where(visible_dags(scope), t.dag.c.is_stale.is_(False))
    for tagged, owned, count in connection.execute(query.group_by(t.dag.c.tags, t.dag.c.owners)):
        tags.update(dict.fromkeys(json.loads(tagged), count))
        owners.update(dict.fromkeys((owner for owner in owned.split(", ") if owner), count))
    return tags, owners
