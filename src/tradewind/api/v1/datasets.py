"""Datasets: what Airflow 2 called assets. One is named by its uri here."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, JsonValue
from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Limit, Moment, Offset
from tradewind.api.public import assets as today
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.models import Order, order_of, renamed
from tradewind.api.values import When, Whole
from tradewind.core.access import Resource
from tradewind.core.soundness import LONGEST_ID

routes = Routes("Dataset", prefix="/datasets")
waiting = Routes("Dataset", prefix="/dags/{dag_id}/datasets/queuedEvent")
families = (routes, waiting)


class DagScheduleDatasetReference(Answer):
    dag_id: str
    created_at: Moment
    updated_at: Moment


class TaskOutletDatasetReference(DagScheduleDatasetReference):
    task_id: str


class Dataset(Answer):
    id: int
    uri: str
    extra: dict[str, JsonValue] | None
    created_at: Moment
    updated_at: Moment
    consuming_dags: list[DagScheduleDatasetReference]
    producing_tasks: list[TaskOutletDatasetReference]


class DatasetCollection(Answer):
    datasets: list[Dataset]
    total_entries: int


class BasicDAGRun(Answer):
    run_id: str
    dag_id: str
    logical_date: Moment | None
    start_date: Moment | None
    end_date: Moment | None
    data_interval_start: Moment | None
    data_interval_end: Moment | None
    state: str


class DatasetEvent(Answer):
    dataset_id: int
    dataset_uri: str
    extra: dict[str, JsonValue] | None
    source_dag_id: str | None
    source_task_id: str | None
    source_run_id: str | None
    source_map_index: int | None
    created_dagruns: list[BasicDAGRun]
    timestamp: Moment


class DatasetEventCollection(Answer):
    dataset_events: list[DatasetEvent]
    total_entries: int


class CreateDatasetEvent(Body):
    dataset_uri: Annotated[str, Field(min_length=1, max_length=3000)]
    extra: dict[str, JsonValue] = {}


class QueuedEvent(Answer):
    uri: str
    dag_id: str
    created_at: Moment


class QueuedEventCollection(Answer):
    datasets: list[QueuedEvent]
    total_entries: int


def event_shown(row: dict[str, Any]) -> dict[str, Any]:
    """An asset event of today in Airflow 2's words."""
    return renamed(row, dataset_id="asset_id", dataset_uri="uri")


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    return renamed(row, consuming_dags="scheduled_dags")


@routes.get("", Resource.ASSET, response_model=DatasetCollection)
def get_datasets(
    call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None, uri_pattern: str | None = None,
    dag_ids: Annotated[str | None, Query(description="Ids of Dags that name them, with `,` between them.")] = None,
) -> dict[str, Any]:  # fmt: skip
    """Datasets that Dags name."""
    named = [dag_id.strip() for dag_id in (dag_ids or "").split(",") if dag_id.strip()]
    found = today.get_assets(call, limit, offset, uri_pattern=uri_pattern, dag_ids=named, order_by=order_of(order_by))
    return {"datasets": [_shown(row) for row in found["assets"]], "total_entries": found["total_entries"]}


@routes.get("/events", Resource.ASSET, response_model=DatasetEventCollection)
def get_dataset_events(
    call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None, dataset_id: Whole = None,
    source_dag_id: str | None = None, source_task_id: str | None = None, source_run_id: str | None = None,
    source_map_index: Whole = None,
) -> dict[str, Any]:  # fmt: skip
    """What was said of datasets, oldest first."""
    found = today.get_asset_events(
        call, limit, offset, order_of(order_by), dataset_id, source_dag_id, source_task_id, source_run_id,
        source_map_index,
    )  # fmt: skip
    return {
        "dataset_events": [event_shown(row) for row in found["asset_events"]], "total_entries": found["total_entries"]
    }  # fmt: skip


@routes.post("/events", Resource.ASSET, response_model=DatasetEvent)
def create_dataset_event(call: Asked, body: CreateDatasetEvent) -> dict[str, Any]:
    """Say that a dataset was updated; Dags that wait for it get their runs."""
    number = _number(call, body.dataset_uri)
    return event_shown(
        today.create_asset_event(call, today.CreateAssetEventsBody(asset_id=number, extra=body.extra))
    )  # fmt: skip


# --- what waits for a run, before what a uri may be -----------------------------------------------------------------


@routes.get("/queuedEvent/{uri:path}", Resource.ASSET, response_model=QueuedEventCollection)
def get_dataset_queued_events(call: Asked, uri: str, before: When = None) -> dict[str, Any]:
    """Dags that have not had a run yet for what was said of this dataset."""
    return _queued(call, today.get_asset_queued_events(call, _number(call, uri), before))


@routes.delete("/queuedEvent/{uri:path}", Resource.ASSET, status_code=204)
def delete_dataset_queued_events(call: Asked, uri: str, before: When = None) -> Response:
    """Let no run be made for it any more."""
    return today.delete_asset_queued_events(call, _number(call, uri), before)


@waiting.get("", Resource.ASSET, response_model=QueuedEventCollection)
def get_dag_dataset_queued_events(call: Asked, dag_id: str, before: When = None) -> dict[str, Any]:
    """Datasets of which something was said that this Dag has not had a run for yet."""
    return _queued(call, today.get_dag_asset_queued_events(call, dag_id, before))


@waiting.delete("", Resource.ASSET, status_code=204)
def delete_dag_dataset_queued_events(call: Asked, dag_id: str, before: When = None) -> Response:
    """Let this Dag have no run for any of it."""
    return today.delete_dag_asset_queued_events(call, dag_id, before)


@waiting.get("/{uri:path}", Resource.ASSET, response_model=QueuedEvent)
def get_dag_dataset_queued_event(call: Asked, dag_id: str, uri: str, before: When = None) -> dict[str, Any]:
    """What was said of this dataset that this Dag has not had a run for yet."""
    return {**today.get_dag_asset_queued_event(call, dag_id, _number(call, uri), before), "uri": uri}


@waiting.delete("/{uri:path}", Resource.ASSET, status_code=204)
def delete_dag_dataset_queued_event(call: Asked, dag_id: str, uri: str, before: When = None) -> Response:
    """Let this Dag have no run for what was said of this dataset."""
    return today.delete_dag_asset_queued_event(call, dag_id, _number(call, uri), before)


@routes.get("/{uri:path}", Resource.ASSET, response_model=Dataset)
def get_dataset(call: Asked, uri: str) -> dict[str, Any]:
    """One dataset."""
    return _shown(today.get_asset(call, _number(call, uri)))


def _number(call: Call, uri: str) -> int:
    """The id of the dataset of this uri; of several, the one whose Dags are older. Raises NotFound."""
    with call.reading() as connection:
        found = [each for each in _seen(call, connection) if each.known.uri == uri]
    if not found:
        raise NotFound(f"There is no dataset {uri[:LONGEST_ID]!r}.")
    return min(found, key=lambda each: (each.created_at, each.known.name)).number


def _seen(call: Call, connection: Connection) -> list[today.Seen]:
    return today.view(call, connection).all(connection)


def _queued(call: Call, found: dict[str, Any]) -> dict[str, Any]:
    with call.reading() as connection:
        uris = {each.number: each.known.uri for each in _seen(call, connection)}
    rows = [{**row, "uri": uris.get(row["asset_id"], "")} for row in found["queued_events"]]
    return {"datasets": rows, "total_entries": found["total_entries"]}
