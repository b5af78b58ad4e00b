"""Dags: listing, looking, pausing, deleting."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Query

from tradewind.api.call import Call
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.errors import DagNotFound, InvalidInput
from tradewind.store.reading.dags import DagFilter, dag_named, dags_listed

routes = Routes("DAG", prefix="/dags")


class DagTagResponse(Answer):
    name: str
    dag_id: str
    dag_display_name: str


class DAGResponse(Answer):
    """A Dag as lists show it."""

    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: Moment | None
    last_parse_duration: float | None
    last_expired: Moment | None = None
    bundle_name: str | None = "dags-folder"
    bundle_version: str | None = None
    relative_fileloc: str | None
    fileloc: str
    description: str | None
    timetable_summary: str | None
    tags: list[DagTagResponse]
    max_active_tasks: int
    max_active_runs: int | None
    has_import_errors: bool
    next_dagrun_logical_date: Moment | None
    next_dagrun_data_interval_start: Moment | None
    next_dagrun_data_interval_end: Moment | None
    next_dagrun_run_after: Moment | None
    owners: list[str]


class DAGCollectionResponse(Answer):
    dags: list[DAGResponse]
    total_entries: int


class DAGPatchBody(Body):
    is_paused: bool


@routes.get("", Resource.DAG, response_model=DAGCollectionResponse)
def get_dags(
    call: Asked,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
    tags: Annotated[list[str], Query()] = [],  # noqa: B006
    tags_match_mode: Annotated[str | None, Query(pattern="^(any|all)$")] = None,
    owners: Annotated[list[str], Query()] = [],  # noqa: B006
    dag_id_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    exclude_stale: bool = True,
    paused: bool | None = None,
    has_import_errors: bool | None = None,
) -> dict[str, Any]:
    """The Dags that the caller may see."""
    wanted = DagFilter(
        dag_id_pattern=dag_id_pattern,
        dag_id_prefix=dag_id_prefix_pattern,
        tags=tags,
        every_tag=tags_match_mode == "all",
        owners=owners,
        paused=paused,
        stale=False if exclude_stale else None,
        has_import_errors=has_import_errors,
    )
    with call.reading() as connection:
        page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
        listed = dags_listed(connection, call.scope, wanted, page)
    return collection("dags", [dag_fields(call, row) for row in listed.rows], listed)


@routes.get("/{dag_id}", Resource.DAG, response_model=DAGResponse)
def get_dag(call: Asked, dag_id: str) -> dict[str, Any]:
    """One Dag."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
    if row is None:
        raise DagNotFound(dag_id)
    return dag_fields(call, row)


@routes.patch("/{dag_id}", Resource.DAG, response_model=DAGResponse)
def patch_dag(
    call: Asked, dag_id: str, body: DAGPatchBody, update_mask: Annotated[list[str] | None, Query()] = None
) -> dict[str, Any]:
    """Pause it, or let it go on."""
    if update_mask is not None and update_mask != ["is_paused"]:
        raise InvalidInput(f"update_mask {', '.join(update_mask)[:60]!r}: of a Dag only is_paused can be changed.")
    call.command("dag.pause" if body.is_paused else "dag.unpause", dag_id=dag_id)
    return get_dag(call, dag_id)


@routes.delete("/{dag_id}", Resource.DAG)
def delete_dag(call: Asked, dag_id: str) -> dict[str, Any]:
    """Delete a Dag with all its runs. It comes back, without them, while its file still defines it."""
    call.command("dag.delete", dag_id=dag_id)
    return {}


def dag_fields(call: Call, row: dict[str, Any]) -> dict[str, Any]:
    """A Dag's row as an answer."""
    return {
        "dag_id": row["dag_id"],
        "dag_display_name": row["dag_id"],
        "is_paused": row["is_paused"],
        "is_stale": row["is_stale"],
        "last_parsed_time": row["parsed_at"],
        "last_parse_duration": row["parse_seconds"],
        "relative_fileloc": row["file"],
        "fileloc": str(call.settings.core.dags_folder / row["file"]),
        "description": row["description"],
        "timetable_summary": row["timetable_summary"],
        "tags": [
            {"name": tag, "dag_id": row["dag_id"], "dag_display_name": row["dag_id"]} for tag in json.loads(row["tags"])
        ],
        "max_active_tasks": row["max_active_tasks"],
        "max_active_runs": row["max_active_runs"],
        "has_import_errors": row["has_import_errors"],
        "next_dagrun_logical_date": row["next_logical_date"],
        "next_dagrun_data_interval_start": row["next_interval_start"],
        "next_dagrun_data_interval_end": row["next_interval_end"],
        "next_dagrun_run_after": row["next_run_after"],
        "owners": [owner for owner in row["owners"].split(", ") if owner],
    }
