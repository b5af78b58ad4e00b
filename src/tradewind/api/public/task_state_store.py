"""The task state store: what task instances keep from one try to the next."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from fastapi import Query

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.json_values import json_text
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, collection, page_of
from tradewind.api.public.task_instances import TASK, MapIndex, found_one
from tradewind.api.public.task_shapes import printable
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.state_stores import checked_key
from tradewind.store.paging import Row
from tradewind.store.reading.kept_values import kept_value_named, kept_values_listed
from tradewind.store.reading.task_instances import key_of
from tradewind.store.times import from_us

routes = Routes("Task State Store", prefix=API)
STORE = f"{TASK}/state-store"
FOR_EVER_DAYS = 36500
VALUE = f"{STORE}/{{key:path}}"


class TaskStateStoreResponse(Answer):
    key: str
    value: Any
    updated_at: Moment
    expires_at: Moment | None


class TaskStateStoreCollectionResponse(Answer):
    task_state_store: list[TaskStateStoreResponse]
    total_entries: int


class TaskStateStoreBody(Body):
    """`expires_at`: a moment, null to keep the value as long as its run, or `default` for the installation's days."""

    value: Any
    expires_at: datetime | Literal["default"] | None = "default"


class TaskStateStorePatchBody(Body):
    value: Any


@routes.get(STORE, Resource.TASK, response_model=TaskStateStoreCollectionResponse)
def list_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1, limit: Limit = 50,
    offset: Offset = 0,
) -> dict[str, Any]:  # fmt: skip
    """What a task instance keeps, by key."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset)
    with call.reading() as connection:
        key = key_of(found_one(connection, dag_id, dag_run_id, task_id, map_index))
        listed = kept_values_listed(connection, key, page, now_us=_now_us())
    return collection("task_state_store", [_fields(row) for row in listed.rows], listed)


@routes.get(VALUE, Resource.TASK, response_model=TaskStateStoreResponse)
def get_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, key: str, map_index: MapIndex = -1
) -> dict[str, Any]:
    """One value."""
    return _fields(_found(call, dag_id, dag_run_id, task_id, map_index, key))


@routes.put(VALUE, Resource.TASK, status_code=204)
def set_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, key: str, body: TaskStateStoreBody,
    map_index: MapIndex = -1,
) -> None:  # fmt: skip
    """Keep a value, also in place of another. The task may overwrite it at any time."""
    with call.reading() as connection:
        found_one(connection, dag_id, dag_run_id, task_id, map_index)
    _set(call, dag_id, dag_run_id, task_id, map_index, key, body.value, _expiry(call, body.expires_at))


@routes.patch(VALUE, Resource.TASK, response_model=None)
def patch_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, key: str, body: TaskStateStorePatchBody,
    map_index: MapIndex = -1,
) -> dict[str, Any] | None:  # fmt: skip
    """Change a value that is kept; when it expires stays the same."""
    row = _found(call, dag_id, dag_run_id, task_id, map_index, key)
    until = from_us(row["expires_at"])
    _set(call, dag_id, dag_run_id, task_id, map_index, key, body.value, until.isoformat() if until else None)
    return None


@routes.delete(VALUE, Resource.TASK, status_code=204)
def delete_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, key: str, map_index: MapIndex = -1
) -> None:
    """Forget a value."""
    _found(call, dag_id, dag_run_id, task_id, map_index, key)
    call.command(
        "task_store.delete", dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=map_index, key=key
    )  # fmt: skip


@routes.delete(STORE, Resource.TASK, status_code=204)
def clear_task_state_store(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1,
    all_map_indices: Annotated[bool, Query()] = False,
) -> None:  # fmt: skip
    """Forget everything that a task instance keeps, or all instances of a task."""
    index = None if all_map_indices else map_index
    call.command("task_store.delete", dag_id=dag_id, run_id=dag_run_id, task_id=task_id, map_index=index)


def _found(call: Call, dag_id: str, run_id: str, task_id: str, map_index: int, name: str) -> Row:
    with call.reading() as connection:
        key = key_of(found_one(connection, dag_id, run_id, task_id, map_index))
        row = kept_value_named(connection, key, name, now_us=_now_us())
    if row is None:
        raise NotFound(f"Task {task_id!r} of run {run_id} keeps nothing under {name[:60]!r}.")
    return row


def _set(
    call: Call, dag_id: str, run_id: str, task_id: str, map_index: int, name: str, value: Any, until: str | None
) -> None:
    text = json_text(value, f"The value of {name[:60]!r}")
    call.command(
        "task_store.set", dag_id=dag_id, run_id=run_id, task_id=task_id, map_index=map_index, key=checked_key(name),
        value=text, expires_at=until,
    )  # fmt: skip


def _expiry(call: Call, wish: datetime | str | None) -> str | None:
    now = datetime.now(UTC)
    if isinstance(wish, datetime):
        until = wish if wish.tzinfo is not None else wish.replace(tzinfo=UTC)
        if until <= now:
            raise InvalidInput(f"expires_at {until.isoformat()} has passed; give a later moment, or null.")
        return until.isoformat()
    days = call.settings.state_store.default_retention_days
    return None if wish is None or days <= 0 else (now + timedelta(days=min(days, FOR_EVER_DAYS))).isoformat()


def _now_us() -> int:
    return time.time_ns() // 1000


def _fields(row: Row) -> dict[str, Any]:
    value = printable(json.loads(row["value"]))
    return {"key": row["key"], "value": value, "updated_at": row["updated_at"], "expires_at": row["expires_at"]}
