"""What the API says about Dags, whoever shows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import timedelta
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.models import Answer, Moment
from tradewind.api.public.versions import BUNDLE, DagVersionResponse
from tradewind.core.dag import DagSpec
from tradewind.core.states import RunType
from tradewind.core.timetables import TimetableSpec
from tradewind.store.paging import Row
from tradewind.store.reading.dags import token_key


class DagTagResponse(Answer):
    name: str
    dag_id: str
    dag_display_name: str


class DAGResponse(Answer):
    """A Dag as lists show it. Nothing is kept of when its file was last found missing: `last_expired` is null."""

    dag_id: str
    dag_display_name: str
    is_paused: bool
    is_stale: bool
    last_parsed_time: Moment | None
    last_parse_duration: float | None
    last_expired: Moment | None = None
    bundle_name: str | None = BUNDLE
    bundle_version: str | None = None
    relative_fileloc: str | None
    fileloc: str
    description: str | None
    timetable_summary: str | None
    timetable_description: str | None
    timetable_partitioned: bool
    timetable_periodic: bool
    tags: list[DagTagResponse]
    max_active_tasks: int
    max_active_runs: int | None
    max_consecutive_failed_dag_runs: int
    has_task_concurrency_limits: bool
    has_import_errors: bool
    next_dagrun_logical_date: Moment | None
    next_dagrun_data_interval_start: Moment | None
    next_dagrun_data_interval_end: Moment | None
    next_dagrun_run_after: Moment | None
    allowed_run_types: list[RunType] | None
    owners: list[str]
    is_backfillable: bool
    file_token: str


class DAGCollectionResponse(Answer):
    dags: list[DAGResponse]
    total_entries: int


class DAGDetailsResponse(DAGResponse):
    """A Dag with what its newest version says. A version keeps what default arguments became in each task, not the
    arguments themselves, and where templates are looked for is known to the Dag's own code: both are null."""

    catchup: bool
    dag_run_timeout: timedelta | None
    asset_expression: dict[str, Any] | None
    doc_md: str | None
    start_date: Moment | None
    end_date: Moment | None
    is_paused_upon_creation: bool | None
    params: dict[str, Any] | None
    render_template_as_native_obj: bool
    template_search_path: list[str] | None = None
    timezone: str | None
    last_parsed: Moment | None
    default_args: dict[str, Any] | None = None
    rerun_with_latest_version: bool | None = None
    owner_links: dict[str, str] | None = None
    is_favorite: bool = False
    active_runs_count: int = 0
    concurrency: int
    latest_dag_version: DagVersionResponse | None


NOT_PERIODIC = frozenset({"never", "once", "continuous", "asset"})
"""Timetables that name no dates, or one."""
NO_PAST_DATES = frozenset({"never", "continuous", "asset", "custom"})
"""Timetables whose past dates are none, or known to their own code alone."""
_UNREAD = DagSpec(dag_id="", file="", tasks={}, timetable=TimetableSpec(kind="never"))
"""What is said of a Dag whose newest version is stored damaged: nothing that only the version knows."""


def dags_as_answers(call: Call, connection: Connection, rows: Iterable[Row]) -> list[dict[str, Any]]:
    """Dags' rows as answers; the versions that they go by are read at once."""
    rows = list(rows)
    specs = call.installation.specs.these(connection, {row["version"] for row in rows})
    key = token_key(connection)
    return [dag_fields(call, row, specs.get(row["version"]) or _UNREAD, key) for row in rows]


def dag_fields(call: Call, row: Mapping[str, Any], spec: DagSpec, key: bytes) -> dict[str, Any]:
    """A Dag's row as an answer. `key` is the installation's, for the token of its file."""
    shown, kind = spec.display_name or row["dag_id"], spec.timetable.kind
    allowed = spec.extra.get("allowed_run_types") or None
    return {
        "dag_id": row["dag_id"],
        "dag_display_name": shown,
        "is_paused": row["is_paused"],
        "is_stale": row["is_stale"],
        "last_parsed_time": row["parsed_at"],
        "last_parse_duration": row["parse_seconds"],
        "relative_fileloc": row["file"],
        "fileloc": str(call.settings.core.dags_folder / row["file"]),
        "description": row["description"],
        "timetable_summary": row["timetable_summary"],
        "timetable_description": spec.timetable.description or None,
        "timetable_partitioned": bool(
            spec.partitions or spec.timetable.partition or spec.timetable.partitioned_at_runtime
        ),
        "timetable_periodic": kind not in NOT_PERIODIC,
        "tags": [{"name": tag, "dag_id": row["dag_id"], "dag_display_name": shown} for tag in json.loads(row["tags"])],
        "max_active_tasks": row["max_active_tasks"],
        "max_active_runs": row["max_active_runs"],
        "max_consecutive_failed_dag_runs": spec.max_consecutive_failed_dag_runs,
        "has_task_concurrency_limits": any(
            task.max_active_tis_per_dag is not None or task.max_active_tis_per_dagrun is not None
            for task in spec.tasks.values()
        ),
        "has_import_errors": row["has_import_errors"],
        "next_dagrun_logical_date": row["next_logical_date"],
        "next_dagrun_data_interval_start": row["next_interval_start"],
        "next_dagrun_data_interval_end": row["next_interval_end"],
        "next_dagrun_run_after": row["next_run_after"],
        "allowed_run_types": allowed,
        "owners": [owner for owner in row["owners"].split(", ") if owner],
        "is_backfillable": kind not in NO_PAST_DATES and (allowed is None or RunType.BACKFILL in allowed),
        "file_token": file_token(key, row["file"]),
    }


def params_shown(params: Mapping[str, Any]) -> dict[str, Any]:
    """Params as Airflow's clients read them."""
    return {
        name: {
            "value": param.get("value"), "schema": param.get("schema") or {}, "description": param.get("description")
        }
        for name, param in params.items()
    }  # fmt: skip


def file_token(key: bytes, file: str) -> str:
    """A name for a Dag file that says nothing of where it is. Nobody can make one for a file that they may not see,
    and none is ever read as a path: whoever gets one looks which known file it is of."""
    return blake2b(file.encode(), key=key, digest_size=20).hexdigest()
