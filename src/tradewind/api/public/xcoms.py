"""XComs: the values that tasks leave for one another."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from tradewind.api.bounds import moments
from tradewind.api.call import Call
from tradewind.api.errors import AlreadyExists, NotFound
from tradewind.api.json_values import json_text
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.public.task_instances import ANY, TASK, MapIndex, check_place, found_one
from tradewind.api.public.task_shapes import dag_shown, known_specs, task_shown
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.task_choice import fits_text
from tradewind.core.access import Resource
from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.soundness import MOST
from tradewind.store.paging import Row
from tradewind.store.reading.ranges import Bounds
from tradewind.store.reading.task_instances import TaskFilter, key_of, versions_listed
from tradewind.store.reading.xcoms import XComFilter, xcom_named, xcoms_listed
from tradewind.store.times import from_us
from tradewind.wire.xcom_files import XComFileLost, XComFiles

routes = Routes("XCom", prefix=API)
ENTRIES = f"{TASK}/xcomEntries"
ENTRY = f"{ENTRIES}/{{xcom_key:path}}"

MOST_SHOWN = 16 << 20
"""Bytes of the largest value that an answer holds."""
TAG = b'"__tw__"'
"""Marks values that JSON does not have; only a task makes objects of them again."""

Index = Annotated[int, Field(ge=-1, le=MOST)]
MaybeIndex = Annotated[Annotated[int, Query(ge=-1, le=MOST)] | None, Query()]


class XComResponse(Answer):
    key: str
    timestamp: Moment
    logical_date: Moment | None
    map_index: int
    task_id: str
    dag_id: str
    run_id: str
    dag_display_name: str
    task_display_name: str
    run_after: Moment


class XComResponseNative(XComResponse):
    """The value as JSON. What JSON does not have is an object with `__tw__`, which names its type."""

    value: Any


class XComResponseString(XComResponse):
    """The value as text; one that is no text itself as JSON."""

    value: str | None


class XComCollectionResponse(Answer):
    xcom_entries: list[XComResponse]
    total_entries: int


class XComCreateBody(Body):
    key: Annotated[str, Field(min_length=1, max_length=512)]
    value: Any
    map_index: Index = -1


class XComUpdateBody(Body):
    value: Any
    map_index: Index = -1


@routes.get(ENTRIES, Resource.XCOM, response_model=XComCollectionResponse)
def get_xcom_entries(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    logical_date: Annotated[Bounds, moments("logical_date")],
    run_after: Annotated[Bounds, moments("run_after")],
    xcom_key: str | None = None,
    map_index: MaybeIndex = None,
    map_index_filter: MaybeIndex = None,
    xcom_key_pattern: str | None = None,
    xcom_key_prefix_pattern: str | None = None,
    dag_display_name_pattern: str | None = None,
    dag_display_name_prefix_pattern: str | None = None,
    run_id_pattern: str | None = None,
    run_id_prefix_pattern: str | None = None,
    task_id_pattern: str | None = None,
    task_id_prefix_pattern: str | None = None,
    limit: Limit = 50,
    offset: Offset = 0,
    order_by: OrderBy = None,
) -> dict[str, Any]:
    """Which values a task has left; with `~` for Dag, run or task, all that the caller may see."""
    indexes = {index for index in (map_index, map_index_filter) if index is not None}
    tasks = TaskFilter(
        dag_ids=None if dag_id == ANY else [dag_id],
        run_ids=None if dag_run_id == ANY else [dag_run_id],
        task_ids=None if task_id == ANY else [task_id],
        map_indexes=sorted(indexes),
        run_id_pattern=run_id_pattern,
        run_id_prefix=run_id_prefix_pattern,
        logical_date=logical_date,
        run_after=run_after,
    )
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        check_place(connection, dag_id, dag_run_id)
        versions = None
        if dag_display_name_pattern or dag_display_name_prefix_pattern:
            versions = [
                version
                for version, spec in known_specs(
                    call, connection, versions_listed(connection, call.scope, tasks)
                ).items()
                if fits_text(dag_shown(spec.dag_id, spec), dag_display_name_pattern, dag_display_name_prefix_pattern)
            ]
        if len(indexes) > 1:  # no value has two
            versions = []
        wanted = XComFilter(
            tasks=tasks,
            versions=versions,
            key=xcom_key,
            key_pattern=xcom_key_pattern,
            key_prefix=xcom_key_prefix_pattern,
            task_id_pattern=task_id_pattern,
            task_id_prefix=task_id_prefix_pattern,
        )
        listed = xcoms_listed(connection, call.scope, wanted, page)
        specs = known_specs(call, connection, {row["version"] for row in listed.rows})
    return collection("xcom_entries", [_fields(row, specs.get(row["version"])) for row in listed.rows], listed)


@routes.get(ENTRY, Resource.XCOM, responses={200: {"model": XComResponseNative | XComResponseString}})
def get_xcom_entry(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, map_index: MapIndex = -1,
    deserialize: bool = False, stringify: bool = False,
) -> Response:  # fmt: skip
    """One value."""
    with call.reading() as connection:
        row, spec = _found(call, connection, dag_id, dag_run_id, task_id, map_index, xcom_key)
    stored = _value(call, row)
    if deserialize and TAG in stored:
        raise InvalidInput(
            f"XCom {xcom_key[:60]!r} holds values that JSON does not have, which only a task makes objects of again; "
            "leave out deserialize to see them as they are stored."
        )
    value = json.loads(stored)
    if stringify and value is not None and not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False)
    return _answer(row, spec, value)


@routes.post(
    ENTRIES, Resource.XCOM, status_code=201, responses={201: {"model": XComResponseNative}}, response_model=None
)
def create_xcom_entry(call: Asked, dag_id: str, dag_run_id: str, task_id: str, body: XComCreateBody) -> Response:
    """Leave a value in the name of a task instance."""
    with call.reading() as connection:
        task = found_one(connection, dag_id, dag_run_id, task_id, body.map_index)
        if xcom_named(connection, key_of(task), body.key) is not None:
            raise AlreadyExists(f"Task {task_id!r} of run {dag_run_id} has left an XCom {body.key[:60]!r} already.")
    return _set(call, task, body.key, body.value, status=201)


@routes.patch(ENTRY, Resource.XCOM, responses={200: {"model": XComResponseNative}}, response_model=None)
def update_xcom_entry(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, body: XComUpdateBody
) -> Response:
    """Put another value in the place of one."""
    with call.reading() as connection:
        task = found_one(connection, dag_id, dag_run_id, task_id, body.map_index)
        _found(call, connection, dag_id, dag_run_id, task_id, body.map_index, xcom_key)
    return _set(call, task, xcom_key, body.value, status=200)


@routes.delete(ENTRY, Resource.XCOM, status_code=204)
def delete_xcom_entry(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, xcom_key: str, map_index: MapIndex = -1
) -> None:
    """Delete a value."""
    with call.reading() as connection:
        _found(call, connection, dag_id, dag_run_id, task_id, map_index, xcom_key)
    call.command(
        "xcom.delete", dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, key=xcom_key
    )  # fmt: skip


def _set(call: Call, task: Row, name: str, value: Any, *, status: int) -> Response:
    key = key_of(task)
    stored = json_text(value, f"The value of XCom {name[:60]!r}").encode()
    # A large value goes where the workers put theirs. The command only says where it is.
    threshold = call.settings.core.xcom_objectstorage_threshold
    files = XComFiles(call.settings.xcoms_folder, threshold)
    kept = files.store(stored, run=key.run, task_id=key.task_id, map_index=key.map_index).decode()
    length = len(value) if isinstance(value, (list, dict)) else None
    call.command(
        "xcom.set", dag_id=task["dag_id"], run_id=task["run_id"], task_id=key.task_id, map_index=key.map_index,
        key=name, value=kept, length=length,
    )  # fmt: skip
    with call.reading() as connection:
        row, spec = _found(
            call, connection, task["dag_id"], task["run_id"], key.task_id, key.map_index, name
        )  # fmt: skip
    return _answer(row, spec, json.loads(_value(call, row)), status)


def _found(
    call: Call, connection: Connection, dag_id: str, run_id: str, task_id: str, map_index: int, name: str
) -> tuple[Row, DagSpec | None]:
    task = found_one(connection, dag_id, run_id, task_id, map_index)
    row = xcom_named(connection, key_of(task), name)
    if row is None:
        raise NotFound(f"Task {task_id!r} of run {run_id} has left no XCom {name[:60]!r}.")
    return row, known_specs(call, connection, [row["version"]]).get(row["version"])


def _value(call: Call, row: Row) -> bytes:
    """The JSON of a value, from its row or its file. Raises NotFound where the file is gone."""
    files = XComFiles(call.settings.xcoms_folder, inline_bytes=-1)
    stored = bytes(row["value"])
    if (size := files.size_of(stored)) > MOST_SHOWN:
        raise InvalidInput(f"XCom {row['key'][:60]!r} has {size} bytes, too many to show; read it in a task.")
    try:
        return files.read(stored)
    except XComFileLost:
        raise NotFound(
            f"The value of XCom {row['key'][:60]!r} was kept in a file, which is gone or damaged; clear the task that "
            "left it, so that it runs again."
        ) from None


def _fields(row: Row, spec: DagSpec | None) -> dict[str, Any]:
    task = spec.tasks.get(row["task_id"]) if spec is not None else None
    return {
        "key": row["key"],
        "timestamp": row["at"],
        "logical_date": row["logical_date"],
        "map_index": row["map_index"],
        "task_id": row["task_id"],
        "dag_id": row["dag_id"],
        "run_id": row["run_id"],
        "dag_display_name": dag_shown(row["dag_id"], spec),
        "task_display_name": task_shown(row["task_id"], task),
        "run_after": row["run_after"],
    }


def _answer(row: Row, spec: DagSpec | None, value: Any, status: int = 200) -> Response:
    """Written here, since a value may hold what no model can: half a character, or more levels than are looked at."""
    fields = _fields(row, spec)
    for name in ("timestamp", "logical_date", "run_after"):
        fields[name] = _iso(from_us(fields[name]))
    return Response(json.dumps({**fields, "value": value}), status, media_type="application/json")


def _iso(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None
