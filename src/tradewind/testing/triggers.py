"""Triggers of deferred tasks in virtual time: all in one event loop, which turns only when the play lets it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

from tradewind.core.inputs import TriggerAnswered, XCom
from tradewind.core.records import Deferral
from tradewind.sdk.execution.trigger_logs import LineSink, current_trigger
from tradewind.sdk.execution.triggering import Exhausted, Failed, Fired, Outcome, TriggerRunner
from tradewind.store.times import from_us
from tradewind.testing.clock import VirtualClock
from tradewind.testing.surroundings import process_kept

_sleep = asyncio.sleep
QUIET_PASSES = 5
"""So many turns of the loop in which every trigger sleeps mean that nothing more follows at this moment."""


class Triggers:
    """The SDK's own runner of triggers; `asyncio.sleep` in one of them waits for virtual time."""

    def __init__(self, clock: VirtualClock, on_line: LineSink) -> None:
        self._clock, self._on_line = clock, on_line
        self._loop: asyncio.AbstractEventLoop | None = None
        self._orders: list[Callable[[TriggerRunner], None]] = []
        self._answers: list[TriggerAnswered] = []
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._asleep: Counter[str] = Counter()
        self._count = 0

    def start(self, deferral: Deferral) -> None:
        self._orders.append(lambda runner: runner.start(deferral.id, deferral.classpath, deferral.kwargs))

    def stop(self, id: str) -> None:
        self._orders.append(lambda runner: runner.cancel(id))

    def settle(self) -> list[TriggerAnswered]:
        """Let triggers go on until each has answered, sleeps, or has nothing more to do; what was answered."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.run_until_complete(self._open())
        with process_kept(), self._clock.shown(), self._sleeping():
            self._loop.run_until_complete(self._until_quiet())
        answers, self._answers = self._answers, []
        return answers

    def next_wake(self) -> datetime | None:
        """When the first of those that sleep is to wake."""
        while self._sleepers and self._sleepers[0][2].done():
            heappop(self._sleepers)
        return from_us(self._sleepers[0][0]) if self._sleepers else None

    def wake(self) -> list[TriggerAnswered]:
        """Wake those whose time has come, and let them go on."""
        self._clock.begin()
        while self._sleepers and self._sleepers[0][0] <= self._clock.task_us():
            future = heappop(self._sleepers)[2]
            if not future.done():
                future.set_result(None)
        return self.settle()

    def close(self) -> None:
        """Stop every trigger, and the loop."""
        if self._loop is not None:
            self._loop.run_until_complete(self._runner.close())
            self._loop.run_until_complete(self._collector)
            self._loop.run_until_complete(self._loop.shutdown_default_executor())
            self._loop.close()
            self._loop = None

    async def _open(self) -> None:
        # The loop stands still on purpose between two moments of the play: nobody is to take that for a blocked one.
        self._runner = TriggerRunner(on_line=self._on_line, blocked_after=timedelta(days=365))
        await self._runner.__aenter__()
        self._collector = asyncio.create_task(self._collect())

    async def _collect(self) -> None:
        async for outcome in self._runner:
            self._answers.append(_answered(outcome))

    async def _until_quiet(self) -> None:
        orders, self._orders = self._orders, []
        for order in orders:
            order(self._runner)
        quiet = 0
        while quiet < QUIET_PASSES:
            await _sleep(0)
            quiet = quiet + 1 if all(self._asleep[id] for id in self._runner.ids) else 0
            if not quiet:
                await _sleep(0.001)  # one waits for something real

    @contextmanager
    def _sleeping(self) -> Iterator[None]:
        asyncio.sleep = asyncio.tasks.sleep = self._slept
        try:
            yield
        finally:
            asyncio.sleep = asyncio.tasks.sleep = _sleep

    async def _slept(self, delay: float, result: Any = None) -> Any:
        """What `asyncio.sleep` does."""
        trigger = current_trigger.get()
        if delay <= 0 or not trigger:
            return await _sleep(delay, result)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heappush(self._sleepers, (self._clock.task_us() + round(delay * 1e6), self._count, future))
        self._asleep[trigger] += 1
        try:
            await future
        finally:
            self._asleep[trigger] -= 1
        return result


def _answered(outcome: Outcome) -> TriggerAnswered:
    match outcome:
        case Fired(id=id, event=event, ends=ends, xcoms=xcoms):
            values = tuple(XCom(name=key, value=value) for key, value in xcoms)
            return TriggerAnswered(id=id, event=event, ends=ends, xcoms=values)
        case Failed(id=id, error=error):
            return TriggerAnswered(id=id, error=error)
        case Exhausted(id=id):
            return TriggerAnswered(id=id, error="it ended without an event")
