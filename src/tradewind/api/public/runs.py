"""Runs of Dags: looking, making, marking, clearing, deleting, waiting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time
from enum import StrEnum
from typing import Annotated, Any, Literal

from fastapi import Query
from pydantic import Field
from sqlalchemy import Connection

from tradewind.api.bounds import SIDES, durations, moment_us, moments, seconds_us
from tradewind.api.call import Call
from tradewind.api.display import display_names
from tradewind.api.models import Answer, Body, Cursor, Limit, Moment, Offset, OrderBy, page_of
from tradewind.api.public.versions import DagVersionResponse, version_fields
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, Resource
from tradewind.core.errors import RunNotFound
from tradewind.core.states import RunState, RunType
from tradewind.store.paging import Page, Row
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.runs import RunFilter, run_row, runs_listed, versions_of_runs
from tradewind.store.times import to_us

routes = Routes("DagRun", prefix=f"{API}/dags/{{dag_id}}")

MOST = 2**53
Number = Annotated[int, Field(ge=0, le=2**31 - 1)]
Names = Annotated[list[str], Field(max_length=1000)]
Seconds = Annotated[float, Field(allow_inf_nan=False)]
StateAsked = Literal["queued", "running", "success", "failed", "none"]


class DagRunTriggeredByType(StrEnum):
    """What asked for a run."""

    CLI = "cli"
    OPERATOR = "operator"
    REST_API = "rest_api"
    UI = "ui"
    TEST = "test"
    TIMETABLE = "timetable"
    ASSET = "asset"
    BACKFILL = "backfill"


class DAGRunResponse(Answer):
    """A run. There are no bundles with versions here, and no moment at which a scheduler last looked at a run."""

    dag_run_id: str
    dag_id: str
    logical_date: Moment | None
    queued_at: Moment | None
    start_date: Moment | None
    end_date: Moment | None
    duration: float | None
    data_interval_start: Moment | None
    data_interval_end: Moment | None
    run_after: Moment
    last_scheduling_decision: Moment | None
    run_type: RunType
    state: RunState
    triggered_by: DagRunTriggeredByType | None
    triggering_user_name: str | None
    conf: dict[str, Any] | None
    note: str | None
    dag_versions: list[DagVersionResponse]
    bundle_version: str | None
    dag_display_name: str
    partition_key: str | None
    partition_date: Moment | None


class DAGRunCollectionResponse(Answer):
    """A page of runs. Runs are always counted whole, so `total_entries_limit` is null."""

    dag_runs: list[DAGRunResponse]
    total_entries: int | None = None
    total_entries_limit: int | None = None
    next_cursor: str | None = None
    previous_cursor: str | None = None


Pattern = Annotated[str | None, Query(description="`%` and `_` are wildcards, `|` stands between alternatives.")]
Prefix = Annotated[str | None, Query(description="Upper and lower case differ; `|` stands between alternatives.")]


@routes.get("/dagRuns", Resource.RUN, response_model=DAGRunCollectionResponse)
def get_dag_runs(
    call: Asked,
    dag_id: str,
    run_after: Bounds = moments("run_after"),
    logical_date: Bounds = moments("logical_date"),
    start_date: Bounds = moments("start_date"),
    end_date: Bounds = moments("end_date"),
    updated_at: Bounds = moments("updated_at"),
    duration: Bounds = durations("duration"),
    partition_date_gte: date | None = None,
    partition_date_lte: date | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    offset: Offset = 0,
    conf_contains: str = "",
    run_type: Annotated[list[RunType], Query()] = [],  # noqa: B006
    state: Annotated[list[StateAsked], Query()] = [],  # noqa: B006
    dag_version: Annotated[list[Number], Query()] = [],  # noqa: B006
    bundle_version: Annotated[str | None, Query(description="Nothing here has one.")] = None,
    order_by: OrderBy = None,
    run_id_pattern: Pattern = None,
    run_id_prefix_pattern: Prefix = None,
    triggering_user_name_pattern: Pattern = None,
    triggering_user_name_prefix_pattern: Prefix = None,
    dag_id_pattern: Pattern = None,
    dag_id_prefix_pattern: Prefix = None,
    partition_key_pattern: Pattern = None,
    partition_key_prefix_pattern: Prefix = None,
    consuming_asset_pattern: Pattern = None,
) -> dict[str, Any]:
    """The runs of a Dag, or with `~` those of all Dags that the caller may see."""
    wanted = RunFilter(
        dag_ids=None if dag_id == "~" else (dag_id,),
        run_types=run_type,
        states=_states(state) if state else None,
        ranges={
            "run_after": run_after,
            "logical_date": logical_date,
            "start_date": start_date,
            "end_date": end_date,
            "updated_at": updated_at,
            "duration": duration,
            "partition_date": _days(partition_date_gte, partition_date_lte),
        },
        conf_contains=conf_contains,
        versions=dag_version,
        nothing=bundle_version is not None,
        run_id_pattern=run_id_pattern,
        run_id_prefix=run_id_prefix_pattern,
        user_pattern=triggering_user_name_pattern,
        user_prefix=triggering_user_name_prefix_pattern,
        dag_id_pattern=dag_id_pattern,
        dag_id_prefix=dag_id_prefix_pattern,
        partition_key_pattern=partition_key_pattern,
        partition_key_prefix=partition_key_prefix_pattern,
        consumed_asset_pattern=consuming_asset_pattern,
    )
    return listed(call, wanted, page_of(call.settings.api.maximum_page_limit, limit, offset, order_by, cursor))


class DAGRunsBatchBody(Body):
    order_by: str | None = None
    page_offset: Annotated[int, Field(ge=0, le=MOST)] = 0
    page_limit: Annotated[int, Field(ge=0)] = 100
    dag_ids: Names | None = None
    states: Annotated[list[RunState | None], Field(max_length=100)] | None = None
    run_after_gte: datetime | None = None
    run_after_gt: datetime | None = None
    run_after_lte: datetime | None = None
    run_after_lt: datetime | None = None
    logical_date_gte: datetime | None = None
    logical_date_gt: datetime | None = None
    logical_date_lte: datetime | None = None
    logical_date_lt: datetime | None = None
    start_date_gte: datetime | None = None
    start_date_gt: datetime | None = None
    start_date_lte: datetime | None = None
    start_date_lt: datetime | None = None
    end_date_gte: datetime | None = None
    end_date_gt: datetime | None = None
    end_date_lte: datetime | None = None
    end_date_lt: datetime | None = None
    duration_gte: Seconds | None = None
    duration_gt: Seconds | None = None
    duration_lte: Seconds | None = None
    duration_lt: Seconds | None = None
    conf_contains: str | None = None

    def bounds(self, name: str) -> Bounds:
        """The four fields of this name."""
        to_number = seconds_us if name == "duration" else moment_us
        given = (getattr(self, f"{name}_{side}") for side in SIDES)
        return Bounds(*(None if value is None else to_number(value) for value in given))


@routes.post("/dagRuns/list", Resource.RUN, Action.READ, response_model=DAGRunCollectionResponse)
def get_list_dag_runs_batch(call: Asked, dag_id: Literal["~"], body: DAGRunsBatchBody) -> dict[str, Any]:
    """Runs of any Dags that the caller may see; for filters that are too long for an address."""
    wanted = RunFilter(
        dag_ids=body.dag_ids,
        states=[state for state in body.states if state] if body.states is not None else None,
        ranges={
            name: body.bounds(name) for name in ("run_after", "logical_date", "start_date", "end_date", "duration")
        },
        conf_contains=body.conf_contains or "",
    )
    order_by = [body.order_by] if body.order_by else None
    return listed(
        call, wanted, page_of(call.settings.api.maximum_page_limit, body.page_limit, body.page_offset, order_by)
    )


@routes.get("/dagRuns/{dag_run_id}", Resource.RUN, response_model=DAGRunResponse)
def get_dag_run(call: Asked, dag_id: str, dag_run_id: str) -> dict[str, Any]:
    """One run."""
    with call.reading() as connection:
        row = run_row(connection, dag_id, dag_run_id)
        if row is None:
            raise RunNotFound(dag_id, dag_run_id)
        return runs_as_answers(call, connection, [row])[0]


def listed(call: Call, wanted: RunFilter, page: Page) -> dict[str, Any]:
    """A page of the runs that the caller may see."""
    with call.reading() as connection:
        found = runs_listed(connection, call.scope, wanted, page)
        answers = runs_as_answers(call, connection, found.rows)
    return {
        "dag_runs": answers,
        "total_entries": found.total,
        "next_cursor": found.next_cursor,
        "previous_cursor": found.previous_cursor,
    }


def _states(asked: Iterable[str]) -> list[RunState]:
    """`none` is a state that no run has."""
    return [RunState(state) for state in asked if state != "none"]


def _days(first: date | None, last: date | None) -> Bounds:
    """Whole days in UTC, both included."""
    start = datetime.combine(first, time(), UTC) if first else None
    end = datetime.combine(last, time.max, UTC) if last else None
    return Bounds(gte=to_us(start), lte=to_us(end))


def runs_as_answers(call: Call, connection: Connection, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Runs' rows, as `store.reading.runs` gives them, as answers; whatever they show is read at once."""
    rows = list(rows)
    names = display_names(call, connection, ((row["dag_id"], row["dag_version_now"]) for row in rows))
    versions = versions_of_runs(connection, [row["number"] for row in rows])
    return [run_fields(row, versions[row["number"]], names[row["dag_id"]]) for row in rows]


