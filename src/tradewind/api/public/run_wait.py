"""Waiting for the end of a run: a line of JSON for each state that it comes to, as it comes to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from tradewind.api.call import Call
from tradewind.api.link import SchedulerAway
from tradewind.api.routing import API, Asked, Routes
from tradewind.core.access import Action, Need, Resource
from tradewind.core.errors import RunNotFound
from tradewind.core.states import RUN_FINISHED
from tradewind.store import queries
from tradewind.store.reading.runs import run_row, run_state
from tradewind.wire.events import RUN_DELETED, RUN_MOVED
from tradewind.wire.messages import Event
from tradewind.wire.xcom_files import XComFileLost, XComFiles

routes = Routes("DagRun", prefix=f"{API}/dags/{{dag_id}}/dagRuns/{{dag_run_id}}")

NDJSON = "application/x-ndjson"
LOOK_AGAIN_SECONDS = 30.0
"""How long nothing may be heard before the database is asked: the scheduler may have changed in between."""
AWAY_SECONDS = 2.0
"""How long to wait before a scheduler that is away is called again, at least."""
READS_XCOMS = Need(Action.READ, Resource.XCOM)
MOST_RESULTS = 100


@routes.get(
    "/wait",
    Resource.RUN,
    response_class=StreamingResponse,
    responses={200: {"content": {NDJSON: {"schema": {"type": "string"}}}}},
)
def wait_dag_run_until_finished(
    call: Asked,
    dag_id: str,
    dag_run_id: str,
    interval: Annotated[float, Query(gt=0, description="Seconds; changes are told when they happen all the same.")],
    result: Annotated[
        list[str] | None, Query(max_length=MOST_RESULTS, description="Tasks whose return values the last line has.")
    ] = None,
) -> StreamingResponse:
    """The state of a run now, and each further one until it is over. Ends when the client goes, too."""
    if result:
        call.permit(dag_id, READS_XCOMS)
    with call.reading() as connection:
        row = run_row(connection, dag_id, dag_run_id)
    if row is None:
        raise RunNotFound(dag_id, dag_run_id)
    waiter = _Waiter(call, row["number"], dag_id, dag_run_id, tuple(result or ()), interval)
    return StreamingResponse(waiter.lines(), media_type=NDJSON)


@dataclass(frozen=True, slots=True)
class _Waiter:
    call: Call
    number: int
    dag_id: str
    run_id: str
    result: Sequence[str]
    interval: float

    async def lines(self) -> AsyncIterator[str]:
        said = None
        async for state in self._seen():
            if state != said:
                said = state
                yield json.dumps(await run_in_threadpool(self._line, state)) + "\n"
            if state in RUN_FINISHED:
                return

    async def _seen(self) -> AsyncIterator[str]:
        """The run's state now, and after everything that may have changed it; ends when the run is deleted."""
        while True:
            async with AsyncExitStack() as stack:
                events = None
                try:
                    # Before the first look, so that nothing happens unseen between the two.
                    events = await stack.enter_async_context(
                        self.call.installation.link.events(self.dag_id, self.run_id)
                    )
                except SchedulerAway:
                    pass
                ear = None if events is None else await stack.enter_async_context(aclosing(_Ear(events)))
                while (state := await run_in_threadpool(self._state)) is not None:
                    yield state
                    if ear is None or not await ear.hears():
                        break
                else:
                    return
            # Nobody tells of changes: they are looked for, at leisure.
            await asyncio.sleep(max(AWAY_SECONDS, min(self.interval, LOOK_AGAIN_SECONDS)))

    def _state(self) -> str | None:
        with self.call.reading() as connection:
            return run_state(connection, self.number)

    def _line(self, state: str) -> dict[str, Any]:
        line: dict[str, Any] = {"state": state}
        if state in RUN_FINISHED and self.result and (results := self._results()):
            line["results"] = results
        return line

    def _results(self) -> dict[str, Any]:
        """What the tasks returned: a value each, a list of those of its instances where the task is mapped."""
        files = XComFiles(self.call.settings.xcoms_folder, inline_bytes=-1)
        with self.call.reading() as connection:
            rows = queries.xcoms(connection, self.number, task_ids=self.result)
        found: dict[str, Any] = {}
        for task_id, index, _, stored in rows:
            value = _value(files, stored)
            if index < 0:
                found[task_id] = value
            else:
                found.setdefault(task_id, []).append(value)
        return found


class _Ear:
    """Listens for changes of a run. Being tired of listening does not end the stream of events, as a timeout would."""

    def __init__(self, events: AsyncIterator[Event]) -> None:
        self._events = events
        self._next: asyncio.Future[Event | None] | None = None

    async def hears(self) -> bool:
        """Wait until the run may have changed, or for long; False when nobody tells of changes any more."""
        while True:
            if self._next is None:
                self._next = asyncio.ensure_future(anext(self._events, None))
            done, _ = await asyncio.wait({self._next}, timeout=LOOK_AGAIN_SECONDS)
            if not done:
                return True
            event, self._next = self._next.result(), None
            if event is None:
                return False
            if event.name in (RUN_MOVED, RUN_DELETED):
                return True

    async def aclose(self) -> None:
        if self._next is not None:
            self._next.cancel()
            await asyncio.wait({self._next})


def _value(files: XComFiles, stored: bytes) -> Any:
    try:
        return json.loads(files.read(stored))
    except (XComFileLost, ValueError):
        return None
