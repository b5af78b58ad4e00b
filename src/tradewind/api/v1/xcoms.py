"""XComs in Airflow 2's words."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import JSONResponse

from tradewind.api.models import Answer, Limit, Moment, Offset
from tradewind.api.public import xcoms as today
from tradewind.api.public.xcoms import MapIndex, MaybeIndex
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.models import renamed
from tradewind.core.access import Resource
from tradewind.store.reading.ranges import UNBOUNDED

routes = Routes("XCom", prefix="/dags/{dag_id}/dagRuns/{dag_run_id}/taskInstances/{task_id}/xcomEntries")


class XComCollectionItem(Answer):
    key: str
    timestamp: Moment
    execution_date: Moment | None
    map_index: int
    task_id: str
    dag_id: str


class XComCollection(Answer):
    xcom_entries: list[XComCollectionItem]
    total_entries: int


class XCom(XComCollectionItem):
    """The value as text, or with `stringify=false` as JSON."""

    value: Any


@routes.get("", Resource.XCOM, response_model=XComCollection)
def get_xcom_entries(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MaybeIndex = None,
    xcom_key: Annotated[str | None, Query(max_length=512)] = None, limit: Limit = 100, offset: Offset = 0,
) -> dict[str, Any]:  # fmt: skip
    """Which values a task has left; with `~` for Dag, run or task, all that the caller may see."""
    found = today.get_xcom_entries(
        call, dag_id, dag_run_id, task_id, UNBOUNDED, UNBOUNDED, xcom_key=xcom_key, map_index=map_index, limit=limit,
        offset=offset,
    )  # fmt: skip
    rows = [renamed(row, execution_date="logical_date") for row in found["xcom_entries"]]
    return {"xcom_entries": rows, "total_entries": found["total_entries"]}


@routes.get("/{xcom_key:path}", Resource.XCOM, responses={200: {"model": XCom}}, response_model=None)
def get_xcom_entry(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, map_index: MapIndex = -1,
    deserialize: bool = False, stringify: bool = True,
) -> Response:  # fmt: skip
    """One value."""
    found = today.get_xcom_entry(call, dag_id, dag_run_id, task_id, xcom_key, map_index, deserialize, stringify)
    row = renamed(json.loads(bytes(found.body)), execution_date="logical_date")
    return JSONResponse({name: row[name] for name in XCom.model_fields})
