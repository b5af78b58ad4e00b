"""Streams of an application, read as a browser reads them, without a server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from urllib.parse import urlencode

from tradewind.testing.api_stage import ApiStage

PATIENCE_SECONDS = 60.0


class Message(NamedTuple):
    event: str
    data: Any
    id: int | None


class Stream:
    """What one browser is told."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.messages: asyncio.Queue[Message | None] = asyncio.Queue()
        self.is_over = False
        self._left = b""

    async def next(self) -> Message | None:
        """The next message; None at the end."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.messages.get()

    async def of(self, event: str) -> Message:
        """The next message of this name; others are passed over."""
        while (message := await self.next()) is not None:
            if message.event == event:
                return message
        raise AssertionError(f"the stream has ended before {event!r}")

    async def changes(self, count: int) -> list[dict[str, Any]]:
        """So many changes, in however many messages they come."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            found += (await self.of("changes")).data
        return found

    def take(self, message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self.body += message.get("body", b"")
        self._left += message.get("body", b"")
        while b"\n\n" in self._left:
            block, self._left = self._left.split(b"\n\n", 1)
            if found := _message(block.decode()):
                self.messages.put_nowait(found)
        if not message.get("more_body"):
            self.is_over = True
            self.messages.put_nowait(None)


def _message(block: str) -> Message | None:
    fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
    number = int(fields["id"]) if "id" in fields else None
    if "data" not in fields:
        return Message("beat", None, number) if block.startswith(":") else None
    return Message(fields.get("event", "message"), json.loads(fields["data"]), number)


@asynccontextmanager
async def opened(
    stage: ApiStage, *topics: str, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[Stream]:
    """A stream, from its answer's first bytes to where the browser goes."""
    stream, gone = Stream(), asyncio.Event()
    begun = asyncio.Event()
    given = urlencode([*(("topics", topic) for topic in topics), *query.items()])
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": "/ui/stream", "raw_path": b"/ui/stream", "query_string": given.encode(),
        "root_path": "", "client": ("127.0.0.1", 1234), "server": ("testserver", 80),
        "headers": [(b"host", b"testserver"), *((k.lower().encode(), v.encode()) for k, v in (headers or {}).items())],
    }  # fmt: skip
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        stream.take(message)
        begun.set()

    task = asyncio.ensure_future(stage.app(scope, receive, send))
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            waiting = asyncio.ensure_future(begun.wait())
            await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if task.done():
                task.result()
        yield stream
    finally:
        gone.set()
        await asyncio.wait({task})


async def asked(stage: ApiStage, path: str, **headers: str) -> tuple[int, Any, dict[str, str]]:
    """One answer, whole, while others are under way in the same loop."""
    stream = Stream()
    scope = {
        "type": "http", "asgi": {"version": "3.0", "spec_version": "2.3"}, "http_version": "1.1", "method": "GET",
        "scheme": "http", "path": path.partition("?")[0], "raw_path": path.encode(), "root_path": "",
        "query_string": path.partition("?")[2].encode(), "client": ("127.0.0.1", 1234), "server": ("testserver", 80),
        "headers": [(b"host", b"testserver"), *((k.lower().encode(), v.encode()) for k, v in headers.items())],
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        stream.take(message)

    async with asyncio.timeout(PATIENCE_SECONDS):
        await stage.app(scope, receive, send)
    return stream.status, json.loads(stream.body), stream.headers


def played(stage: ApiStage, play: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Play a test in a loop of its own, at whose end the hub of the application ends as well."""

    async def whole() -> None:
        try:
            await play()
        finally:
            stage.app.state.live.close()
            await asyncio.sleep(0)

    asyncio.run(whole())


async def until(condition: Callable[[], Any] | Callable[[], Awaitable[Any]]) -> None:
    """Let others go on until it holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not condition():
            await asyncio.sleep(0.005)
