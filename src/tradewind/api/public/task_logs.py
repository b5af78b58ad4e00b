"""Logs of tries, and links that lead elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from fastapi import Header, Path, Query, Response
from fastapi.responses import StreamingResponse
from pydantic import ConfigDict

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.log_reading import Part, offset_of, opened, part_of, token_of
from tradewind.api.models import Answer, Moment
from tradewind.api.public.task_instances import TASK, MapIndex, TryNumber, found_one
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.errors import InvalidInput
from tradewind.core.soundness import MOST
from tradewind.core.states import TaskState
from tradewind.store.paging import Row
from tradewind.wire.log_files import log_path

routes = Routes("Task Instance", prefix=API)

NDJSON = "application/x-ndjson"
GROWS = frozenset(
    {
        TaskState.QUEUED, TaskState.RUNNING, TaskState.RESTARTING, TaskState.DEFERRED, TaskState.AWAITING_INPUT,
        TaskState.UP_FOR_RESCHEDULE, TaskState.SCHEDULED,
    }
)  # fmt: skip
"""States in which the present try may go on, and its log with it."""

NOTHING = "There is no log of this try here: it has not begun, it never reached a worker, or its log was removed."


class StructuredLogMessage(Answer):
    """A line: beside these `level`, `logger`, `loc` (file and line) and `traceback`, where they are known."""

    model_config = ConfigDict(extra="allow")

    timestamp: Moment | None = None
    event: str


class TaskInstancesLogResponse(Answer):
    content: list[StructuredLogMessage] | list[str]
    continuation_token: str | None


class ExternalLogUrlResponse(Answer):
    url: str


class ExtraLinkCollectionResponse(Answer):
    extra_links: dict[str, str | None]
    total_entries: int


@routes.get(
    f"{TASK}/logs/{{try_number}}",
    Resource.LOG,
    response_model=None,
    responses={200: {"model": TaskInstancesLogResponse, "content": {NDJSON: {"schema": {"type": "string"}}}}},
)
def get_log(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    task_id: str,
    try_number: TryNumber,
    full_content: bool = False,
    map_index: MapIndex = -1,
    token: Annotated[str | None, Query(max_length=500)] = None,
    accept: Annotated[str, Header()] = "*/*",
) -> Response:
    """The log of one try. With `Accept: application/x-ndjson` each line is an object of its own; else they are one
    object, with up to a mebibyte of the log and a token for the rest, or with `full_content` all of it."""
    as_lines = NDJSON in accept.lower()
    part = log_part(call, (dag_id, dag_run_id, task_id, map_index), try_number, token, whole=full_content or as_lines)
    next_token = token_of(part.end) if part.more else None
    if as_lines:
        headers = {"Airflow-Continuation-Token": next_token} if next_token else {}
        return StreamingResponse(_in_pieces(_as_lines(part)), media_type=NDJSON, headers=headers)
    return StreamingResponse(_in_pieces(_as_object(part, next_token)), media_type="application/json")


def log_part(
    call: Call, task: tuple[str, str, str, int], try_number: int, token: str | None, *, whole: bool
) -> Part:  # fmt: skip
    """The log of a try of a task instance (its Dag, run, task and map index), from where a token says."""
    start = offset_of(token)
    with call.reading() as connection:
        row = found_one(connection, *task)
    if try_number > row["try_number"]:
        raise NotFound(f"Task {row['task_id']!r} of run {row['run_id']} has had no try {try_number}.")
    return _part(call, row, try_number, start, whole=whole)


def _part(call: Call, row: Row, try_number: int, start: int, *, whole: bool) -> Part:
    root = call.settings.logging.base_log_folder
    path = log_path(root, row["dag_id"], row["run_id"], row["task_id"], row["map_index"], try_number)
    grows = try_number == row["try_number"] and row["state"] in GROWS
    file = opened(root, path)
    if file is None:
        return Part(iter(() if grows or start else ({"event": NOTHING},)), start, more=grows)
    try:
        return part_of(file, start, whole=whole, is_over=not grows)
    except BaseException:
        os.close(file)
        raise


_json = msgspec.json.Encoder().encode


def _in_pieces(parts: Iterator[bytes], size: int = 1 << 16) -> Iterator[bytes]:
    """The same bytes in fewer pieces: each is handed from a thread to the connection."""
    piece = bytearray()
    for part in parts:
        piece += part
        if len(piece) >= size:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _as_lines(part: Part) -> Iterator[bytes]:
    for line in part.lines:
        yield _json(line) + b"\n"


def _as_object(part: Part, token: str | None) -> Iterator[bytes]:
    """Piece by piece: a whole log may be larger than memory."""
    yield b'{"content":['
    comma = b""
    for line in part.lines:
        yield comma + _json(line)
        comma = b","
    yield b'],"continuation_token":' + _json(token) + b"}"


@routes.get(f"{TASK}/externalLogUrl/{{try_number}}", Resource.LOG, response_model=ExternalLogUrlResponse)
def get_external_log_url(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, try_number: Annotated[int, Path(gt=0, le=MOST)],
    map_index: MapIndex = -1,
) -> dict[str, Any]:  # fmt: skip
    """Where else a log is to be seen: nowhere, since no store of logs with pages of its own is attached."""
    with call.reading() as connection:
        found_one(connection, dag_id, dag_run_id, task_id, map_index)
    raise InvalidInput(f"The logs of this installation are kept here alone; read …/logs/{try_number}.")


@routes.get(f"{TASK}/links", Resource.TASK, response_model=ExtraLinkCollectionResponse)
def get_extra_links(
    call: Asked, dag_id: str, dag_run_id: str, task_id: str, map_index: MapIndex = -1,
    try_number: Annotated[Annotated[int, Query(ge=0, le=MOST)] | None, Query()] = None,
) -> dict[str, Any]:  # fmt: skip
    """Links that an operator adds. They are the author's code and nothing of them is stored, so there are none."""
    with call.reading() as connection:
        found_one(connection, dag_id, dag_run_id, task_id, map_index)
    return {"extra_links": {}, "total_entries": 0}
