"""What people do to task instances, in Airflow 2's words: say how they ended, note something, have them run again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from tradewind.api.bounds import moment_us
from tradewind.api.call import Call
from tradewind.api.errors import Conflict, NotFound
from tradewind.api.models import Answer, Body, Moment
from tradewind.api.public import task_changes as today
from tradewind.api.public.task_changes import Note, PathIndex
from tradewind.api.public.task_instances import get_task_instance, shown_one
from tradewind.api.public.task_shapes import TaskInstanceState
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.tasks import TASK, TaskInstance, shown
from tradewind.core.access import Action, Resource
from tradewind.core.errors import InvalidInput
from tradewind.store.paging import Page
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.runs import RunFilter, runs_listed

routes = Routes("TaskInstance")

State = Annotated[str, Field(pattern="^(success|failed|skipped)$")]


class TaskInstanceReference(Answer):
    task_id: str
    dag_id: str
    execution_date: Moment | None
    dag_run_id: str


class TaskInstanceReferenceCollection(Answer):
    task_instances: list[TaskInstanceReference]


def _references(found: dict[str, Any]) -> dict[str, Any]:
    return {"task_instances": [{**row, "execution_date": row["logical_date"]} for row in found["task_instances"]]}


# --- clear -----------------------------------------------------------------------------------------------------------


class ClearTaskInstances(Body):
    """`include_subdags` and `include_parentdag` mean nothing: there are no SubDags."""

    dry_run: bool = True
    task_ids: list[today.Id] | None = None
    start_date: datetime | None = None
    end_date: datetime | None = None
    only_failed: bool = True
    only_running: bool = False
    include_subdags: bool = False
    include_parentdag: bool = False
    reset_dag_runs: bool = False
    dag_run_id: today.Id | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False


@routes.post(
    "/dags/{dag_id}/clearTaskInstances", Resource.TASK, Action.EDIT, response_model=TaskInstanceReferenceCollection
)
def post_clear_task_instances(call: Asked, dag_id: str, body: ClearTaskInstances) -> dict[str, Any]:
    """Have task instances run again; with `dry_run` only say which."""
    given = body.model_dump(exclude={"include_subdags", "include_parentdag"}, exclude_unset=True)
    reset = body.reset_dag_runs or body.dry_run
    wish = today.ClearTaskInstancesBody(**given | {"reset_dag_runs": reset})
    return _references(today.post_clear_task_instances(call, dag_id, wish))


# --- note, before what a map index may be -----------------------------------------------------------------------------


class SetTaskInstanceNote(Body):
    note: Note


@routes.patch(f"{TASK}/setNote", Resource.TASK, response_model=TaskInstance)
def set_task_instance_note(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, body: SetTaskInstanceNote
) -> dict[str, Any]:
    """Note something about a task instance."""
    get_task_instance(call, dag_id, dag_run_id, task_id)
    return _noted(call, dag_id, dag_run_id, task_id, -1, body)


@routes.patch(f"{TASK}/{{map_index}}/setNote", Resource.TASK, response_model=TaskInstance)
def set_mapped_task_instance_note(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, body: SetTaskInstanceNote
) -> dict[str, Any]:
    """The same for one instance of a mapped task."""
    return _noted(call, dag_id, dag_run_id, task_id, map_index, body)


def _noted(
    call: Call, dag_id: str, run_id: str, task_id: str, map_index: int, body: SetTaskInstanceNote
) -> dict[str, Any]:  # fmt: skip
    wish = today.PatchTaskInstanceBody(note=body.note)
    [row] = today.patch_task_instance(call, dag_id, run_id, task_id, wish, map_index)["task_instances"]
    return shown(row)


# --- mark ------------------------------------------------------------------------------------------------------------


class UpdateTaskInstance(Body):
    dry_run: bool = True
    new_state: State


class UpdateTaskInstancesState(Body):
    """Which run is said by its id or its date."""

    dry_run: bool = True
    task_id: today.Id
    execution_date: datetime | None = None
    dag_run_id: today.Id | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    new_state: State


@routes.patch(TASK, Resource.TASK, response_model=TaskInstanceReference)
def patch_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, body: UpdateTaskInstance
) -> dict[str, Any]:
    """Say how a task has ended."""
    return _marked_one(call, dag_id, dag_run_id, task_id, -1, body)


@routes.patch(f"{TASK}/{{map_index}}", Resource.TASK, response_model=TaskInstanceReference)
def patch_mapped_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, body: UpdateTaskInstance
) -> dict[str, Any]:
    """The same for one instance of a mapped task."""
    return _marked_one(call, dag_id, dag_run_id, task_id, map_index, body)


@routes.post(
    "/dags/{dag_id}/updateTaskInstancesState", Resource.TASK, Action.EDIT,
    response_model=TaskInstanceReferenceCollection,
)  # fmt: skip
def post_set_task_instances_state(call: Asked, dag_id: str, body: UpdateTaskInstancesState) -> dict[str, Any]:
    """Say how a task has ended, and those that the wish includes. The answer has those that change."""
    run_id = body.dag_run_id or _run_of(call, dag_id, body.execution_date)
    given = body.model_dump(include={name for name in UpdateTaskInstancesState.model_fields if "include" in name})
    wish = today.PatchTaskInstanceBody(new_state=TaskInstanceState(body.new_state), **given)
    return _references(_marked(call, (dag_id, run_id, body.task_id, None), wish, dry_run=body.dry_run))


def _marked_one(
    call: Call, dag_id: str, run_id: str, task_id: str, map_index: int, body: UpdateTaskInstance
) -> dict[str, Any]:  # fmt: skip
    row = shown_one(call, dag_id, run_id, task_id, map_index)
    wish = today.PatchTaskInstanceBody(new_state=TaskInstanceState(body.new_state))
    _marked(call, (dag_id, run_id, task_id, map_index), wish, dry_run=body.dry_run)
    return {**row, "execution_date": row["logical_date"]}


def _marked(
    call: Call, task: tuple[str, str, str, int | None], wish: today.PatchTaskInstanceBody, *, dry_run: bool
) -> dict[str, Any]:
    """What is, or would be, changed. Where everything is so already, Airflow 2 says that nothing is."""
    do = today.patch_task_instance_dry_run if dry_run else today.patch_task_instance
    dag_id, run_id, task_id, map_index = task
    try:
        return do(call, dag_id, run_id, task_id, wish, map_index)
    except Conflict:
        return {"task_instances": []}


def _run_of(call: Call, dag_id: str, at: datetime | None) -> str:
    if at is None:
        raise InvalidInput("Say which run by dag_run_id or execution_date.")
    exactly = Bounds(gte=moment_us(at), lte=moment_us(at))
    wanted = RunFilter(dag_ids=(dag_id,), ranges={"logical_date": exactly})
    with call.reading() as connection:
        rows = runs_listed(connection, call.scope, wanted, Page(limit=1)).rows
    if not rows:
        raise NotFound(f"Dag {dag_id!r} has no run of {at.isoformat()}.")
    return str(rows[0]["run_id"])