def run_fields(row: Mapping[str, Any], versions: Iterable[Mapping[str, Any]], display_name: str) -> dict[str, Any]:
    """A run's row as an answer, with the rows of the versions that it had and what its Dag is called."""
    start, end = row["start_date"], row["end_date"]
    return {
        "dag_run_id": row["run_id"],
        "dag_id": row["dag_id"],
        "logical_date": row["logical_date"],
        "queued_at": row["queued_at"],
        "start_date": start,
        "end_date": end,
        "duration": (end - start) / 1e6 if start is not None and end is not None else None,
        "data_interval_start": row["data_interval_start"],
        "data_interval_end": row["data_interval_end"],
        "run_after": row["run_after"],
        "last_scheduling_decision": None,
        "run_type": row["run_type"],
        "state": row["state"],
        "triggered_by": row["triggered_by"] if row["triggered_by"] in set(DagRunTriggeredByType) else None,
        "triggering_user_name": row["triggering_user"],
        "conf": _object(row["conf"]),
        "note": row["note"],
        "dag_versions": [version_fields(version, display_name) for version in versions],
        "bundle_version": None,
        "dag_display_name": display_name,
        "partition_key": row["partition_key"],
        "partition_date": row["partition_date"],
    }


def _object(text: str) -> dict[str, Any] | None:
    """A run's conf; one that is stored damaged cannot be shown."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
