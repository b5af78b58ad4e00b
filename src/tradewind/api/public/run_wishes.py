"""Runs: making one, marking and noting, deleting; one at a time, or several in one call."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Annotated, Any, Literal, Self

from fastapi import Query
from pydantic import Field, model_validator

from tradewind.api.call import Call
from tradewind.api.models import Body
from tradewind.api.public.bulk import BulkResponse, OnAbsence, OnExistence, Results, may_change
from tradewind.api.public.runs import DAGRunResponse, get_dag_run
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import DagNotFound, InvalidInput, RunNotFound
from tradewind.store.reading.dags import dag_named
from tradewind.store.reading.runs import run_row

routes = Routes("DagRun", prefix=f"{API}/dags/{{dag_id}}/dagRuns")

Note = Annotated[str, Field(max_length=1000)]
MOST_AT_ONCE = 1000
FROM_UI = "x-tradewind"
"""The header by which the web UI says that it asks. It is believed: a run's record says so, and nothing hangs on it."""


class DagRunMutableStates(StrEnum):
    """States that people may give a run."""

    QUEUED = "queued"
    SUCCESS = "success"
    FAILED = "failed"


class TriggerDAGRunPostBody(Body):
    dag_run_id: str | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    logical_date: datetime | None
    run_after: datetime | None = None
    conf: dict[str, Any] | None = None
    note: Note | None = None
    partition_key: str | None = None

    @model_validator(mode="after")
    def _has_both_ends(self) -> Self:
        if (self.data_interval_start is None) is not (self.data_interval_end is None):
            raise ValueError("data_interval_start and data_interval_end go together; give both or neither")
        return self


@routes.post("", Resource.RUN, response_model=DAGRunResponse)
def trigger_dag_run(call: Asked, dag_id: str, body: TriggerDAGRunPostBody) -> dict[str, Any]:
    """Make a run. It starts at once, or at `run_after`, as far as the Dag's limits allow and while it is not paused."""
    with call.reading() as connection:
        row = dag_named(connection, dag_id)
    if row is None:
        raise DagNotFound(dag_id)
    if row["has_import_errors"]:
        raise InvalidInput(f"The file of Dag {dag_id!r} cannot be imported; look at its import errors, and mend it.")
    made = call.command(
        "run.create",
        dag_id=dag_id,
        run_id=body.dag_run_id,
        logical_date=as_text(body.logical_date),
        data_interval_start=as_text(body.data_interval_start),
        data_interval_end=as_text(body.data_interval_end),
        run_after=as_text(body.run_after),
        conf=body.conf,
        note=body.note or None,
        partition_key=body.partition_key,
        triggered_by="ui" if call.request.headers.get(FROM_UI) == "ui" else "rest_api",
    )
    return get_dag_run(call, dag_id, made["run_id"])


class DAGRunPatchBody(Body):
    state: DagRunMutableStates | None = None
    note: Note | None = None


@routes.patch("/{dag_run_id}", Resource.RUN, response_model=DAGRunResponse)
def patch_dag_run(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    body: DAGRunPatchBody,
    update_mask: Annotated[list[str] | None, Query()] = None,
) -> dict[str, Any]:
    """Say how a run has ended, or have it looked at again (`queued`); and what people should know of it."""
    get_dag_run(call, dag_id, dag_run_id)
    _change(call, dag_id, dag_run_id, body, update_mask)
    return get_dag_run(call, dag_id, dag_run_id)


@routes.delete("/{dag_run_id}", Resource.RUN, status_code=204)
def delete_dag_run(call: Asked, dag_id: str, dag_run_id: str) -> None:
    """Delete a run that is over, with everything that its tasks left."""
    call.command("run.delete", dag_id=dag_id, run_id=dag_run_id)


class BulkDAGRunBody(Body):
    dag_run_id: str
    dag_id: str | None = None
    state: DagRunMutableStates | None = None
    note: Note | None = None


class BulkCreateRuns(Body):
    action: Literal["create"]
    entities: Annotated[list[BulkDAGRunBody], Field(max_length=MOST_AT_ONCE)]
    action_on_existence: OnExistence = OnExistence.FAIL


