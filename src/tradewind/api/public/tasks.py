"""Tasks, as the newest version of their Dag has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic import Field

from tradewind.api.call import Call
from tradewind.api.models import Answer, Moment
from tradewind.api.public.dag_shapes import params_shown
from tradewind.api.public.task_shapes import task_shown
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.dag import DagSpec, TaskSpec
from tradewind.core.errors import DagNotFound, InvalidInput, TaskNotFound
from tradewind.store.reading.dags import dag_named

routes = Routes("Task", prefix=f"{API}/dags/{{dag_id}}/tasks")


class TimeDelta(Answer):
    """A duration, in Airflow's parts."""

    type_: str = Field("TimeDelta", alias="__type")
    days: int
    seconds: int
    microseconds: int


class TaskResponse(Answer):
    """A task. There are no extra links: `extra_links` is empty."""

    task_id: str | None
    task_display_name: str | None
    owner: str | None
    start_date: Moment | None
    end_date: Moment | None
    trigger_rule: str | None
    depends_on_past: bool
    wait_for_downstream: bool
    retries: float | None
    queue: str | None
    pool: str | None
    pool_slots: float | None
    execution_timeout: TimeDelta | None
    retry_delay: TimeDelta | None
    retry_exponential_backoff: float
    priority_weight: float | None
    weight_rule: str | None
    ui_color: str | None
    ui_fgcolor: str | None
    template_fields: list[str] | None
    downstream_task_ids: list[str] | None
    doc_md: str | None
    operator_name: str | None
    params: dict[str, Any] | None
    class_ref: dict[str, Any] | None
    is_mapped: bool | None
    extra_links: list[str] = []


class TaskCollectionResponse(Answer):
    tasks: list[TaskResponse]
    total_entries: int


@routes.get("", Resource.TASK, response_model=TaskCollectionResponse)
def get_tasks(call: Asked, dag_id: str, order_by: str = "task_id") -> dict[str, Any]:
    """All tasks of a Dag."""
    spec = _spec(call, dag_id)
    bare = order_by.removeprefix("-")
    if bare not in SORTABLE:
        raise InvalidInput(f"order_by {bare[:60]!r} is unknown; choose {', '.join(sorted(SORTABLE))}.")
    by = SORTABLE[bare]
    # Those that have no value come last, also the other way round.
    named = sorted((task for task in spec.tasks.values() if by(task) is not None), key=lambda task: task.task_id)
    named.sort(key=by, reverse=order_by.startswith("-"))
    tasks = [*named, *sorted((task for task in spec.tasks.values() if by(task) is None), key=lambda task: task.task_id)]
    downstream = spec.downstream()
    return {"tasks": [_fields(task, downstream) for task in tasks], "total_entries": len(tasks)}


@routes.get("/{task_id}", Resource.TASK, response_model=TaskResponse)
def get_task(call: Asked, dag_id: str, task_id: str) -> dict[str, Any]:
    """One task."""
    spec = _spec(call, dag_id)
    if task_id not in spec.tasks:
        raise TaskNotFound(dag_id, task_id)
    return _fields(spec.tasks[task_id], spec.downstream())


SORTABLE: Mapping[str, Callable[[TaskSpec], Any]] = {
    "task_id": lambda task: task.task_id,
    "task_display_name": lambda task: task_shown(task.task_id, task),
    "owner": lambda task: task.owner,
    "start_date": lambda task: task.start_date,
    "end_date": lambda task: task.end_date,
    "trigger_rule": lambda task: task.trigger_rule,
    "depends_on_past": lambda task: task.depends_on_past,
    "retries": lambda task: task.retries,
    "queue": lambda task: task.queue,
    "pool": lambda task: task.pool,
    "pool_slots": lambda task: task.pool_slots,
    "priority_weight": lambda task: task.priority_weight,
    "operator_name": lambda task: _operator(task),
    "is_mapped": lambda task: task.map is not None,
}


def _spec(call: Call, dag_id: str) -> DagSpec:
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
        if row is None:
            raise DagNotFound(dag_id)
        return call.spec(connection, row["version"])


def _operator(task: TaskSpec) -> str:
    return str(task.extra.get("operator_name") or task.operator)


def _fields(task: TaskSpec, downstream: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    return {
        "task_id": task.task_id,
        "task_display_name": task_shown(task.task_id, task),
        "owner": task.owner,
        "start_date": task.start_date,
        "end_date": task.end_date,
        "trigger_rule": task.trigger_rule.value,
        "depends_on_past": task.depends_on_past,
        "wait_for_downstream": task.wait_for_downstream,
        "retries": task.retries,
        "queue": task.queue,
        "pool": task.pool,
        "pool_slots": task.pool_slots,
        "execution_timeout": _parts(task.execution_timeout_seconds),
        "retry_delay": _parts(task.retry_delay_seconds),
        "retry_exponential_backoff": task.retry_backoff,
        "priority_weight": task.priority_weight,
        "weight_rule": str(task.extra.get("weight_rule") or "downstream"),
        "ui_color": task.ui_color or None,
        "ui_fgcolor": task.ui_fgcolor or None,
        "template_fields": list(task.template_fields),
        "downstream_task_ids": sorted(downstream[task.task_id]),
        "doc_md": task.doc_md,
        "operator_name": _operator(task),
        "params": params_shown(task.extra.get("params") or {}),
        "class_ref": {"module_path": task.extra.get("module"), "class_name": task.operator},
        "is_mapped": task.map is not None,
    }


def _parts(seconds: float | None) -> dict[str, Any] | None:
    if seconds is None:
        return None
    try:
        duration = timedelta(seconds=seconds)
    except OverflowError:
        return None
    return {
        "__type": "TimeDelta",
        "days": duration.days,
        "seconds": duration.seconds,
        "microseconds": duration.microseconds,
    }
