"""Task instances in Airflow 2's words: lists, one of them, its tries, why it waits, its log and links."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from fastapi import Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import Field

from tradewind.api.listing import part_of
from tradewind.api.log_reading import as_text, token_of
from tradewind.api.models import Answer, Body, Moment, page_of
from tradewind.api.public import task_instances as today
from tradewind.api.public import task_logs
from tradewind.api.public.task_instances import MapIndex, PathIndex, TryNumber
from tradewind.api.routing import Asked, Routes
from tradewind.api.task_choice import TaskChoice
from tradewind.api.v1.models import Dates, Limit, Offset, Order, Seconds, durations, order_of
from tradewind.api.values import Instant
from tradewind.core.access import Action, Resource
from tradewind.core.states import TaskState
from tradewind.store.reading.ranges import UNBOUNDED

routes = Routes("TaskInstance")
RUN = "/dags/{dag_id}/dagRuns/{dag_run_id}"
TASKS = f"{RUN}/taskInstances"
TASK = f"{TASKS}/{{task_id}}"

Texts = Annotated[list[str], Query(max_length=100)]
StateName = Literal[
    "success", "running", "failed", "upstream_failed", "skipped", "up_for_retry", "up_for_reschedule", "queued",
    "none", "scheduled", "deferred", "removed", "restarting",
]  # fmt: skip


class Trigger(Answer):
    id: int
    classpath: str
    kwargs: str
    created_date: Moment
    triggerer_id: int | None = None


class _Common(Answer):
    task_id: str
    task_display_name: str
    dag_id: str
    dag_run_id: str
    start_date: Moment | None
    end_date: Moment | None
    duration: float | None
    state: StateName | None
    try_number: int
    map_index: int
    max_tries: int
    hostname: str
    unixname: str
    pool: str
    pool_slots: int
    queue: str | None
    priority_weight: int | None
    operator: str | None
    queued_when: Moment | None
    pid: int | None
    executor: str | None
    executor_config: str


class TaskInstance(_Common):
    """A task instance. Airflow 2 had no questions: one that waits for an answer is `deferred`. There are no SLAs and no
    jobs of triggerers."""

    execution_date: Moment | None
    sla_miss: dict[str, Any] | None = None
    rendered_map_index: str | None
    rendered_fields: dict[str, Any]
    trigger: Trigger | None
    triggerer_job: dict[str, Any] | None = None
    note: str | None


class TaskInstanceCollection(Answer):
    task_instances: list[TaskInstance]
    total_entries: int


class TaskInstanceHistory(_Common):
    """One try of a task instance."""


class TaskInstanceHistoryCollection(Answer):
    task_instances_history: list[TaskInstanceHistory]
    total_entries: int


class TaskFailedDependency(Answer):
    name: str
    reason: str


class TaskInstanceDependencyCollection(Answer):
    dependencies: list[TaskFailedDependency]


def try_shown(row: dict[str, Any]) -> dict[str, Any]:
    """A try of today in Airflow 2's words."""
    state = TaskState.DEFERRED if row["state"] == TaskState.AWAITING_INPUT else row["state"]
    return {**row, "state": state, "hostname": row["hostname"] or "", "unixname": "", "pid": None}


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """The same for a task instance."""
    return {**try_shown(row), "execution_date": row["logical_date"]}


def _collection(found: dict[str, Any]) -> dict[str, Any]:
    return {
        "task_instances": [shown(row) for row in found["task_instances"]], "total_entries": found["total_entries"]
    }  # fmt: skip


# --- lists ---------------------------------------------------------------------------------------------------------


@routes.get(TASKS, Resource.TASK, response_model=TaskInstanceCollection)
def get_task_instances(
    call: Asked, dag_id: str, dag_run_id: str, dates: Dates, duration_gte: Seconds = None,
    duration_lte: Seconds = None, state: Texts = [], pool: Texts = [], queue: Texts = [], executor: Texts = [],  # noqa: B006
    limit: Limit = 100, offset: Offset = 0, order_by: Order = None,
) -> dict[str, Any]:  # fmt: skip
    """Task instances of a run; with `~` for the Dag or the run, of all that the caller may see."""
    return _collection(
        today.get_task_instances(
            call, dag_id, dag_run_id, _dates(dates, duration_gte, duration_lte),
            TaskChoice(pools=pool, queues=queue, executors=executor), state=_states(state), limit=limit, offset=offset,
            order_by=order_of(order_by),
        )
    )  # fmt: skip


