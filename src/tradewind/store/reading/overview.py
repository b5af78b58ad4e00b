"""Dags as the overview shows them: what needs attention first, each with its last runs.

What is late, failing or running is read from rows that say it, so that a list of thousands of Dags costs one look at
the newest run of each.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    and_,
    case,
    func,
    or_,
    select,
    type_coerce,
    union_all,
)  # fmt: skip

from tradewind.core.access import DagScope
from tradewind.store import tables as t
from tradewind.store.paging import Listed, Page, Row, Sortable, paged
from tradewind.store.reading.dags import DagFilter, conditions
from tradewind.store.reading.scope import visible_dags

LATE_US = 60_000_000
"""How long after its moment a run that has not been made is late."""
BARS = 25

_of_dag = t.run.c.dag_id == t.dag.c.dag_id
_open = t.run.c.state.in_(("queued", "running"))
_over = t.run.c.state.in_(("success", "failed"))


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
    due = t.dag.c.next_run_after
    coming = (t.dag.c.is_paused.is_(False), t.dag.c.is_stale.is_(False), due >= now_us - LATE_US)
    found = connection.execute(select(func.min(due)).where(visible_dags(scope), *coming)).scalar_one()
    return None if found is None else int(found) + LATE_US + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Attention:
    """What a reader looks for; a field that is False asks for nothing."""

    failing: bool = False
    running: bool = False
    late: bool = False


def dag_overview(
    connection: Connection, scope: DagScope, wanted: DagFilter, attention: Attention, page: Page, now_us: int
) -> Listed:
    """Rows of Dags with `last_state` (of the newest run that is over), `open_runs` and `is_late`."""
    last_state = _newest(t.run.c.state, _over)
    open_runs = select(func.count()).where(_of_dag, _open).scalar_subquery()
    is_failing, is_late = last_state == "failed", is_late_at(now_us)
    rank = case((is_failing, 0), (is_late, 1), (open_runs > 0, 2), (t.dag.c.is_paused, 4), else_=3)
    sortable: Sortable = {
        "dag_id": t.dag.c.dag_id, "attention": rank, "next_run_after": t.dag.c.next_run_after,
        "last_run": _newest(func.coalesce(t.run.c.start_date, t.run.c.run_after)),
        "owners": t.dag.c.owners,
    }  # fmt: skip
    query = select(
        t.dag,
        last_state.label("last_state"),
        open_runs.label("open_runs"),
        type_coerce(is_late, Boolean).label("is_late"),
    ).where(visible_dags(scope), *conditions(wanted))
    asked = [condition for condition, is_asked in (
        (is_failing, attention.failing), (open_runs > 0, attention.running), (is_late, attention.late)
    ) if is_asked]  # fmt: skip
    if asked:
        query = query.where(or_(*asked))
    return paged(connection, query, page, sortable, key=(t.dag.c.dag_id,), default=("attention",))


def last_runs(connection: Connection, dag_ids: Sequence[str], most: int = BARS) -> dict[str, list[Row]]:
    """The newest runs of each Dag, oldest first, in one statement."""
    run = t.run.c
    columns = (run.dag_id, run.run_id, run.number, run.state, run.run_type, run.run_after, run.start_date, run.end_date)
    found: dict[str, list[Row]] = defaultdict(list)
    for some in (dag_ids[at : at + 100] for at in range(0, len(dag_ids), 100)):
        each = [
            select(select(*columns).where(run.dag_id == dag_id).order_by(run.number.desc()).limit(most).subquery())
            for dag_id in some
        ]
        for row in connection.execute(union_all(*each)).mappings():
            found[row["dag_id"]].append(dict(row))
    return {dag_id: sorted(rows, key=lambda row: row["number"]) for dag_id, rows in found.items()}


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
