"""Runs in Airflow 2's words."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Query, Response
from fastapi.responses import JSONResponse
from pydantic import Field

from tradewind.api.call import Call
from tradewind.api.models import Answer, Body, Moment, page_of
from tradewind.api.public import assets, run_clears, run_wishes
from tradewind.api.public import runs as today
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.datasets import DatasetEventCollection, event_shown
from tradewind.api.v1.models import Dates, Fields, Limit, Offset, Order, bounds, only, order_of
from tradewind.api.v1.tasks import TaskInstanceCollection
from tradewind.api.v1.tasks import shown as task_shown
from tradewind.api.values import Instant
from tradewind.core.access import Action, Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.states import RunState, RunType
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.runs import RunFilter

routes = Routes("DAGRun", prefix="/dags/{dag_id}/dagRuns")

RUN_TYPES = {RunType.BACKFILL: "backfill", RunType.SCHEDULED: "scheduled", RunType.ASSET_TRIGGERED: "dataset_triggered"}
"""What Airflow 2 knows of run types; whatever else there is somebody has asked for."""


class DAGRun(Answer):
    """A run. `logical_date` and its older name are null for a run of no date, which Airflow 2 did not have."""

    dag_run_id: str
    dag_id: str
    logical_date: Moment | None
    execution_date: Moment | None
    start_date: Moment | None
    end_date: Moment | None
    data_interval_start: Moment | None
    data_interval_end: Moment | None
    last_scheduling_decision: Moment | None
    run_type: Literal["backfill", "manual", "scheduled", "dataset_triggered"]
    state: RunState
    external_trigger: bool
    conf: dict[str, Any]
    note: str | None


class DAGRunCollection(Answer):
    dag_runs: list[DAGRun]
    total_entries: int


def shown(row: dict[str, Any]) -> dict[str, Any]:
    """A run of today in Airflow 2's words."""
    run_type = RUN_TYPES.get(row["run_type"], "manual")
    return {
        **row, "execution_date": row["logical_date"], "run_type": run_type, "external_trigger": run_type == "manual",
        "conf": row["conf"] or {},
    }  # fmt: skip


def _listed(call: Call, wanted: RunFilter, limit: int, offset: int, order_by: str | None) -> dict[str, Any]:
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_of(order_by))
    found = today.listed(call, wanted, page)
    return {"dag_runs": [shown(row) for row in found["dag_runs"]], "total_entries": found["total_entries"]}


@routes.get("", Resource.RUN, response_model=DAGRunCollection)
def get_dag_runs(
    call: Asked, dag_id: str, dates: Dates, limit: Limit = 100, offset: Offset = 0,
    state: Annotated[list[RunState], Query()] = [],  # noqa: B006
    order_by: Order = None, fields: Fields = None,
) -> Any:  # fmt: skip
    """The runs of a Dag, or with `~` those of all Dags that the caller may see."""
    wanted = RunFilter(dag_ids=None if dag_id == "~" else (dag_id,), states=state or None, ranges=dates)
    found = _listed(call, wanted, limit, offset, order_by)
    if fields is None:
        return found
    return JSONResponse({**found, "dag_runs": [only(DAGRun, row, fields) for row in found["dag_runs"]]})


class ListDagRunsForm(Body):
    order_by: str | None = None
    page_offset: Annotated[int, Field(ge=0, le=today.MOST)] = 0
    page_limit: Annotated[int, Field(ge=1)] = 100
    dag_ids: today.Names | None = None
    states: Annotated[list[RunState], Field(max_length=100)] | None = None
    execution_date_gte: Instant | None = None
    execution_date_lte: Instant | None = None
    start_date_gte: Instant | None = None
    start_date_lte: Instant | None = None
    end_date_gte: Instant | None = None
    end_date_lte: Instant | None = None


@routes.post("/list", Resource.RUN, Action.READ, response_model=DAGRunCollection)
def get_dag_runs_batch(call: Asked, dag_id: Literal["~"], body: ListDagRunsForm) -> dict[str, Any]:
    """Runs of any Dags that the caller may see; for filters that are too long for an address."""
    wanted = RunFilter(dag_ids=body.dag_ids, states=body.states, ranges=ranges_of(body))
    return _listed(call, wanted, body.page_limit, body.page_offset, body.order_by)


