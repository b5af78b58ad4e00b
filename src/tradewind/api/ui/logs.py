"""The log of a try, however long it is: a window of its rows, what is found in it, how it grows, and the whole.

A row is what takes one line of the screen; `n` is its number, from 1. `levels` are those that are looked at, and the
places of rows are counted among them. The path of the file follows from ids that the database knows.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import msgspec
from anyio import to_thread
from fastapi import Depends, Query, Request, Response
from fastapi.responses import StreamingResponse

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.live.hub import Hub
from tradewind.api.log_index import NONE, LogIndex
from tradewind.api.log_reading import opened
from tradewind.api.log_rows import LEVELS
from tradewind.api.log_view import ALL, LogView, as_text, last_rows
from tradewind.api.models import Answer
from tradewind.api.public.task_instances import MapIndex, found_one
from tradewind.api.public.task_logs import GROWS
from tradewind.api.routing import UI, Asked, Routes
from tradewind.core.access import Resource
from tradewind.core.soundness import MOST
from tradewind.wire.log_files import log_path

routes = Routes("UI", prefix=f"{UI}/dags/{{dag_id}}/log")

MOST_ROWS = 2000
MOST_BANDS = 240
WAIT_SECONDS = 15.0
"""How long a question about growth may stay unanswered."""
GROWS_SECONDS = 0.1
"""A log that grows all the time is answered with what has come in so long, rather than line by line."""

Level = Literal["debug", "info", "warning", "error", "critical"]
Levels = Annotated[list[Level] | None, Query(max_length=len(LEVELS), description="All unless some are named.")]
LineNumber = Annotated[int, Query(ge=1, le=2**53)]
Position = Annotated[int, Query(ge=0, le=2**53)]


class LogRow(Answer):
    n: int
    """Its number in the whole log; 0 where that is not counted yet."""
    level: int
    """0 debug to 4 critical."""
    at: int | None
    text: str
    kind: Literal["line", "more", "trace", "exit", "group", "end"]
    source: str
    cut: int
    """Characters of the whole text where only its beginning is here; else 0."""
    rest: int
    """Rows of the same record that follow."""


class LogRows(Answer):
    rows: list[LogRow]
    first: int | None
    """The place of the first row among the levels that are looked at; null where that is not counted yet."""
    total: int | None
    """Rows of these levels."""
    counts: list[int] | None
    """All rows by level, debug first."""
    bands: list[list[int]] | None
    """The same of up to 240 pieces of the log, where they were asked for."""
    size: int
    """Of the file, in bytes."""
    exists: bool
    is_over: bool
    """Nothing more will come."""
    try_number: int


class LogHits(Answer):
    lines: list[int]
    next_line: int | None
    """Where the search goes on; null when the whole log was looked at."""


class LogGroupEnd(Answer):
    line: int


@dataclass(frozen=True, slots=True)
class Which:
    """A try whose log somebody looks at."""

    call: Call
    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    is_over: bool

    def open(self) -> int | None:
        """A descriptor of the log; None where there is none."""
        root = self.call.settings.logging.base_log_folder
        path = log_path(root, self.dag_id, self.run_id, self.task_id, self.map_index, self.try_number)
        return opened(root, path)

    @contextmanager
    def opened(self) -> Iterator[int | None]:
        """The same, closed afterwards."""
        file = self.open()
        try:
            yield file
        finally:
            if file is not None:
                os.close(file)

    @contextmanager
    def counted(self) -> Iterator[tuple[int, LogIndex] | None]:
        """The open log and its index as far as the file goes; None where there is no log."""
        with self.opened() as file:
            if file is None:
                yield None
                return
            index = self.call.installation.logs.of(file)
            index.extend(file, is_over=self.is_over)
            yield file, index


def _which(
    call: Asked,
    dag_id: str,
    run_id: Annotated[str, Query(max_length=250)],
    task_id: Annotated[str, Query(max_length=250)],
    map_index: MapIndex = -1,
    try_number: Annotated[int | None, Query(ge=0, le=MOST, alias="try", description="Else the present one.")] = None,
) -> Which:
    with call.reading() as connection:
        row = found_one(connection, dag_id, run_id, task_id, map_index)
    number = row["try_number"] if try_number is None else try_number
    if number > row["try_number"]:
        raise NotFound(f"Task {task_id!r} of run {run_id} has had no try {number}.")
    return Which(call, dag_id, run_id, task_id, row["map_index"], number, not _grows(row, number))


def _grows(row: Any, number: int) -> bool:
    return bool(number == row["try_number"] and row["state"] in GROWS)


def _by_now(which: Which) -> Which:
    """The same try, as it is by now; one that is gone is over."""
    try:
        with which.call.reading() as connection:
            row = found_one(connection, which.dag_id, which.run_id, which.task_id, which.map_index)
    except NotFound:
        return replace(which, is_over=True)
    return replace(which, is_over=not _grows(row, which.try_number))


Asks = Annotated[Which, Depends(_which)]


@routes.get("", Resource.LOG, response_model=LogRows)
def log_rows(
    which: Asks,
    first: Annotated[Position | None, Query(description="From this place on.")] = None,
    line: Annotated[LineNumber | None, Query(description="Around the row with this number.")] = None,
    count: Annotated[int, Query(ge=0, le=MOST_ROWS)] = 200,
    levels: Levels = None,
    counted: Annotated[bool, Query(description="Of the last rows: only with their numbers.")] = False,
    bands: bool = False,
    whole: Annotated[bool, Query(description="Rows are not cut.")] = False,
) -> Response:
    """Rows from a place on, or around a row, or the last ones. The last ones of a log that nobody has counted come at
    once, without their numbers, unless `counted` says that these are worth the wait."""
    chosen = _chosen(levels)
    if first is None and line is None and not counted and (quick := _last_at_once(which, count, chosen)):
        return quick
    with which.counted() as log:
        if log is None:
            return _nothing(which)
        file, index = log
        view, total = LogView(file, index, chosen), index.rows_among(chosen)
        if line is not None:
            first = max(0, min(view.place_of(line), total) - count // 2)
        elif first is None:
            first = max(0, total - count)
        window = view.window(first, count, whole=whole)
        return _answer(which, {
            "rows": window.rows, "first": window.first, "total": total, "counts": index.counts,
            "bands": index.bands(MOST_BANDS) if bands else None, "size": index.seen, "exists": True,
        })  # fmt: skip


@routes.get("/search", Resource.LOG, response_model=LogHits)
def log_search(
    which: Asks,
    text: Annotated[str, Query(min_length=1, max_length=200)],
    from_line: LineNumber = 1,
    levels: Levels = None,
) -> Any:
    """Rows with this text in any case, as many as are found in a quarter of a second; the next question finds more."""
    with which.counted() as log:
        if log is None:
            return {"lines": [], "next_line": None}
        found = LogView(*log, _chosen(levels)).search(text, from_line)
        return {"lines": found.lines, "next_line": found.next_line}


@routes.get("/group", Resource.LOG, response_model=LogGroupEnd)
def log_group(which: Asks, line: LineNumber) -> Any:
    """Where the group ends that begins in this row."""
    with which.counted() as log:
        return {"line": LogView(*log).group_end(line) if log else line}


@routes.get("/growth", Resource.LOG, response_model=LogRows)
async def log_growth(
    which: Asks,
    size: Annotated[int, Query(ge=0, le=2**62, description="Of the file as it is known.")],
    first: Position = 0,
    count: Annotated[int, Query(ge=0, le=MOST_ROWS)] = MOST_ROWS,
    levels: Levels = None,
    wait: Annotated[bool, Query(description="Else answer at once: whoever is told when it grows.")] = True,
) -> Response:
    """Rows from a place on as soon as the log has grown, or once the try is over, or what there is after 15 s."""
    if wait:
        which = await _when_grown(which, size)
    return await to_thread.run_sync(
        lambda: log_rows(which, first=first, line=None, count=count, levels=levels, counted=True)
    )


async def _when_grown(which: Which, known: int) -> Which:
    """Wait until there is more than what is known; nothing is looked at before somebody says that it has moved."""
    if which.is_over:
        return which
    hub: Hub = which.call.request.app.state.live
    gone = asyncio.ensure_future(_gone(which.call.request))
    place = (which.dag_id, which.run_id, which.task_id, which.map_index, which.try_number)
    try:
        async with hub.reading(*place) as news:
            which = await to_thread.run_sync(_by_now, which)  # it may have moved before anybody said so here
            with suppress(TimeoutError):
                async with asyncio.timeout(WAIT_SECONDS):
                    while not (which.is_over or hub.is_closing or gone.done()):
                        if await to_thread.run_sync(_size, which) != known:
                            break
                        waiting = asyncio.ensure_future(news.wait())
                        try:
                            await asyncio.wait({waiting, gone}, return_when=asyncio.FIRST_COMPLETED)
                        finally:
                            waiting.cancel()
                        await asyncio.sleep(GROWS_SECONDS)
                        news.clear()
                        which = await to_thread.run_sync(_by_now, which)
    finally:
        gone.cancel()
    return which


async def _gone(request: Request) -> None:
    """Ends when nobody waits for the answer any more."""
    for _ in range(2):  # the body, which is empty, and the end
        if (await request.receive())["type"] == "http.disconnect":
            return
    await asyncio.Event().wait()


@routes.get("/file", Resource.LOG, response_model=None, responses={200: {"content": {"text/plain": {}}}})
def log_file(which: Asks) -> Response:
    """The whole log as a text file, without colours; its times are UTC."""
    file = which.open()
    if file is None:
        raise NotFound("There is no log of this try here: it has not begun, or its log was removed.")
    index = "" if which.map_index < 0 else f"_{which.map_index}"
    name = re.sub(r"[^A-Za-z0-9_.+-]+", "_", f"{which.dag_id}_{which.run_id}_{which.task_id}{index}_{which.try_number}")
    headers = {"content-disposition": f'attachment; filename="{name[:180]}.log"', "cache-control": "no-store"}
    return StreamingResponse(_closing(file), media_type="text/plain; charset=utf-8", headers=headers)


def _closing(file: int) -> Iterator[bytes]:
    with os.fdopen(file, "rb"):
        yield from as_text(file)


def _last_at_once(which: Which, count: int, levels: Sequence[int]) -> Response | None:
    """The last rows of a log that is not counted yet; None where it is, or where there is none."""
    with which.opened() as file:
        if file is None:
            return None
        size = os.fstat(file).st_size
        if which.call.installation.logs.of(file).covers(size):
            return None
        rows = last_rows(file, count, levels, is_over=which.is_over)
    return _answer(which, {
        "rows": rows, "first": None, "total": None, "counts": None, "bands": None, "size": size, "exists": True,
    })  # fmt: skip


def _size(which: Which) -> int:
    with which.opened() as file:
        return 0 if file is None else os.fstat(file).st_size


def _nothing(which: Which) -> Response:
    return _answer(which, {
        "rows": [], "first": 0, "total": 0, "counts": NONE, "bands": None, "size": 0, "exists": False,
    })  # fmt: skip


_json = msgspec.json.Encoder().encode


def _answer(which: Which, fields: dict[str, Any]) -> Response:
    body = {**fields, "is_over": which.is_over, "try_number": which.try_number}
    return Response(_json(body), media_type="application/json", headers={"cache-control": "no-store"})


def _chosen(levels: Sequence[Level] | None) -> Sequence[int]:
    return ALL if not levels else sorted({LEVELS.index(level) for level in levels})