@routes.get(f"{TASK}/listMapped", Resource.TASK, response_model=TaskInstanceCollection)
def get_mapped_task_instances(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, dates: Dates, duration_gte: Seconds = None,
    duration_lte: Seconds = None, state: Texts = [], pool: Texts = [], queue: Texts = [], executor: Texts = [],  # noqa: B006
    limit: Limit = 100, offset: Offset = 0, order_by: Order = None,
) -> dict[str, Any]:  # fmt: skip
    """The instances of a mapped task."""
    return _collection(
        today.get_mapped_task_instances(
            call, dag_id, dag_run_id, task_id, _dates(dates, duration_gte, duration_lte),
            TaskChoice(pools=pool, queues=queue, executors=executor), state=_states(state), limit=limit, offset=offset,
            order_by=order_of(order_by),
        )
    )  # fmt: skip


def _dates(dates: dict[str, Any], gte: float | None, lte: float | None) -> dict[str, Any]:
    return {"run_after": UNBOUNDED, **dates, "duration": durations(gte, lte)}


def _states(names: list[str]) -> list[str]:
    """Whoever looks for what is deferred means also what waits for an answer."""
    return [*names, TaskState.AWAITING_INPUT.value] if TaskState.DEFERRED in names else names


class ListTaskInstanceForm(Body):
    page_offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    page_limit: Annotated[int, Field(ge=1)] = 100
    dag_ids: list[str] | None = None
    dag_run_ids: list[str] | None = None
    task_ids: list[str] | None = None
    execution_date_gte: Instant | None = None
    execution_date_lte: Instant | None = None
    start_date_gte: Instant | None = None
    start_date_lte: Instant | None = None
    end_date_gte: Instant | None = None
    end_date_lte: Instant | None = None
    duration_gte: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration_lte: Annotated[float, Field(allow_inf_nan=False)] | None = None
    state: list[StateName | None] | None = None
    pool: list[str] | None = None
    queue: list[str] | None = None
    executor: list[str] | None = None
    order_by: str | None = None


@routes.post(f"{TASKS}/list", Resource.TASK, Action.READ, response_model=TaskInstanceCollection)
def get_task_instances_batch(
    call: Asked, dag_id: Literal["~"], dag_run_id: Literal["~"], body: ListTaskInstanceForm
) -> dict[str, Any]:
    """The same list with its filters in the body, over all Dags that the caller may see."""
    given = body.model_dump(exclude={"execution_date_gte", "execution_date_lte", "state", "order_by"})
    states = _states([state or "none" for state in body.state or ()])
    asked = today.TaskInstancesBatchBody(
        **given, logical_date_gte=body.execution_date_gte, logical_date_lte=body.execution_date_lte,
        state=[None if state == "none" else today.TaskInstanceState(state) for state in states],
        order_by=(order_of(body.order_by) or [None])[0],
    )  # fmt: skip
    return _collection(today.get_task_instances_batch(call, dag_id, dag_run_id, asked))


# --- one -----------------------------------------------------------------------------------------------------------


@routes.get(TASK, Resource.TASK, response_model=TaskInstance)
def get_task_instance(call: Asked, dag_id: str, dag_run_id: str, task_id: str) -> dict[str, Any]:
    """The one instance of a task that is not mapped."""
    return shown(today.get_task_instance(call, dag_id, dag_run_id, task_id))


@routes.get(f"{TASK}/dependencies", Resource.TASK, response_model=TaskInstanceDependencyCollection)
def get_task_instance_dependencies(call: Asked, dag_id: str, dag_run_id: str, task_id: str) -> dict[str, Any]:
    """Why a task instance has not started."""
    return today.get_task_instance_dependencies(call, dag_id, dag_run_id, task_id)


@routes.get(f"{TASK}/tries", Resource.TASK, response_model=TaskInstanceHistoryCollection)
def get_task_instance_tries(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, limit: Limit = 100, offset: Offset = 0,
    order_by: Order = None,
) -> dict[str, Any]:  # fmt: skip
    """The tries of a task instance."""
    return _tries(call, (dag_id, dag_run_id, task_id, -1), limit, offset, order_by)


