"""The list of Dags."""

from __future__ import annotations

import json
import time
from typing import Annotated, Any, Literal

import msgspec
from fastapi import Query, Response

from tradewind.api.models import Answer, Limit, Offset, page_of
from tradewind.api.public.import_errors import error_scopes
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Resource
from tradewind.store.paging import Page
from tradewind.store.reading.dags import DagFilter
from tradewind.store.reading.home import dag_counts
from tradewind.store.reading.import_errors import ErrorFilter, import_errors_listed
from tradewind.store.reading.overview import (
    Attention,
    dag_overview,
    facets,
    favorites_of,
    last_runs,
    next_is_late,
)

routes = Routes("UI", prefix=UI)
DAY_US = 24 * 3600 * 1_000_000
NEWEST = Page(limit=5, order_by=("-timestamp",), counted=False)
_json = msgspec.json.Encoder().encode


class RunBar(Answer):
    """One of a Dag's last runs."""

    run_id: str
    state: str
    run_type: str
    run_after: int
    start: int | None
    end: int | None


class DagRow(Answer):
    dag_id: str
    description: str | None
    tags: list[str]
    owners: list[str]
    schedule: str
    is_paused: bool
    is_late: bool
    last_state: str | None
    """Of the newest run that is over."""
    open_runs: int
    next_run_after: int | None
    runs: list[RunBar]
    is_favorite: bool
    """Among the favourites of whoever asks."""


class DagCounts(Answer):
    all: int
    failing: int
    running: int
    late: int
    paused: int


class BrokenFile(Answer):
    file: str
    line: int | None
    message: str
    at: int


class DagList(Answer):
    dags: list[DagRow]
    total: int
    counts: DagCounts
    broken: list[BrokenFile]
    """Files that could not be read, newest first."""
    favorites: int
    now: int
    fresh_until: int
    """Until when it is good if nothing happens: then another Dag is late."""


class Facet(Answer):
    name: str
    count: int


class DagFacets(Answer):
    """What the list can be narrowed by: those that most Dags have first."""

    tags: list[Facet]
    owners: list[Facet]


@routes.get("/dags", Resource.DAG, response_model=DagList, packed=True)
def list_dags(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    search: str = "",
    sort: Literal["attention", "dag_id", "-dag_id", "next_run_after", "-last_run", "owners"] = "attention",
    tags: Annotated[list[str], Query()] = [],  # noqa: B006
    owners: Annotated[list[str], Query()] = [],  # noqa: B006
    show: Annotated[list[Literal["failing", "running", "late"]], Query()] = [],  # noqa: B006
    paused: bool | None = None,
    favorite: bool | None = None,
) -> Response:
    """A page of the list with what is above it: counts, and files that cannot be read."""
    now_us = time.time_ns() // 1000
    wanted = DagFilter(
        text=search.strip(), tags=tags, owners=owners, paused=paused,
        favorite=favorite, whose=call.caller.name,
    )  # fmt: skip
    attention = Attention(failing="failing" in show, running="running" in show, late="late" in show)
    with call.reading() as connection:
        page = page_of(call.settings.api.maximum_page_limit, limit, offset, [sort])
        listed = dag_overview(connection, call.scope, wanted, attention, page, now_us)
        runs = last_runs(connection, [row["dag_id"] for row in listed.rows])
        failing = listed.rows[0]["failing_dags"] if listed.rows else None
        counts = dag_counts(connection, call.scope, now_us, failing)
        favorites = favorites_of(connection, call.scope, call.caller.name)
        broken = import_errors_listed(connection, error_scopes(call), ErrorFilter(), NEWEST).rows
        late_at = next_is_late(connection, call.scope, now_us)
    body = {
        "dags": [
            {
                **dag_row(row),
                "runs": runs.get(row["dag_id"], []),
                "is_favorite": row["dag_id"] in favorites,
            }
            for row in listed.rows
        ],
        "total": listed.total,
        "counts": counts,
        "broken": [{name: row[name] for name in BrokenFile.model_fields} for row in broken],
        "favorites": len(favorites),
        "now": now_us,
        "fresh_until": now_us + DAY_US if late_at is None else late_at,
    }
    # Written without being looked at again: a page has a thousand runs, and what they are is what the store says.
    return Response(_json(body), media_type="application/json")


@routes.get("/dag_facets", Resource.DAG, response_model=DagFacets, packed=True)
def dag_facets(call: Asked) -> dict[str, Any]:
    """Tags and owners of the Dags that the caller may see, with how many have each."""
    with call.reading() as connection:
        tags, owners = facets(connection, call.scope)
    return {
        kind: [{"name": name, "count": count} for name, count in counted.most_common()]
        for kind, counted in (("tags", tags), ("owners", owners))
    }


def dag_row(row: dict[str, Any]) -> dict[str, Any]:
    """A Dag's row as the list has it."""
    return {
        "dag_id": row["dag_id"],
        "description": row["description"],
        "tags": json.loads(row["tags"]),
        "owners": [owner for owner in row["owners"].split(", ") if owner],
        "schedule": row["timetable_summary"],
        "is_paused": row["is_paused"],
        "is_late": row["is_late"],
        "last_state": row["last_state"],
        "open_runs": row["open_runs"],
        "next_run_after": row["next_run_after"],
    }