class BulkUpdateRuns(Body):
    action: Literal["update"]
    entities: Annotated[list[BulkDAGRunBody], Field(max_length=MOST_AT_ONCE)]
    update_mask: list[str] | None = None
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkDeleteRuns(Body):
    action: Literal["delete"]
    entities: Annotated[list[str | BulkDAGRunBody], Field(max_length=MOST_AT_ONCE)]
    action_on_non_existence: OnAbsence = OnAbsence.FAIL


class BulkBodyOfRuns(Body):
    actions: Annotated[list[BulkCreateRuns | BulkUpdateRuns | BulkDeleteRuns], Field(max_length=MOST_AT_ONCE)]


@routes.patch("", Resource.RUN, response_model=BulkResponse, response_model_exclude_unset=True)
def bulk_dag_runs(call: Asked, dag_id: str, body: BulkBodyOfRuns) -> dict[str, Any]:
    """Mark, note or delete several runs; with `~` each says which Dag it is of. Runs are made one at a time."""
    results = Results()
    for action in body.actions:
        match action:
            case BulkCreateRuns():
                results.apply("create", action.entities, _no_creating)
            case BulkUpdateRuns():
                results.apply("update", action.entities, partial(_updated, call, dag_id, action))
            case BulkDeleteRuns():
                results.apply("delete", action.entities, partial(_deleted, call, dag_id, action))
    return results.answer()


def _no_creating(entity: BulkDAGRunBody) -> str:
    raise InvalidInput(f"Run {entity.dag_run_id!r} cannot be made in bulk; POST it to the Dag's dagRuns.")


def _updated(call: Call, dag_id: str, action: BulkUpdateRuns, entity: BulkDAGRunBody) -> str | None:
    dag_id, run_id = named_run(dag_id, entity)
    call.permit(dag_id)
    if not _is_there(call, dag_id, run_id, action.action_on_non_existence):
        return None
    _change(call, dag_id, run_id, entity, action.update_mask)
    return f"{dag_id}.{run_id}"


def _deleted(call: Call, dag_id: str, action: BulkDeleteRuns, entity: str | BulkDAGRunBody) -> str | None:
    dag_id, run_id = named_run(dag_id, entity)
    call.permit(dag_id, Need(Action.DELETE, Resource.RUN))
    if not _is_there(call, dag_id, run_id, action.action_on_non_existence):
        return None
    call.command("run.delete", dag_id=dag_id, run_id=run_id)
    return f"{dag_id}.{run_id}"


def named_run(dag_id: str, entity: str | BulkDAGRunBody) -> tuple[str, str]:
    """Dag and run that an entity of a bulk call means; `dag_id` is the path's. Whether the caller may is not asked."""
    given, run_id = (None, entity) if isinstance(entity, str) else (entity.dag_id, entity.dag_run_id)
    if dag_id != "~" and given not in (None, dag_id):
        raise InvalidInput(f"Run {run_id!r} is said to be of {given!r}, but the path says {dag_id!r}; use ~ there.")
    named = given if dag_id == "~" else dag_id
    if named is None or named == "~" or run_id == "~":
        raise InvalidInput(f"Run {run_id!r}: with ~ in the path, say of which Dag it is by dag_id and dag_run_id.")
    return named, run_id


def _is_there(call: Call, dag_id: str, run_id: str, wish: OnAbsence) -> bool:
    with call.reading() as connection:
        row = run_row(connection, dag_id, run_id)
    if row is None and wish is OnAbsence.FAIL:
        raise RunNotFound(dag_id, run_id)
    return may_change(f"run {run_id!r} of Dag {dag_id!r}", row is not None, wish)


def _change(
    call: Call, dag_id: str, run_id: str, body: DAGRunPatchBody | BulkDAGRunBody, mask: list[str] | None
) -> None:
    fields = body.model_fields_set & {"state", "note"}
    if mask is not None:
        if unknown := set(mask) - {"state", "note"}:
            named = ", ".join(sorted(unknown))[:60]
            raise InvalidInput(f"update_mask {named!r}: of a run only state and note can be changed.")
        fields &= set(mask)
    if "state" in fields and body.state is not None:
        call.command("run.mark", dag_id=dag_id, run_id=run_id, state=body.state.value)
    if "note" in fields:
        call.command("run.note", dag_id=dag_id, run_id=run_id, note=body.note)


def as_text(at: datetime | None) -> str | None:
    """A moment as the scheduler reads it; one without zone is UTC."""
    return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat() if at is not None else None