@routes.get(f"{TASK}/tries/{{task_try_number}}", Resource.TASK, response_model=TaskInstanceHistory)
def get_task_instance_try_details(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, task_try_number: TryNumber
) -> dict[str, Any]:
    """One try of a task instance."""
    return try_shown(today.one_try(call, dag_id, dag_run_id, task_id, -1, task_try_number))


# --- its log and its links -------------------------------------------------------------------------------------------


class Log(Answer):
    content: str
    continuation_token: str | None = None


@routes.get(
    f"{TASK}/logs/{{task_try_number}}", Resource.LOG, response_model=None,
    responses={200: {"model": Log, "content": {"text/plain": {"schema": {"type": "string"}}}}},
)  # fmt: skip
def get_log(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, task_try_number: TryNumber, full_content: bool = False,
    map_index: MapIndex = -1, token: Annotated[str | None, Query(max_length=500)] = None,
    accept: Annotated[str, Header()] = "*/*",
) -> Response:  # fmt: skip
    """The log of one try as text; with `Accept: application/json` up to a mebibyte of it, and a token for the rest."""
    as_plain = "application/json" not in accept.lower()  # who does not ask for JSON reads it
    task = (dag_id, dag_run_id, task_id, map_index)
    part = task_logs.log_part(call, task, task_try_number, token, whole=full_content or as_plain)
    lines: Iterator[str] = map(as_text, part.lines)
    if as_plain:
        return StreamingResponse(lines, media_type="text/plain")
    body = {"content": "".join(lines)}
    return JSONResponse(body | {"continuation_token": token_of(part.end)} if part.more else body)


class ExtraLinkCollection(Answer):
    extra_links: list[dict[str, Any]]


@routes.get(f"{TASK}/links", Resource.TASK, response_model=ExtraLinkCollection)
def get_extra_links(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1
) -> dict[str, Any]:  # fmt: skip
    """Links that an operator adds: there are none."""
    task_logs.get_extra_links(call, dag_id, dag_run_id, task_id, map_index)
    return {"extra_links": []}


# --- one instance of a mapped task -----------------------------------------------------------------------------------


@routes.get(f"{TASK}/{{map_index}}", Resource.TASK, response_model=TaskInstance)
def get_mapped_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex
) -> dict[str, Any]:
    """One instance of a mapped task."""
    return shown(today.get_mapped_task_instance(call, dag_id, dag_run_id, task_id, map_index))


@routes.get(f"{TASK}/{{map_index}}/dependencies", Resource.TASK, response_model=TaskInstanceDependencyCollection)
def get_mapped_task_instance_dependencies(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex
) -> dict[str, Any]:
    """Why it has not started."""
    return today.get_task_instance_dependencies(call, dag_id, dag_run_id, task_id, map_index)


@routes.get(f"{TASK}/{{map_index}}/tries", Resource.TASK, response_model=TaskInstanceHistoryCollection)
def get_mapped_task_instance_tries(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, limit: Limit = 100,
    offset: Offset = 0, order_by: Order = None,
) -> dict[str, Any]:  # fmt: skip
    """Its tries."""
    return _tries(call, (dag_id, dag_run_id, task_id, map_index), limit, offset, order_by)


@routes.get(f"{TASK}/{{map_index}}/tries/{{task_try_number}}", Resource.TASK, response_model=TaskInstanceHistory)
def get_mapped_task_instance_try_details(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, task_try_number: TryNumber
) -> dict[str, Any]:
    """One of its tries."""
    return try_shown(today.one_try(call, dag_id, dag_run_id, task_id, map_index, task_try_number))


_TRY_ORDER = {name: (lambda row, name=name: row[name]) for name in ("try_number", "start_date", "end_date", "state")}


def _tries(
    call: Any, task: tuple[str, str, str, int], limit: int, offset: int, order_by: str | None
) -> dict[str, Any]:  # fmt: skip
    rows = [try_shown(row) for row in today.tries_named(call, *task)]
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_of(order_by, {}))
    return {"task_instances_history": part_of(rows, page, _TRY_ORDER, "try_number"), "total_entries": len(rows)}