def ranges_of(body: Any) -> dict[str, Bounds]:
    """The bounds in the body of a list, by today's names."""
    return {
        name: bounds(getattr(body, f"{field}_gte"), getattr(body, f"{field}_lte"))
        for field, name in (
            ("execution_date", "logical_date"), ("start_date", "start_date"), ("end_date", "end_date"),
        )
    }  # fmt: skip


class DAGRunBody(Body):
    """`execution_date` is the older name of `logical_date`. Without either a run is of the moment it is asked for."""

    dag_run_id: str | None = None
    logical_date: datetime | None = None
    execution_date: datetime | None = None
    data_interval_start: datetime | None = None
    data_interval_end: datetime | None = None
    conf: dict[str, Any] | None = None
    note: run_wishes.Note | None = None


@routes.post("", Resource.RUN, response_model=DAGRun)
def post_dag_run(call: Asked, dag_id: str, body: DAGRunBody) -> dict[str, Any]:
    """Make a run."""
    dates = {date for date in (body.logical_date, body.execution_date) if date is not None}
    if len(dates) > 1:
        raise InvalidInput("logical_date and execution_date are two names of one thing; give one, or the same twice.")
    given = run_wishes.TriggerDAGRunPostBody(
        dag_run_id=body.dag_run_id, logical_date=dates.pop() if dates else call.installation.logins.clock(),
        data_interval_start=body.data_interval_start, data_interval_end=body.data_interval_end, conf=body.conf,
        note=body.note,
    )  # fmt: skip
    return shown(run_wishes.trigger_dag_run(call, dag_id, given))


@routes.get("/{dag_run_id}", Resource.RUN, response_model=DAGRun)
def get_dag_run(call: Asked, dag_id: str, dag_run_id: str, fields: Fields = None) -> Any:
    """One run."""
    found = shown(today.get_dag_run(call, dag_id, dag_run_id))
    return found if fields is None else JSONResponse(only(DAGRun, found, fields))


class UpdateDagRunState(Body):
    state: run_wishes.DagRunMutableStates


class SetDagRunNote(Body):
    note: run_wishes.Note | None


def _patched(call: Call, dag_id: str, dag_run_id: str, **given: Any) -> dict[str, Any]:
    return shown(run_wishes.patch_dag_run(call, dag_id, dag_run_id, run_wishes.DAGRunPatchBody(**given)))


@routes.patch("/{dag_run_id}", Resource.RUN, response_model=DAGRun)
def update_dag_run_state(call: Asked, dag_id: str, dag_run_id: str, body: UpdateDagRunState) -> dict[str, Any]:
    """Say how a run has ended, or have it looked at again (`queued`)."""
    return _patched(call, dag_id, dag_run_id, state=body.state)


@routes.patch("/{dag_run_id}/setNote", Resource.RUN, response_model=DAGRun)
def set_dag_run_note(call: Asked, dag_id: str, dag_run_id: str, body: SetDagRunNote) -> dict[str, Any]:
    """Note something that people should know of it."""
    return _patched(call, dag_id, dag_run_id, note=body.note)


@routes.delete("/{dag_run_id}", Resource.RUN, status_code=204)
def delete_dag_run(call: Asked, dag_id: str, dag_run_id: str) -> Response:
    """Delete a run that is over."""
    run_wishes.delete_dag_run(call, dag_id, dag_run_id)
    return Response(status_code=204)


class ClearDagRun(Body):
    dry_run: bool = True


@routes.post(
    "/{dag_run_id}/clear", Resource.RUN, Action.EDIT, response_model=DAGRun | TaskInstanceCollection
)  # fmt: skip
def clear_dag_run(call: Asked, dag_id: str, dag_run_id: str, body: ClearDagRun) -> dict[str, Any]:
    """Run all tasks of a run once more; with `dry_run` only say which those are."""
    found = run_clears.clear_dag_run(call, dag_id, dag_run_id, run_clears.DAGRunClearBody(dry_run=body.dry_run))
    if not body.dry_run:
        return shown(found)
    return {**found, "task_instances": [task_shown(row) for row in found["task_instances"]]}


@routes.get("/{dag_run_id}/upstreamDatasetEvents", Resource.RUN, response_model=DatasetEventCollection)
def get_upstream_dataset_events(call: Asked, dag_id: str, dag_run_id: str) -> dict[str, Any]:
    """What a run was made for, oldest first."""
    found = assets.get_upstream_asset_events(call, dag_id, dag_run_id)
    return {
        "dataset_events": [event_shown(row) for row in found["asset_events"]], "total_entries": found["total_entries"]
    }  # fmt: skip
