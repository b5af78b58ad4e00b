"""Backfills: runs over a past range that somebody asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from tradewind.api.call import Call
from tradewind.api.display import names_of_dags
from tradewind.api.link import Refusal
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id, Instant
from tradewind.core.access import Resource
from tradewind.core.backfill_plan import Action as DateAction
from tradewind.core.backfill_plan import Reprocess
from tradewind.core.errors import BackfillConflict, DagNotFound, NotFound
from tradewind.store.reading.backfills import backfill_numbered, backfills_listed

routes = Routes("Backfill", prefix=f"{API}/backfills")


class BackfillResponse(Answer):
    id: int = Field(ge=0)
    dag_id: str
    from_date: Moment
    to_date: Moment
    dag_run_conf: dict[str, Any] | None
    is_paused: bool
    reprocess_behavior: Reprocess
    max_active_runs: int
    created_at: Moment
    completed_at: Moment | None
    updated_at: Moment
    dag_display_name: str


class BackfillCollectionResponse(Answer):
    backfills: list[BackfillResponse]
    total_entries: int


class DryRunBackfillResponse(Answer):
    """A date that would be run. A backfill goes by dates, so it has no partition."""

    logical_date: Moment | None
    partition_key: str | None
    partition_date: Moment | None


class DryRunBackfillCollectionResponse(Answer):
    backfills: list[DryRunBackfillResponse]
    total_entries: int


class BackfillPostBody(Body):
    dag_id: str
    from_date: Instant
    to_date: Instant
    run_backwards: bool = False
    dag_run_conf: dict[str, Any] | None = None
    reprocess_behavior: Reprocess = Reprocess.NONE
    max_active_runs: int = 10
    run_on_latest_version: bool | None = None


@routes.get("", Resource.BACKFILL, response_model=BackfillCollectionResponse)
def list_backfills(
    call: Asked, dag_id: str, limit: Limit = 50, offset: Offset = 0, order_by: OrderBy = None
) -> dict[str, Any]:
    """The backfills of a Dag; with `~` those of every Dag that the caller may see."""
    if dag_id != "~":
        call.permit(dag_id)
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        listed = backfills_listed(connection, call.scope, None if dag_id == "~" else dag_id, page)
        names = names_of_dags(call, connection, (row["dag_id"] for row in listed.rows))
    return collection("backfills", [_fields(row, names) for row in listed.rows], listed)


@routes.post("", Resource.BACKFILL, response_model=BackfillResponse)
def create_backfill(call: Asked, body: BackfillPostBody) -> dict[str, Any]:
    """Begin a backfill."""
    return _shown(call, _asked(call, body)["id"])


@routes.post("/dry_run", Resource.BACKFILL, response_model=DryRunBackfillCollectionResponse)
def create_backfill_dry_run(call: Asked, body: BackfillPostBody) -> dict[str, Any]:
    """The dates that a backfill would run."""
    dates = [
        {"logical_date": run["logical_date"], "partition_key": None, "partition_date": None}
        for run in _asked(call, body, dry_run=True)["runs"]
        if run["action"] != DateAction.LEAVE
    ]
    return {"backfills": dates, "total_entries": len(dates)}


@routes.get("/{backfill_id}", Resource.BACKFILL, response_model=BackfillResponse)
def get_backfill(call: Asked, backfill_id: Id) -> dict[str, Any]:
    """One backfill."""
    _permitted(call, backfill_id)
    return _shown(call, backfill_id)


@routes.put("/{backfill_id}/pause", Resource.BACKFILL, response_model=BackfillResponse)
def pause_backfill(call: Asked, backfill_id: Id) -> dict[str, Any]:
    """Start no further run of it until it goes on."""
    return _changed(call, "backfill.pause", backfill_id)


@routes.put("/{backfill_id}/unpause", Resource.BACKFILL, response_model=BackfillResponse)
def unpause_backfill(call: Asked, backfill_id: Id) -> dict[str, Any]:
    """Let it go on."""
    return _changed(call, "backfill.unpause", backfill_id)


@routes.put("/{backfill_id}/cancel", Resource.BACKFILL, response_model=BackfillResponse)
def cancel_backfill(call: Asked, backfill_id: Id) -> dict[str, Any]:
    """End it: its queued runs have failed, those that run go on."""
    return _changed(call, "backfill.cancel", backfill_id)


def _asked(call: Call, body: BackfillPostBody, **how: Any) -> dict[str, Any]:
    call.permit(body.dag_id)
    answer: dict[str, Any] = call.command(
        "backfill.create", dag_id=body.dag_id, from_date=body.from_date.isoformat(), to_date=body.to_date.isoformat(),
        run_backwards=body.run_backwards, conf=body.dag_run_conf, reprocess_behavior=body.reprocess_behavior.value,
        max_active_runs=body.max_active_runs, latest=body.run_on_latest_version, **how,
    )  # fmt: skip
    return answer


def _changed(call: Call, kind: str, number: int) -> dict[str, Any]:
    row = _permitted(call, number)
    if row["completed_at"] is not None:
        raise BackfillConflict(f"Backfill {number} is {row['state']} already; nothing of it can be changed.")
    try:
        call.command(kind, id=number, dag_id=row["dag_id"])
    except Refusal as refused:
        if refused.kind != "BackfillNotFound":
            raise
        raise BackfillConflict(f"Backfill {number} has ended meanwhile.") from None
    return _shown(call, number)


def _permitted(call: Call, number: int) -> dict[str, Any]:
    """A backfill of a Dag for which the caller may do what the route needs. One that they may not see is none."""
    row = _row(call, number)
    try:
        call.permit(row["dag_id"], call.need)
    except DagNotFound:
        raise NotFound(f"There is no backfill {number}.") from None
    return row


def _row(call: Call, number: int) -> dict[str, Any]:
    with call.reading() as connection:
        row = backfill_numbered(connection, number)
    if row is None:
        raise NotFound(f"There is no backfill {number}.")
    return row


def _shown(call: Call, number: int) -> dict[str, Any]:
    row = _row(call, number)
    with call.reading() as connection:
        return _fields(row, names_of_dags(call, connection, [row["dag_id"]]))


def _fields(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "id": row["id"],
        "dag_id": row["dag_id"],
        "from_date": row["from_date"],
        "to_date": row["to_date"],
        "dag_run_conf": json.loads(row["conf"]),
        "is_paused": row["is_paused"],
        "reprocess_behavior": row["reprocess"],
        "max_active_runs": row["max_active"],
        "created_at": row["created_at"],
        "completed_at": row["completed_at"],
        "updated_at": row["updated_at"],
        "dag_display_name": names[row["dag_id"]],
    }
