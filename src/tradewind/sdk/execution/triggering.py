"""TriggerRunner: many triggers in one event loop, each for itself. What the triggerer process is built around.

It imports author code by the paths that deferred tasks named, so it runs where author code may run and nowhere else.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from tradewind.sdk.execution.loop_interrupt import Interrupter
from tradewind.sdk.execution.loop_watch import LoopWatch, Stall
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.outcome import one_line
from tradewind.sdk.execution.tracebacks import author_traceback
from tradewind.sdk.execution.trigger_logs import LineSink, TriggerLogHandler, current_trigger
from tradewind.sdk.execution.trigger_outcomes import (
    Blocked,
    Exhausted,
    Failed,
    Fired,
    Outcome,
    UnusableEvent,
    fired_by,
)
from tradewind.sdk.execution.trigger_paths import class_of, made_from

__all__ = ["Blocked", "Exhausted", "Failed", "Fired", "Outcome", "TriggerRunner"]

log = logging.getLogger("tradewind.trigger")

BLOCKED_AFTER = timedelta(milliseconds=500)
CLEANUP_GRACE = timedelta(seconds=10)
THREADS = 32


@dataclass(slots=True)
class _Running:
    id: str
    classpath: str
    keeps_on: bool
    task: asyncio.Task[None] | None = None
    trigger: Any = None
    cancelled: bool = False
    killed: bool = False


class TriggerRunner:
    """Used as an async context manager in the loop in which the triggers run. Iterating over it gives the outcomes, in
    the order in which they came, until it is closed.

    `on_line` gets every line that a trigger logs, with the trigger's id; it may be called from threads. `on_blocked` is
    told of a trigger that blocks, from another thread while it does, and once more when it is over. With
    `interrupt_after` one that blocks for so long fails; that works in the main thread of a process.
    """

    def __init__(
        self,
        *,
        on_line: LineSink | None = None,
        on_blocked: Callable[[Blocked], None] | None = None,
        blocked_after: timedelta = BLOCKED_AFTER,
        interrupt_after: timedelta | None = None,
        cleanup_grace: timedelta = CLEANUP_GRACE,
    ) -> None:
        self._on_blocked = on_blocked
        self._grace_seconds = cleanup_grace.total_seconds()
        self._watch = LoopWatch(self._stalled, after=blocked_after)
        self._interrupter = Interrupter(self._watch)
        self._interrupt_seconds = None if interrupt_after is None else interrupt_after.total_seconds()
        self._last_accused: tuple[Any, _Running | None] = (None, None)
        self._handler = TriggerLogHandler(on_line) if on_line is not None else None
        self._running: dict[str, _Running] = {}
        self._tasks: dict[asyncio.Task[None], _Running] = {}
        self._importing: dict[str, asyncio.Future[Any]] = {}
        self._outcomes: asyncio.Queue[Outcome | None] = asyncio.Queue()
        self._closed = False

    async def __aenter__(self) -> TriggerRunner:
        if self._handler is not None:
            logging.getLogger().addHandler(self._handler)
        if self._interrupt_seconds is not None:
            self._interrupter.install()
        # Python's own number, four more than processors, is soon used up by triggers that look at slow disks.
        threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tw-trigger")
        asyncio.get_running_loop().set_default_executor(threads)
        self._watch.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __len__(self) -> int:
        return len(self._running)

    def __contains__(self, id: object) -> bool:
        return id in self._running

    @property
    def ids(self) -> frozenset[str]:
        """The triggers that run now."""
        return frozenset(self._running)

    def start(self, id: str, classpath: str, kwargs: bytes, *, keeps_on: bool = False) -> None:
        """Run the trigger of this class, made from JSON arguments. With `keeps_on` it goes on after its first event. An
        id that runs already is left alone."""
        if id in self._running or self._closed:
            return
        running = self._running[id] = _Running(id, classpath, keeps_on)
        task = running.task = asyncio.create_task(self._run(running, kwargs), name=f"{classpath} ({id})")
        self._tasks[task] = running
        task.add_done_callback(self._forget)

    def cancel(self, id: str, *, killed: bool = False) -> None:
        """Stop a trigger; there is no outcome of it any more. `killed`: somebody stopped its task, so that it also ends
        what was started elsewhere. Its id may be started again at once."""
        running = self._running.pop(id, None)
        if running is None:
            return
        running.cancelled, running.killed = True, killed
        assert running.task is not None
        running.task.cancel()

    async def close(self) -> None:
        """Stop every trigger, wait for their cleaning up as long as the grace allows, and end the iteration."""
        if self._closed:
            return
        self._closed = True
        for id in list(self._running):
            self.cancel(id)
        try:
            await self._until_stopped()
        finally:
            self._watch.stop()
            self._interrupter.uninstall()
            if self._handler is not None:
                logging.getLogger().removeHandler(self._handler)
            self._outcomes.put_nowait(None)

    async def _until_stopped(self) -> None:
        if self._tasks:
            _, stubborn = await asyncio.wait(list(self._tasks), timeout=self._grace_seconds)
            for task in stubborn:
                log.warning("%s does not stop; it is left behind.", task.get_name())

    async def __aiter__(self) -> AsyncIterator[Outcome]:
        while (outcome := await self._outcomes.get()) is not None:
            yield outcome

    # --- one trigger ----------------------------------------------------------------------------------------------

    async def _run(self, running: _Running, kwargs: bytes) -> None:
        current_trigger.set(running.id)
        try:
            kind = await self._class_of(running.classpath)
            running.trigger = made_from(kind, running.classpath, kwargs)
            said = await self._listen(running)
        except asyncio.CancelledError:
            if not running.cancelled:
                self._put(running, Failed(running.id, "The trigger cancelled itself."))
        except BaseException as error:  # also SystemExit: whatever author code raises ends this trigger alone
            self._fail(running, error)
        else:
            if not said:
                log.warning("The trigger ended without an event.")
            if not said or running.keeps_on:
                self._put(running, Exhausted(running.id, said))
        finally:
            # What it had to say is said: its id is free, however long cleaning up takes.
            self._release(running)
            await self._clean_up(running)

    async def _class_of(self, classpath: str) -> Any:
        """The class, imported once and in a thread: that may take a while, and the others go on."""
        importing = self._importing.get(classpath)
        if importing is None:
            loop, context = asyncio.get_running_loop(), copy_context()
            importing = loop.run_in_executor(None, context.run, class_of, classpath)
            self._importing[classpath] = importing
            importing.add_done_callback(partial(self._imported, classpath))
        return await asyncio.shield(importing)

    def _imported(self, classpath: str, importing: asyncio.Future[Any]) -> None:
        if importing.cancelled() or importing.exception() is not None:
            del self._importing[classpath]

    async def _listen(self, running: _Running) -> bool:
        """Pass on what it says; whether it said anything."""
        events = running.trigger.run()
        if not hasattr(events, "__aiter__"):
            if hasattr(events, "close"):
                events.close()
            raise UnusableEvent(f"{running.classpath}.run() is no async generator; it has to yield a TriggerEvent.")
        said = False
        try:
            async for event in events:
                said = True
                self._put(running, fired_by(event, running.id, running.classpath))
                if not running.keeps_on:
                    break
        finally:
            if hasattr(events, "aclose"):
                await events.aclose()
        return said

    def _fail(self, running: _Running, error: BaseException) -> None:
        text, trace = masker().mask(one_line(error)), masker().mask(_trace(error))
        log.error("The trigger failed: %s", text, extra={"author_trace": trace})
        self._put(running, Failed(running.id, text, trace))

    def _put(self, running: _Running, outcome: Outcome) -> None:
        if not running.cancelled:
            self._outcomes.put_nowait(outcome)

    async def _clean_up(self, running: _Running) -> None:
        if running.trigger is None:
            return
        for name in ("on_kill", "cleanup") if running.killed else ("cleanup",):
            method = getattr(running.trigger, name, None)
            if method is None:
                continue
            try:
                async with asyncio.timeout(self._grace_seconds):
                    await method()
            except BaseException as error:  # it is over either way
                log.error("The trigger's %s() failed: %s", name, one_line(error))

    def _release(self, running: _Running) -> None:
        if self._running.get(running.id) is running:
            del self._running[running.id]

    def _forget(self, task: asyncio.Task[None]) -> None:
        self._release(self._tasks.pop(task))
        with suppress(asyncio.CancelledError):
            task.exception()

    # --- the loop -------------------------------------------------------------------------------------------------

    def _stalled(self, stall: Stall) -> None:
        running = self._owner_of(stall)
        id, classpath = (running.id, running.classpath) if running is not None else ("", "")
        whose = f"The trigger {classpath} ({id})" if running is not None else "Work of no single trigger"
        token = current_trigger.set(id)
        try:
            if stall.over:
                log.warning("%s blocked all others for %.1f s; await what it waits for.", whose, stall.seconds)
            else:
                trace = {"author_trace": stall.stack}
                log.warning("%s blocks all others, since %.1f s.", whose, stall.seconds, extra=trace)
        finally:
            current_trigger.reset(token)
        if self._on_blocked is not None:
            self._on_blocked(Blocked(id, classpath, stall.seconds, stall.stack, stall.over))
        limit = self._interrupt_seconds
        if running is not None and not stall.over and limit is not None and stall.seconds >= limit:
            self._interrupter.interrupt(stall)

    def _owner_of(self, stall: Stall) -> _Running | None:
        """The trigger for which a task works; also a task that the trigger made, where Python can tell."""
        task = stall.task
        if stall.over and self._last_accused[0] is task:
            return self._last_accused[1]  # it may be gone by now
        running = self._tasks.get(task) if task is not None else None
        if running is None and task is not None:
            context: Any = getattr(task, "get_context", dict)()
            running = self._running.get(context.get(current_trigger, ""))
        self._last_accused = (task, running)
        return running


def _trace(error: BaseException) -> str:
    try:
        return author_traceback(error)
    except Exception:  # an exception that cannot be printed
        return ""
