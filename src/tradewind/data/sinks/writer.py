"""Writes to a sink from coroutines: the loop goes on while a thread loads, and a full queue holds the writers back."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Any

from tradewind.data.arguments import whole
from tradewind.data.cursors import Watermark
from tradewind.data.sinks.base import Loaded, Sink, require_load_id
from tradewind.data.streams import batch_of, stream_of

if TYPE_CHECKING:
    import pyarrow as pa

_LAST = object()


class AsyncWriter:
    """One load, written piece by piece.

        async with AsyncWriter(TableSink(address, "prices"), schema, load_id=run_id) as writer:
            await writer.write([{"city": "Seoul", "price": 3}])
        print(writer.loaded)

    The load ends with the block: until then readers see nothing of it, and an error in the block undoes it.
    """

    def __init__(
        self,
        sink: Sink,
        schema: pa.Schema,
        *,
        load_id: str,
        watermark: Watermark | None = None,
        queue_size: int = 8,
    ) -> None:
        self._sink, self._schema, self._load_id = sink, schema, require_load_id(load_id)
        self._watermark = watermark
        self._waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._room = asyncio.Semaphore(whole("queue_size", queue_size, least=1))
        self._thread = threading.Thread(target=self._run, name="tradewind-writer", daemon=True)
        self._failure: BaseException | None = None
        self._ended = False
        self._loaded: Loaded | None = None
        self.waited_seconds = 0.0
        """How long writers were held back because the sink was slower: the back-pressure."""

    @property
    def loaded(self) -> Loaded:
        """What the load did, once the block has ended."""
        if self._loaded is None:
            raise RuntimeError("The load has not ended; ask for `loaded` after the block.")
        return self._loaded

    async def write(self, data: Any) -> None:
        """Hand over rows: a list of dicts, a frame or an Arrow table. Waits where the sink is behind."""
        if isinstance(data, list | tuple):
            batches = [batch_of(data, self._schema)]
        else:
            batches = stream_of(data).read_all().select(self._schema.names).cast(self._schema).to_batches()
        for batch in batches:
            if self._watermark is not None:
                self._watermark.see(batch)
            await self._put(batch)

    async def __aenter__(self) -> AsyncWriter:
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self._put(
            _LAST if error is None else _Abandoned("what wrote it ended in an error"), give_up=error is not None
        )
        await asyncio.to_thread(self._thread.join)
        if error is None and self._failure is not None:
            raise self._failure

    async def _put(self, piece: Any, *, give_up: bool = False) -> None:
        started = time.perf_counter()
        waits = self._room.locked()
        await self._room.acquire()
        if waits:
            self.waited_seconds += time.perf_counter() - started
        if not self._ended:
            self._waiting.put(piece)
            return
        # Nobody takes anything any more: the next one that waits learns so too.
        self._room.release()
        if not give_up and self._failure is not None:
            raise self._failure

    def _run(self) -> None:
        import pyarrow as pa

        stream = pa.RecordBatchReader.from_batches(self._schema, self._batches())
        try:
            self._loaded = self._sink.load(stream, load_id=self._load_id, watermark=self._watermark)
        except BaseException as error:
            self._failure = error
        self._loop.call_soon_threadsafe(self._end)

    def _end(self) -> None:
        self._ended = True
        self._room.release()

    def _batches(self) -> Iterator[Any]:
        while (piece := self._waiting.get()) is not _LAST:
            self._loop.call_soon_threadsafe(self._room.release)
            if isinstance(piece, _Abandoned):
                raise piece
            yield piece


class _Abandoned(Exception):
    """The block ended in an error, so that the sink has to undo the load."""
