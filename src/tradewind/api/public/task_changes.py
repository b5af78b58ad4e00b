"""What people do to task instances: say how they ended, note something, delete them, have them run again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import Field

from tradewind.api.call import Call, NotPermitted
from tradewind.api.errors import Conflict, NotFound
from tradewind.api.models import Body
from tradewind.api.public.bulk import BulkResponse, OnAbsence, OnExistence, Results
from tradewind.api.public.task_instances import ANY, RUN, TASK, TASKS, MapIndex, found_one
from tradewind.api.public.task_shapes import (
    TaskInstanceCollectionResponse,
    TaskInstanceState,
    known_specs,
    tasks_shown,
)
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.task_choice import tasks_in_group
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound, TaskNotFound
from tradewind.core.records import TaskKey
from tradewind.core.soundness import LONGEST_ID, LONGEST_NOTE, MOST
from tradewind.core.states import RUN_FINISHED, TaskState
from tradewind.store.paging import Row
from tradewind.store.reading.dags import dag_facts
from tradewind.store.reading.task_instances import key_of, run_row_named, tasks_by_key, tasks_named

routes = Routes("Task Instance", prefix=API)
GROUP = f"{RUN}/taskGroupInstances/{{group_id}}"
MARKS = (TaskState.SUCCESS, TaskState.FAILED, TaskState.SKIPPED)
EDITS, DELETES = Need(Action.EDIT, Resource.TASK), Need(Action.DELETE, Resource.TASK)

Note = Annotated[str, Field(max_length=LONGEST_NOTE)]
Index = Annotated[int, Field(ge=-1, le=MOST)]
Id = Annotated[str, Field(min_length=1, max_length=LONGEST_ID)]
Mask = Annotated[list[str] | None, Query(description="Which of new_state and note to look at; without it both.")]
MaybeIndex = Annotated[Annotated[int, Query(ge=-1, le=MOST)] | None, Query(description="Without it all instances.")]
PathIndex = Annotated[int, Path(ge=-1, le=MOST)]


class PatchTaskInstanceBody(Body):
    new_state: TaskInstanceState | None = None
    note: Note | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False


class BulkTaskInstanceBody(PatchTaskInstanceBody):
    """A task instance, or without a map index all instances of a task; where Dag and run are not named, those of the
    path."""

    task_id: Id
    map_index: Index | None = None
    dag_id: Id | None = None
    dag_run_id: Id | None = None


class BulkCreateTasks(Body):
    action: Literal["create"]
    entities: list[BulkTaskInstanceBody]
    action_on_existence: OnExistence = OnExistence.FAIL


class BulkUpdateTasks(Body):
    action: Literal["update"]
    entities: list[BulkTaskInstanceBody]
    update_mask: list[str] | None = None
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkDeleteTasks(Body):
    action: Literal["delete"]
    entities: list[Id | BulkTaskInstanceBody]
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkTasksBody(Body):
    actions: list[BulkCreateTasks | BulkUpdateTasks | BulkDeleteTasks]


class ClearTaskInstancesBody(Body):
    """What is to run again. As in Airflow it is only said, not done, unless `dry_run` is false, and only what failed is
    meant unless `only_failed` is."""

    dry_run: bool = True
    start_date: datetime | None = None
    end_date: datetime | None = None
    only_failed: bool = True
    only_running: bool = False
    reset_dag_runs: bool = True
    task_ids: list[Id | tuple[Id, Index]] | None = None
    dag_run_id: Id | None = None
    include_upstream: bool = False
    include_downstream: bool = False
    include_future: bool = False
    include_past: bool = False
    run_on_latest_version: bool | None = None
    prevent_running_task: bool = False
    note: Note | None = None


# --- clear -------------------------------------------------------------------------------------------------------


@routes.post(
    "/dags/{dag_id}/clearTaskInstances", Resource.TASK, Action.EDIT, response_model=TaskInstanceCollectionResponse
)
def post_clear_task_instances(call: Asked, dag_id: str, body: ClearTaskInstancesBody) -> dict[str, Any]:
    """Have task instances run again. The answer has those that would be, or now are, cleared."""
    if dag_id == ANY:
        raise InvalidInput("Task instances are cleared in one Dag at a time; name it instead of ~.")
    wish = _clear_wish(dag_id, body)
    # What would happen is looked at first: whom it reaches decides whether the caller may want it.
    plan = call.command("task.clear", **wish, dry_run=True)
    within = _permitted(call, [run["dag_id"] for run in plan["runs"]])
    _check_plan(plan, body)
    if not body.dry_run:
        plan = call.command("task.clear", **wish, within=sorted({dag_id, *within}))
    rows = _rows_of(call, plan)
    if body.note is not None and not body.dry_run:
        _note(call, rows, body.note)
        rows = _rows_of(call, plan)
    return _shown(call, rows)


def _clear_wish(dag_id: str, body: ClearTaskInstancesBody) -> dict[str, Any]:
    if body.dag_run_id is not None and (body.start_date or body.end_date):
        raise InvalidInput("Give dag_run_id, or start_date and end_date, not both.")
    if body.dag_run_id is None and (body.include_future or body.include_past):
        raise InvalidInput("include_future and include_past go from a run: give its dag_run_id.")
    if body.task_ids is not None and not body.task_ids:
        raise InvalidInput("task_ids is empty; leave it out to mean every task.")
    named = body.task_ids or []
    wish: dict[str, Any] = {
        "dag_id": dag_id,
        "run_id": body.dag_run_id,
        "start": body.start_date.isoformat() if body.start_date else None,
        "end": body.end_date.isoformat() if body.end_date else None,
        "task_ids": [one for one in named if isinstance(one, str)],
        "instances": [list(one) for one in named if not isinstance(one, str)],
        "only_failed": body.only_failed,
        "only_running": body.only_running,
        "upstream": body.include_upstream,
        "downstream": body.include_downstream,
        "future": body.include_future,
        "past": body.include_past,
        "latest": body.run_on_latest_version,
        "prevent_running": body.prevent_running_task,
    }
    return wish


def _permitted(call: Call, dag_ids: Iterable[str]) -> Collection[str]:
    """The Dags that a plan reaches. Raises NotPermitted, without their names, where one may not be changed."""
    reached = sorted(set(dag_ids))
    for dag_id in reached:
        try:
            call.permit(dag_id)
        except (NotPermitted, DagNotFound):
            raise NotPermitted(call.need) from None
    return reached


def _check_plan(plan: dict[str, Any], body: ClearTaskInstancesBody) -> None:
    refused = [run["refused"] for run in plan["runs"] if run["refused"]]
    if refused and not plan["tasks"]:
        raise InvalidInput(f"Nothing can be cleared: {'; '.join(refused[:5])}.")
    ended = [run["run_id"] for run in plan["runs"] if run["state"] in RUN_FINISHED and run["tasks"]]
    if ended and not body.reset_dag_runs:
        raise InvalidInput(
            f"Run {ended[0]} is over, and its tasks can only run again if it does; set reset_dag_runs to true."
        )


# --- mark and note -----------------------------------------------------------------------------------------------


@routes.patch(TASK, Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, body: PatchTaskInstanceBody, map_index: MaybeIndex = None,
    update_mask: Mask = None,
) -> dict[str, Any]:  # fmt: skip
    """Say how a task has ended, or note something about it. The answer has every task instance that it changed."""
    return _patched(call, _one(call, dag_id, dag_run_id, task_id, map_index), _masked(body, update_mask))


@routes.patch(f"{TASK}/dry_run", Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_instance_dry_run(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, body: PatchTaskInstanceBody, map_index: MaybeIndex = None,
    update_mask: Mask = None,
) -> dict[str, Any]:  # fmt: skip
    """The task instances that this would change."""
    target = _one(call, dag_id, dag_run_id, task_id, map_index)
    return _patched(call, target, _masked(body, update_mask), dry_run=True)


@routes.patch(f"{TASK}/{{map_index}}", Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_instance_by_map_index(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, body: PatchTaskInstanceBody,
    update_mask: Mask = None,
) -> dict[str, Any]:  # fmt: skip
    """The same for one instance of a mapped task."""
    return patch_task_instance(call, dag_id, dag_run_id, task_id, body, map_index, update_mask)


@routes.patch(f"{TASK}/{{map_index}}/dry_run", Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_instance_dry_run_by_map_index(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: PathIndex, body: PatchTaskInstanceBody,
    update_mask: Mask = None,
) -> dict[str, Any]:  # fmt: skip
    """The task instances that this would change."""
    return patch_task_instance_dry_run(call, dag_id, dag_run_id, task_id, body, map_index, update_mask)


@routes.patch(GROUP, Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_group_instances(
    call: Asked, dag_id: str, dag_run_id: str, group_id: str, body: PatchTaskInstanceBody, update_mask: Mask = None
) -> dict[str, Any]:
    """The same for every task of a group."""
    return _patched(call, _group(call, dag_id, dag_run_id, group_id), _masked(body, update_mask))


@routes.patch(f"{GROUP}/dry_run", Resource.TASK, response_model=TaskInstanceCollectionResponse)
def patch_task_group_instances_dry_run(
    call: Asked, dag_id: str, dag_run_id: str, group_id: str, body: PatchTaskInstanceBody
) -> dict[str, Any]:
    """The task instances that this would change."""
    return _patched(call, _group(call, dag_id, dag_run_id, group_id), body, dry_run=True)


@dataclass(frozen=True, slots=True)
class _Target:
    """Task instances of one run that somebody names."""

    dag_id: str
    run_id: str
    rows: Sequence[Row]
    whole: frozenset[str]
    """Tasks of which every instance is meant."""

    def fields(self) -> dict[str, Any]:
        """As a command names them."""
        single = [[row["task_id"], row["map_index"]] for row in self.rows if row["task_id"] not in self.whole]
        return {"dag_id": self.dag_id, "run_id": self.run_id, "task_ids": sorted(self.whole), "instances": single}


def _one(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int | None) -> _Target:
    if ANY in (dag_id, run_id):
        raise InvalidInput("Task instances are changed in one run at a time; name its Dag and run instead of ~.")
    with call.reading() as connection:
        if map_index is not None:
            return _Target(dag_id, run_id, [found_one(connection, dag_id, run_id, task_id, map_index)], frozenset())
        rows = tasks_named(connection, dag_id, run_id, [task_id])
        if not rows:
            found_one(connection, dag_id, run_id, task_id, -1)
        return _Target(dag_id, run_id, rows, frozenset({task_id}))


def _group(call: Call, dag_id: str, run_id: str, group_id: str) -> _Target:
    with call.reading() as connection:
        run = run_row_named(connection, dag_id, run_id)
        if run is None:
            raise DagNotFound(dag_id) if dag_facts(connection, dag_id) is None else RunNotFound(dag_id, run_id)
        specs = known_specs(call, connection, [run["version"]]).values()
        task_ids = frozenset(task_id for spec in specs for task_id in tasks_in_group(spec, group_id))
        rows = tasks_named(connection, dag_id, run_id, task_ids) if task_ids else []
    if not rows:
        raise NotFound(f"Dag {dag_id!r} has no task group {group_id!r} with tasks in run {run_id}.")
    return _Target(dag_id, run_id, rows, frozenset(row["task_id"] for row in rows))


def _masked(body: PatchTaskInstanceBody, mask: list[str] | None) -> PatchTaskInstanceBody:
    """With a mask only what it names is looked at."""
    if mask is None:
        return body
    if unknown := sorted(set(mask) - PatchTaskInstanceBody.model_fields.keys()):
        raise InvalidInput(f"update_mask {unknown[0][:60]!r} is unknown; choose new_state or note.")
    left_out = {name: None for name in ("new_state", "note") if name not in mask}
    kept = body.model_dump(exclude_unset=True, exclude=set(left_out))
    return body.model_validate(kept)


def _patched(call: Call, target: _Target, body: PatchTaskInstanceBody, *, dry_run: bool = False) -> dict[str, Any]:
    rows = list(target.rows)
    if body.new_state is not None:
        rows = _marked(call, target, body, dry_run=dry_run)
    elif "note" not in body.model_fields_set:
        raise InvalidInput("Nothing is to be changed; give new_state or note.")
    if "note" in body.model_fields_set and not dry_run:
        _note(call, target.rows, body.note or "")
        rows = _read_again(call, rows)
    return _shown(call, rows)


def _marked(call: Call, target: _Target, body: PatchTaskInstanceBody, *, dry_run: bool) -> list[Row]:
    """Every task instance that is, or would be, marked."""
    if body.new_state is None or str(body.new_state) not in MARKS:
        raise InvalidInput(f"A task can be marked {', '.join(MARKS)}, not {body.new_state}.")
    wish = {
        **target.fields(),
        "state": body.new_state.value,
        "upstream": body.include_upstream,
        "downstream": body.include_downstream,
        "future": body.include_future,
        "past": body.include_past,
    }
    plan = call.command("task.mark", **wish, dry_run=True)
    if set(plan["states"]) <= {body.new_state.value}:
        if dry_run:
            return []
        some = target.rows[0]["task_id"]
        raise Conflict(f"Task {some!r} of run {target.run_id} is {body.new_state} already, so nothing is changed.")
    if not dry_run:
        plan = call.command("task.mark", **wish)
    return _rows_of(call, plan)


def _note(call: Call, rows: Sequence[Row], note: str) -> None:
    by_run = defaultdict(list)
    for row in rows:
        by_run[row["dag_id"], row["run_id"]].append([row["task_id"], row["map_index"]])
    for (dag_id, run_id), instances in by_run.items():
        call.command("task.note", dag_id=dag_id, run_id=run_id, instances=instances, note=note)


# --- delete, and several at once ---------------------------------------------------------------------------------


@routes.delete(TASK, Resource.TASK, response_model=None)
def delete_task_instance(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1
) -> dict[str, Any] | None:
    """Delete a task instance of a run that is over, with its tries, XComs and what it keeps. Its logs stay."""
    _one(call, dag_id, dag_run_id, task_id, map_index)
    call.command("task.delete", dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index)
    return None


@routes.patch(TASKS, Resource.TASK, response_model=BulkResponse, response_model_exclude_none=True)
def bulk_task_instances(call: Asked, dag_id: str, dag_run_id: str, body: BulkTasksBody) -> dict[str, Any]:
    """Change or delete several. Each entity is changed by itself; one that is refused says why."""
    results = Results()
    place = (dag_id, dag_run_id)
    for action in body.actions:
        match action:
            case BulkCreateTasks():
                results.apply("create", action.entities, _cannot_create)
            case BulkUpdateTasks():
                results.apply("update", action.entities, partial(_update_one, call, place, action))
            case BulkDeleteTasks():
                results.apply("delete", action.entities, partial(_delete_one, call, place, action))
    return results.answer()


def _cannot_create(entity: BulkTaskInstanceBody) -> str | None:
    raise InvalidInput(f"Task {entity.task_id!r}: task instances are made by their run, never by hand.")


def _update_one(call: Call, place: tuple[str, str], on: BulkUpdateTasks, entity: BulkTaskInstanceBody) -> str | None:
    target = _entity(call, place, entity, EDITS, on.action_on_non_existence)
    if target is None:
        return None
    given = entity.model_dump(exclude_unset=True, exclude={"task_id", "map_index", "dag_id", "dag_run_id"})
    _patched(call, target, _masked(PatchTaskInstanceBody.model_validate(given), on.update_mask))
    return _name(target, entity)


def _delete_one(
    call: Call, place: tuple[str, str], on: BulkDeleteTasks, entity: str | BulkTaskInstanceBody
) -> str | None:
    named = BulkTaskInstanceBody(task_id=entity) if isinstance(entity, str) else entity
    target = _entity(call, place, named, DELETES, on.action_on_non_existence)
    if target is None:
        return None
    instances = [[row["task_id"], row["map_index"]] for row in target.rows]
    call.command("task.delete", dag_id=target.dag_id, run_id=target.run_id, instances=instances)
    return _name(target, named)


def _entity(
    call: Call, place: tuple[str, str], entity: BulkTaskInstanceBody, need: Need, on_absence: OnAbsence
) -> _Target | None:
    """What an entity names; None where there is none and that is to be passed over. Its Dag is looked at anew: the path
    says nothing about what a body names."""
    dag_id, run_id = entity.dag_id or place[0], entity.dag_run_id or place[1]
    if dag_id == ANY:
        raise InvalidInput(f"Task {entity.task_id!r}: name its dag_id, since the path says ~.")
    call.permit(dag_id, need)
    try:
        return _one(call, dag_id, run_id, entity.task_id, entity.map_index)
    except (NotFound, DagNotFound, RunNotFound, TaskNotFound):
        if on_absence is OnAbsence.SKIP:
            return None
        raise


def _name(target: _Target, entity: BulkTaskInstanceBody) -> str:
    index = "" if entity.map_index is None else f"[{entity.map_index}]"
    return f"{target.dag_id}.{target.run_id}.{entity.task_id}{index}"


# --- answers -----------------------------------------------------------------------------------------------------


def _rows_of(call: Call, plan: dict[str, Any]) -> list[Row]:
    with call.reading() as connection:
        return tasks_by_key(connection, [TaskKey(*key) for key in plan["tasks"]])


def _read_again(call: Call, rows: Sequence[Row]) -> list[Row]:
    with call.reading() as connection:
        return tasks_by_key(connection, [key_of(row) for row in rows])


def _shown(call: Call, rows: Sequence[Row]) -> dict[str, Any]:
    with call.reading() as connection:
        return {"task_instances": tasks_shown(call, connection, rows), "total_entries": len(rows)}
