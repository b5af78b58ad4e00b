"""Task instances: listing and looking, their tries, and why they wait."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Depends, Path, Query
from pydantic import Field
from sqlalchemy import Connection

from tradewind.api.bounds import durations, moment_us, moments, seconds_us
from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Cursor, Limit, Offset, OrderBy, collection, page_of
from tradewind.api.public.task_shapes import (
    TaskInstanceCollectionResponse,
    TaskInstanceHistoryCollectionResponse,
    TaskInstanceHistoryResponse,
    TaskInstanceResponse,
    TaskInstanceState,
    known_specs,
    task_fields,
    tasks_shown,
    tries_shown,
)
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.task_choice import TaskChoice, meant_by, tasks_chosen
from tradewind.api.why import asked_why
from tradewind.core.access import Action, Resource
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound, TaskNotFound
from tradewind.core.soundness import MOST
from tradewind.core.states import FINISHED, TaskState
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_facts
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.task_instances import (
    TaskFilter,
    key_of,
    run_row_named,
    task_named,
    tasks_listed,
    tasks_named,
    tries_of,
)

__all__ = ["TaskInstanceResponse", "routes", "task_fields", "tasks_shown"]

ANY = "~"
"""Stands for every Dag, or every run."""

routes = Routes("Task Instance", prefix=API)
RUN = "/dags/{dag_id}/dagRuns/{dag_run_id}"
TASKS = f"{RUN}/taskInstances"
TASK = f"{TASKS}/{{task_id}}"

MapIndex = Annotated[int, Query(ge=-1, le=MOST, description="Which instance of a mapped task; -1 of one that is not.")]
PathIndex = Annotated[int, Path(ge=-1, le=MOST)]
TryNumber = Annotated[int, Path(ge=0, le=MOST)]
Numbers = Annotated[list[Annotated[int, Field(ge=-1, le=MOST)]], Query()]
Texts = Annotated[list[str], Query()]

NO_STATE = frozenset({"none", "no_status", "null"})
"""How a state is asked for that a task instance has not got yet."""


class TaskDependencyResponse(Answer):
    """Something that a task instance waits for: `name` is a code for machines, `reason` a sentence."""

    name: str
    reason: str


class TaskDependencyCollectionResponse(Answer):
    dependencies: list[TaskDependencyResponse]


class TaskInstancesBatchBody(Body):
    dag_ids: list[str] | None = None
    dag_run_ids: list[str] | None = None
    task_ids: list[str] | None = None
    state: list[TaskInstanceState | None] | None = None
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
    duration_gte: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration_gt: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration_lte: Annotated[float, Field(allow_inf_nan=False)] | None = None
    duration_lt: Annotated[float, Field(allow_inf_nan=False)] | None = None
    pool: list[str] | None = None
    queue: list[str] | None = None
    executor: list[str] | None = None
    page_offset: Annotated[int, Field(ge=0, le=2**53)] = 0
    page_limit: Annotated[int, Field(ge=0)] = 100
    order_by: str | None = None


# --- lists -------------------------------------------------------------------------------------------------------


def dates_asked(
    run_after: Annotated[Bounds, moments("run_after")],
    logical_date: Annotated[Bounds, moments("logical_date")],
    start_date: Annotated[Bounds, moments("start_date")],
    end_date: Annotated[Bounds, moments("end_date")],
    updated_at: Annotated[Bounds, moments("updated_at")],
    duration: Annotated[Bounds, durations("duration")],
) -> dict[str, Any]:
    """The bounds in the query of a list, by the fields of TaskFilter."""
    return {
        "run_after": run_after, "logical_date": logical_date, "start_date": start_date, "end_date": end_date,
        "updated_at": updated_at, "duration": duration,
    }  # fmt: skip


Dates = Annotated[dict[str, Any], Depends(dates_asked)]
Chosen = Annotated[TaskChoice, Depends(tasks_chosen)]


@routes.get(TASKS, Resource.TASK, response_model=TaskInstanceCollectionResponse)
def get_task_instances(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    dates: Dates,
    choice: Chosen,
    task_id: str | None = None,
    task_display_name_pattern: str | None = None,
    task_display_name_prefix_pattern: str | None = None,
    task_group_id: str | None = None,
    dag_id_pattern: str | None = None,
    dag_id_prefix_pattern: str | None = None,
    run_id_pattern: str | None = None,
    run_id_prefix_pattern: str | None = None,
    state: Texts = [],  # noqa: B006
    version_number: Numbers = [],  # noqa: B006
    try_number: Numbers = [],  # noqa: B006
    map_index: Numbers = [],  # noqa: B006
    rendered_map_index_pattern: str | None = None,
    rendered_map_index_prefix_pattern: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """Task instances of a run; with `~` for the Dag or the run, of all that the caller may see."""
    wanted = TaskFilter(
        dag_ids=None if dag_id == ANY else [dag_id],
        run_ids=None if dag_run_id == ANY else [dag_run_id],
        task_ids=None if task_id is None else [task_id],
        map_indexes=map_index,
        states=states_asked(state),
        try_numbers=try_number,
        version_numbers=version_number,
        dag_id_pattern=dag_id_pattern,
        dag_id_prefix=dag_id_prefix_pattern,
        run_id_pattern=run_id_pattern,
        run_id_prefix=run_id_prefix_pattern,
        label_pattern=rendered_map_index_pattern,
        label_prefix=rendered_map_index_prefix_pattern,
        **dates,
    )
    choice = replace(
        choice,
        display_name_pattern=task_display_name_pattern,
        display_name_prefix=task_display_name_prefix_pattern,
        group_id=task_group_id,
    )
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by, cursor)
    with call.reading() as connection:
        check_place(connection, dag_id, dag_run_id)
        return _listed(call, connection, wanted, choice, page)


@routes.post(f"{TASKS}/list", Resource.TASK, Action.READ, response_model=TaskInstanceCollectionResponse)
def get_task_instances_batch(
    call: Asked, dag_id: Literal["~"], dag_run_id: Literal["~"], body: TaskInstancesBatchBody
) -> dict[str, Any]:
    """The same list with its filters in the body, over all Dags that the caller may see."""

    def bounds(name: str, number: Any) -> Bounds:
        sides = (getattr(body, f"{name}_{side}") for side in ("gte", "gt", "lte", "lt"))
        return Bounds(*(None if side is None else number(side) for side in sides))

    wanted = TaskFilter(
        dag_ids=storable(body.dag_ids),
        run_ids=storable(body.dag_run_ids),
        task_ids=storable(body.task_ids),
        states=[(state or TaskState.NONE).value for state in body.state or ()],
        run_after=bounds("run_after", moment_us),
        logical_date=bounds("logical_date", moment_us),
        start_date=bounds("start_date", moment_us),
        end_date=bounds("end_date", moment_us),
        duration=bounds("duration", seconds_us),
    )
    choice = TaskChoice(pools=body.pool or (), queues=body.queue or (), executors=body.executor or ())
    order_by = [body.order_by] if body.order_by else None
    page = page_of(call.settings.api.maximum_page_limit, body.page_limit, body.page_offset, order_by)
    with call.reading() as connection:
        return _listed(call, connection, wanted, choice, page)


@routes.get(f"{TASK}/listMapped", Resource.TASK, response_model=TaskInstanceCollectionResponse)
def get_mapped_task_instances(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    dates: Dates,
    choice: Chosen,
    state: Texts = [],  # noqa: B006
    version_number: Numbers = [],  # noqa: B006
    try_number: Numbers = [],  # noqa: B006
    map_index: Numbers = [],  # noqa: B006
    rendered_map_index_pattern: str | None = None,
    rendered_map_index_prefix_pattern: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """The instances of a mapped task."""
    wanted = TaskFilter(
        dag_ids=[dag_id],
        run_ids=[dag_run_id],
        task_ids=[task_id],
        map_indexes=map_index,
        states=states_asked(state),
        try_numbers=try_number,
        version_numbers=version_number,
        label_pattern=rendered_map_index_pattern,
        label_prefix=rendered_map_index_prefix_pattern,
        **dates,
    )
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        check_place(connection, dag_id, dag_run_id)
        instances = tasks_named(connection, dag_id, dag_run_id, [task_id])
        if not instances:
            raise TaskNotFound(dag_id, task_id)
        specs = known_specs(call, connection, [instances[0]["version"]]).values()
        if any(task_id in spec.tasks and spec.tasks[task_id].map is None for spec in specs):
            raise NotFound(f"Task {task_id!r} of Dag {dag_id!r} is not mapped; leave out listMapped.")
        return _listed(call, connection, wanted, choice, page, is_mapped=True)


def _listed(
    call: Call, connection: Connection, wanted: TaskFilter, choice: TaskChoice, page: Any, *, is_mapped: bool = False
) -> dict[str, Any]:
    meant = meant_by(call, connection, wanted, choice)
    if is_mapped and not wanted.map_indexes:
        wanted = replace(wanted, only_mapped=True)
    listed = tasks_listed(connection, call.scope, wanted, page, meant)
    return collection("task_instances", tasks_shown(call, connection, listed.rows), listed)


def states_asked(names: list[str]) -> list[str]:
    """States as they are stored. Raises InvalidInput for one that there is not."""
    found = [TaskState.NONE.value if name.lower() in NO_STATE else name for name in names]
    known = frozenset(TaskState)
    for name in found:
        if name not in known:
            raise InvalidInput(f"state {name[:60]!r} is unknown; choose {', '.join(TaskState)}.")
    return found


def storable(texts: list[str] | None) -> list[str] | None:
    """Those that can occur in the database: it holds no null characters, and only valid Unicode."""
    if texts is None:
        return None
    return [text for text in texts if "\0" not in text and text.encode("utf-8", "replace").decode() == text]


def check_place(connection: Connection, dag_id: str, dag_run_id: str) -> None:
    """Raise DagNotFound or RunNotFound unless there is what a path names."""
    if dag_id == ANY:
        return
    if dag_run_id == ANY:
        if dag_facts(connection, dag_id) is None:
            raise DagNotFound(dag_id)
    elif run_row_named(connection, dag_id, dag_run_id) is None:
        raise DagNotFound(dag_id) if dag_facts(connection, dag_id) is None else RunNotFound(dag_id, dag_run_id)


# --- one ---------------------------------------------------------------------------------------------------------


@routes.get(TASK, Resource.TASK, response_model=TaskInstanceResponse)
def get_task_instance(call: Asked, dag_id: str, dag_run_id: str, task_id: str) -> dict[str, Any]:
    """The one instance of a task that is not mapped."""
    return shown_one(call, dag_id, dag_run_id, task_id, -1)


@routes.get(f"{TASK}/dependencies", Resource.TASK, response_model=TaskDependencyCollectionResponse)
def get_task_instance_dependencies(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1
) -> dict[str, Any]:
    """Why a task instance has not started: what `tradewind why` says. Empty for one that runs or is over."""
    with call.reading() as connection:
        row = found_one(connection, dag_id, dag_run_id, task_id, map_index)
    if row["state"] in FINISHED or row["state"] in (TaskState.RUNNING, TaskState.RESTARTING):
        return {"dependencies": []}
    reasons = asked_why(call, dag_id, run_id=dag_run_id, task_id=task_id)
    mine = [reason for reason in reasons if reason["map_index"] in (map_index, None) or not reason["task"]]
    return {"dependencies": [{"name": each["code"], "reason": each["sentence"]} for each in mine]}


@routes.get(f"{TASK}/tries", Resource.TASK, response_model=TaskInstanceHistoryCollectionResponse)
def get_task_instance_tries(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1
) -> dict[str, Any]:
    """The tries of a task instance, oldest first, the present one last."""
    shown = tries_named(call, dag_id, dag_run_id, task_id, map_index)
    return {"task_instances": shown, "total_entries": len(shown)}


@routes.get(f"{TASK}/tries/{{task_try_number}}", Resource.TASK, response_model=TaskInstanceHistoryResponse)
def get_task_instance_try_details(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, task_try_number: TryNumber, map_index: MapIndex = -1
) -> dict[str, Any]:
    """One try of a task instance."""
    return one_try(call, dag_id, dag_run_id, task_id, map_index, task_try_number)


@routes.get(f"{TASK}/{{map_index}}", Resource.TASK, response_model=TaskInstanceResponse)
def get_mapped_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex
) -> dict[str, Any]:
    """One instance of a mapped task."""
    return shown_one(call, dag_id, dag_run_id, task_id, map_index)


@routes.get(f"{TASK}/{{map_index}}/dependencies", Resource.TASK, response_model=TaskDependencyCollectionResponse)
def get_task_instance_dependencies_by_map_index(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex
) -> dict[str, Any]:
    """Why an instance of a mapped task has not started."""
    return get_task_instance_dependencies(call, dag_id, dag_run_id, task_id, map_index)


@routes.get(f"{TASK}/{{map_index}}/tries", Resource.TASK, response_model=TaskInstanceHistoryCollectionResponse)
def get_mapped_task_instance_tries(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex
) -> dict[str, Any]:
    """The tries of an instance of a mapped task."""
    return get_task_instance_tries(call, dag_id, dag_run_id, task_id, map_index)


@routes.get(
    f"{TASK}/{{map_index}}/tries/{{task_try_number}}", Resource.TASK, response_model=TaskInstanceHistoryResponse
)
def get_mapped_task_instance_try_details(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, task_try_number: TryNumber
) -> dict[str, Any]:
    """One try of an instance of a mapped task."""
    return one_try(call, dag_id, dag_run_id, task_id, map_index, task_try_number)


def found_one(connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int) -> Row:
    """The row of a task instance. Raises what says which part of the path there is not."""
    row = task_named(connection, dag_id, run_id, task_id, map_index)
    if row is not None:
        return row
    check_place(connection, dag_id, run_id)
    indexes = [row["map_index"] for row in tasks_named(connection, dag_id, run_id, [task_id])]
    if not indexes:
        raise TaskNotFound(dag_id, task_id)
    if map_index < 0:
        raise NotFound(f"Task {task_id!r} of run {run_id} is mapped; name one of its {len(indexes)} instances.")
    known = "is not mapped" if indexes == [-1] else f"has the instances {indexes[0]} to {indexes[-1]}"
    raise NotFound(f"Task {task_id!r} of run {run_id} has no instance {map_index}: it {known}.")


def shown_one(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int) -> dict[str, Any]:
    """A task instance as an answer."""
    with call.reading() as connection:
        return tasks_shown(call, connection, [found_one(connection, dag_id, run_id, task_id, map_index)])[0]


def tries_named(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int) -> list[dict[str, Any]]:
    """The tries of a task instance as answers."""
    with call.reading() as connection:
        row = found_one(connection, dag_id, run_id, task_id, map_index)
        return tries_shown(call, connection, row, tries_of(connection, key_of(row)))


def one_try(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int, number: int) -> dict[str, Any]:
    """One of them. Raises NotFound."""
    shown: dict[str, Any]
    for shown in reversed(tries_named(call, dag_id, run_id, task_id, map_index)):
        if shown["try_number"] == number:
            return shown
    raise NotFound(f"Task {task_id!r} of run {run_id} has had no try {number}.")
