"""Runs of Dags: looking, making, marking, clearing, deleting, waiting."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.display import display_names
from tradewind.api.models import Answer, Moment
from tradewind.api.public.versions import DagVersionResponse, version_fields
from tradewind.api.routing import Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.errors import RunNotFound
from tradewind.core.states import RunState, RunType
from tradewind.store.paging import Row
from tradewind.store.reading.runs import run_row, versions_of_runs

routes = Routes("DagRun", prefix="/dags/{dag_id}")


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


@routes.get("/dagRuns/{dag_run_id}", Resource.RUN, response_model=DAGRunResponse)
def get_dag_run(call: Asked, dag_id: str, dag_run_id: str) -> dict[str, Any]:
    """One run."""
    with call.reading() as connection:
        row = run_row(connection, dag_id, dag_run_id)
        if row is None:
            raise RunNotFound(dag_id, dag_run_id)
        return runs_as_answers(call, connection, [row])[0]


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
