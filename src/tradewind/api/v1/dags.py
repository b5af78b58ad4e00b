"""Dags in Airflow 2's words: looking, pausing, deleting; their tasks, counts, warnings and sources."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Any

from fastapi import Header, Path, Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Moment
from tradewind.api.public import dag_facts, tasks
from tradewind.api.public import dag_versions as versions
from tradewind.api.public import dags as today
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.models import Fields, Limit, Mask, Offset, Order, only, order_of
from tradewind.core.access import Action, Resource
from tradewind.store.reading.ranges import UNBOUNDED

routes = Routes("DAG", prefix="/dags")
files = Routes("DAG")
stats = Routes("DagStats")
warnings = Routes("DagWarning")
families = (routes, files, stats, warnings)


class Tag(Answer):
    name: str


class ScheduleInterval(Answer):
    """Airflow 2 tells cron texts and durations apart by `__type`. Every schedule is told by its text here, as Airflow 2
    tells `@daily` and `Dataset`."""

    type_: str = Field("CronExpression", alias="__type")
    value: str


class TimeDelta(Answer):
    type_: str = Field("TimeDelta", alias="__type")
    days: int
    seconds: int
    microseconds: int


class DAG(Answer):
    """A Dag. SubDags, pickles and locks of Dags are gone with Airflow 2: their fields say that there is none."""

    dag_id: str
    dag_display_name: str
    root_dag_id: str | None = None
    is_paused: bool
    is_active: bool
    is_subdag: bool = False
    last_parsed_time: Moment | None
    last_pickled: Moment | None = None
    last_expired: Moment | None = None
    scheduler_lock: bool | None = None
    pickle_id: str | None = None
    default_view: str | None = "grid"
    fileloc: str
    file_token: str
    owners: list[str]
    description: str | None
    schedule_interval: ScheduleInterval | None
    timetable_description: str | None
    tags: list[Tag]
    max_active_tasks: int
    max_active_runs: int | None
    has_task_concurrency_limits: bool
    has_import_errors: bool
    next_dagrun: Moment | None
    next_dagrun_data_interval_start: Moment | None
    next_dagrun_data_interval_end: Moment | None
    next_dagrun_create_after: Moment | None
    max_consecutive_failed_dag_runs: int


class DAGDetail(DAG):
    timezone: str | None
    catchup: bool
    orientation: str | None = "LR"
    concurrency: float
    start_date: Moment | None
    dag_run_timeout: TimeDelta | None
    dataset_expression: dict[str, Any] | None
    doc_md: str | None
    params: dict[str, Any]
    end_date: Moment | None
    is_paused_upon_creation: bool | None
    last_parsed: Moment | None
    template_search_path: list[str] | None = None
    render_template_as_native_obj: bool


class DAGCollection(Answer):
    dags: list[DAG]
    total_entries: int


class DAGPatch(Body):
    is_paused: bool


Texts = Annotated[list[str], Query(max_length=100)]


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A Dag of today in Airflow 2's words."""
    return {
        **row,
        "is_active": not row["is_stale"],
        "schedule_interval": {"__type": "CronExpression", "value": row["timetable_summary"]}
        if row["timetable_summary"] not in (None, "", "None") else None,
        "next_dagrun": row["next_dagrun_logical_date"],
        "next_dagrun_create_after": row["next_dagrun_run_after"],
    }  # fmt: skip


def _collection(found: dict[str, Any]) -> dict[str, Any]:
    return {"dags": [shown(row) for row in found["dags"]], "total_entries": found["total_entries"]}


@routes.get("", Resource.DAG, response_model=DAGCollection)
def get_dags(
    call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None, tags: Texts = [],  # noqa: B006
    only_active: bool = True, paused: bool | None = None, fields: Fields = None, dag_id_pattern: str | None = None,
) -> Any:  # fmt: skip
    """The Dags that the caller may see."""
    found = _collection(
        today.get_dags(
            call, limit, offset, order_of(order_by), tags=tags, exclude_stale=only_active, paused=paused,
            dag_id_pattern=dag_id_pattern, dag_run_start_date=UNBOUNDED, dag_run_end_date=UNBOUNDED,
        )
    )  # fmt: skip
    if fields is None:
        return found
    return JSONResponse({**found, "dags": [only(DAG, row, fields) for row in found["dags"]]})


@routes.patch("", Resource.DAG, response_model=DAGCollection)
def patch_dags(
    call: Asked, body: DAGPatch, dag_id_pattern: str, limit: Limit = 100, offset: Offset = 0, tags: Texts = [],  # noqa: B006
    update_mask: Mask = None, only_active: bool = True,
) -> dict[str, Any]:  # fmt: skip
    """Pause the Dags of a page, or let them go on; `~` as the pattern means all that the caller may change."""
    given = today.DAGPatchBody(is_paused=body.is_paused)
    pattern = None if dag_id_pattern == "~" else dag_id_pattern
    return _collection(
        today.patch_dags(
            call, given, update_mask, limit, offset, tags=tags, dag_id_pattern=pattern, exclude_stale=only_active
        )
    )


@routes.get("/{dag_id}", Resource.DAG, response_model=DAG)
def get_dag(call: Asked, dag_id: str, fields: Fields = None) -> Any:
    """One Dag."""
    found = shown(today.get_dag(call, dag_id))
    return found if fields is None else JSONResponse(only(DAG, found, fields))


@routes.get("/{dag_id}/details", Resource.DAG, response_model=DAGDetail)
def get_dag_details(call: Asked, dag_id: str, fields: Fields = None) -> Any:
    """One Dag, with what its newest version says."""
    row = today.get_dag_details(call, dag_id)
    found = {
        **shown(row), "dag_run_timeout": parts_of(row["dag_run_timeout"]), "params": row["params"] or {},
        "dataset_expression": row["asset_expression"],
    }  # fmt: skip
    return found if fields is None else JSONResponse(only(DAGDetail, found, fields))


