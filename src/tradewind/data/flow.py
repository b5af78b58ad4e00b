"""Batches through coroutines: bounded queues, so many at once, and how long each side waited for the other.

A source that is quicker than the work waits once the queue is full. That wait is the back-pressure, and it is measured.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tradewind.data.arguments import whole
from tradewind.data.runtime import metric, progress

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")

_END = object()


@dataclass
class Flow(Generic[Result]):
    """What a flow did, and how full its queue was."""

    results: list[Result] = field(default_factory=list)
    """One for each batch, in the order of the source."""
    items: int = 0
    batches: int = 0
    seconds: float = 0.0
    loop: str = ""
    """The event loop that ran it, for example `uvloop.Loop`."""
    queue_size: int = 0
    largest_queue: int = 0
    most_at_once: int = 0
    source_waited_seconds: float = 0.0
    """How long the source was held back because the queue was full: the back-pressure."""
    work_waited_seconds: float = 0.0
    """How long all workers together waited for a batch: the source is the slow side."""

    @property
    def back_pressure(self) -> float:
        """The share of the time, from 0 to 1, in which the source was held back."""
        return min(1.0, self.source_waited_seconds / self.seconds) if self.seconds else 0.0


async def flow(
    source: Iterable[Item] | AsyncIterable[Item],
    work: Callable[[list[Item]], Awaitable[Result]],
    *,
    batch_size: int,
    at_once: int,
    queue_size: int | None = None,
) -> Flow[Result]:
    """Every batch of the source through `work`, at most `at_once` of them at a time.

    At most `queue_size` more are waiting, twice `at_once` unless told otherwise. The first error stops the source,
    lets no further batch begin, and is raised.
    """
    whole("batch_size", batch_size, least=1)
    whole("at_once", at_once, least=1)
    size = whole("queue_size", queue_size, least=1) if queue_size is not None else 2 * at_once
    done: Flow[Result] = Flow(loop=_loop_name(), queue_size=size)
    queue: asyncio.Queue[Any] = asyncio.Queue(size)
    found: dict[int, Result] = {}
    started = time.perf_counter()
    running = 0

    async def fill() -> None:
        async for batch in _batches(source, batch_size):
            before = time.perf_counter()
            was_full = queue.full()
            await queue.put((done.batches, batch))
            if was_full:
                done.source_waited_seconds += time.perf_counter() - before
            done.batches += 1
            done.items += len(batch)
            done.largest_queue = max(done.largest_queue, queue.qsize())
        for _ in range(at_once):
            await queue.put(_END)

    async def take() -> None:
        nonlocal running
        while True:
            before = time.perf_counter()
            taken = await queue.get()
            done.work_waited_seconds += time.perf_counter() - before
            if taken is _END:
                return
            number, batch = taken
            running += 1
            done.most_at_once = max(done.most_at_once, running)
            try:
                found[number] = await work(batch)
            finally:
                running -= 1
            progress(len(found), None, "batches")

    await _all_or_none([fill(), *(take() for _ in range(at_once))])
    done.seconds = time.perf_counter() - started
    done.results = [found[number] for number in range(done.batches)]
    _report(done)
    return done


def run(coroutine: Coroutine[Any, Any, Result]) -> Result:
    """Run a coroutine to its end, on uvloop where it is installed."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(coroutine)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(coroutine)


async def in_threads(calls: Sequence[Callable[[], Result]], *, at_once: int) -> list[Result]:
    """The results of blocking calls, at most `at_once` of them in threads at a time, in their order."""
    from concurrent.futures import ThreadPoolExecutor

    loop = asyncio.get_running_loop()
    # A pool of its own: the loop's default one has as many threads as the machine likes, and others use it.
    with ThreadPoolExecutor(at_once, thread_name_prefix="tradewind-read") as threads:

        async def one(batch: list[Callable[[], Result]]) -> Result:
            return await loop.run_in_executor(threads, batch[0])

        return (await flow(calls, one, batch_size=1, at_once=at_once)).results


async def _all_or_none(work: list[Coroutine[Any, Any, None]]) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for coroutine in work:
                group.create_task(coroutine)
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None


async def _batches(source: Iterable[Item] | AsyncIterable[Item], size: int) -> AsyncIterator[list[Item]]:
    batch: list[Item] = []
    items = source if isinstance(source, AsyncIterable) else _stepping(source)
    async for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


async def _stepping(source: Iterable[Item]) -> AsyncIterator[Item]:
    """An ordinary iterable, that lets others run now and then: the queue may not be full for a long time."""
    last = time.perf_counter()
    for item in source:
        yield item
        now = time.perf_counter()
        if now - last > 0.01:
            await asyncio.sleep(0)
            last = now


def _loop_name() -> str:
    kind = type(asyncio.get_running_loop())
    return f"{kind.__module__.split('.')[0]}.{kind.__qualname__}"


def _report(done: Flow[Any]) -> None:
    log.info(
        "%d items in %d batches, %.2f s, at most %d at once, %d waiting; the source was held back %.0f %% of the time",
        done.items, done.batches, done.seconds, done.most_at_once, done.largest_queue, 100 * done.back_pressure,
    )  # fmt: skip
    metric("flow_batches_total", done.batches)
    metric("flow_largest_queue", done.largest_queue)
    metric("flow_back_pressure", done.back_pressure)