@routes.patch("/{dag_id}", Resource.DAG, response_model=DAG)
def patch_dag(call: Asked, dag_id: str, body: DAGPatch, update_mask: Mask = None) -> dict[str, Any]:
    """Pause it, or let it go on."""
    return shown(today.patch_dag(call, dag_id, today.DAGPatchBody(is_paused=body.is_paused), update_mask))


@routes.delete("/{dag_id}", Resource.DAG, status_code=204)
def delete_dag(call: Asked, dag_id: str) -> Response:
    """Delete a Dag with all its runs."""
    today.delete_dag(call, dag_id)
    return Response(status_code=204)


# --- tasks ---------------------------------------------------------------------------------------------------------


class ClassReference(Answer):
    """Where an operator comes from; empty where its Dag's version does not say."""

    module_path: str
    class_name: str


class Task(Answer):
    """A task. There are no SubDags, so that `sub_dag` is left out."""

    class_ref: ClassReference | None
    task_id: str
    task_display_name: str
    owner: str | None
    start_date: Moment | None
    end_date: Moment | None
    trigger_rule: str
    extra_links: list[dict[str, Any]]
    depends_on_past: bool
    is_mapped: bool
    wait_for_downstream: bool
    retries: float | None
    queue: str | None
    executor: str | None = None
    pool: str | None
    pool_slots: float | None
    execution_timeout: TimeDelta | None
    retry_delay: TimeDelta | None
    retry_exponential_backoff: bool
    priority_weight: float | None
    weight_rule: str | None
    ui_color: str
    ui_fgcolor: str
    template_fields: list[str]
    downstream_task_ids: list[str]
    doc_md: str | None


class TaskCollection(Answer):
    tasks: list[Task]


def _task(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "class_ref": {name: value or "" for name, value in row["class_ref"].items()},
        "ui_color": row["ui_color"] or "#fff",
        "ui_fgcolor": row["ui_fgcolor"] or "#000",
        "retry_exponential_backoff": bool(row["retry_exponential_backoff"]),
        "extra_links": [],
    }


@routes.get("/{dag_id}/tasks", Resource.TASK, response_model=TaskCollection)
def get_tasks(call: Asked, dag_id: str, order_by: str = "task_id") -> dict[str, Any]:
    """All tasks of a Dag."""
    return {"tasks": [_task(row) for row in tasks.get_tasks(call, dag_id, order_by)["tasks"]]}


@routes.get("/{dag_id}/tasks/{task_id}", Resource.TASK, response_model=Task)
def get_task(call: Asked, dag_id: str, task_id: str) -> dict[str, Any]:
    """One task."""
    return _task(tasks.get_task(call, dag_id, task_id))


def parts_of(duration: timedelta | None) -> dict[str, Any] | None:
    """A duration in Airflow's parts."""
    if duration is None:
        return None
    return {"days": duration.days, "seconds": duration.seconds, "microseconds": duration.microseconds}


# --- counts, warnings, files ---------------------------------------------------------------------------------------


class DagStatsState(Answer):
    state: str
    count: int


class DagStats(Answer):
    dag_id: str
    stats: list[DagStatsState]


class DagStatsCollection(Answer):
    dags: list[DagStats]
    total_entries: int


@stats.get("/dagStats", Resource.RUN, response_model=DagStatsCollection)
def get_dag_stats(
    call: Asked, dag_ids: Annotated[str, Query(description="Ids with `,` between them.")]
) -> dict[str, Any]:
    """How many runs each of these Dags has in each state."""
    wanted = [dag_id.strip() for dag_id in dag_ids.split(",") if dag_id.strip()]
    return dag_facts.get_dag_stats(call, wanted[:1000]) if wanted else {"dags": [], "total_entries": 0}


class DagWarning(Answer):
    dag_id: str
    warning_type: str
    message: str
    timestamp: Moment


class DagWarningCollection(Answer):
    dag_warnings: list[DagWarning]
    total_entries: int


@warnings.get("/dagWarnings", Resource.DAG, response_model=DagWarningCollection)
def get_dag_warnings(
    call: Asked, dag_id: str | None = None, warning_type: dag_facts.DagWarningType | None = None, limit: Limit = 100,
    offset: Offset = 0, order_by: Order = None,
) -> dict[str, Any]:  # fmt: skip
    """What authors should look at."""
    return dag_facts.list_dag_warnings(call, dag_id, warning_type, limit, offset, order_of(order_by))


Token = Annotated[str, Path(max_length=200, description="The `file_token` of a Dag.")]


@files.put("/parseDagFile/{file_token}", Resource.DAG, Action.EDIT, status_code=201)
def reparse_dag_file(call: Asked, file_token: Token) -> Response:
    """Have a Dag file read again."""
    dag_facts.reparse_dag_file(call, file_token)
    return Response(status_code=201)


class DagSource(Answer):
    content: str


@files.get(
    "/dagSources/{file_token}", Resource.CODE, response_model=DagSource,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}, 406: {}},
)  # fmt: skip
def get_dag_source(call: Asked, file_token: Token, accept: Annotated[str, Header()] = "*/*") -> Response:
    """A Dag file, as text or in JSON."""
    _, dags = dag_facts.file_named(call, file_token)
    if not dags:
        raise NotFound("No Dag of this file is known; look at its import errors.")
    found = versions.get_dag_source(call, dags[0], None, accept)
    if not isinstance(found, JSONResponse) or found.status_code != 200:
        return found
    return JSONResponse({"content": json.loads(bytes(found.body))["content"]})
