"""Answers that are packed on their way to whoever can unpack them (gzip).

Only routes that say so (`packed=True`) have theirs packed: those whose answers are large and consist of names, states
and times. How long a packed answer is tells something of what is in it to whoever can put words of their own beside a
secret and look on (BREACH); so what holds tokens, passwords, values or logs is never packed, and neither is a stream.
"""

from __future__ import annotations

import zlib
from typing import Any

from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LEAST = 4096
"""Bytes below which an answer is sent as it is: it is one packet or three."""
ASIDE = 65_536
"""Bytes from which on packing takes longer than other requests should wait."""
LEVEL = 1
"""zlib's quickest: 150 MB a second, and these answers become a fifth to a twentieth; its usual level takes three times
as long to make them a third smaller."""


class Packs:
    """Packs the bodies of answers that may be packed."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_packed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _may_be_packed(scope, message):
                start = message  # what it says depends on the body
                return
            if start is not None and message["type"] == "http.response.body":
                begun, start = start, None
                begun, message = await _packed(begun, message, _can_unpack(scope))
                await send(begun)
            await send(message)

        await self._app(scope, receive, send_packed)


def _may_be_packed(scope: Scope, start: Message) -> bool:
    is_packed = getattr(getattr(scope.get("route"), "endpoint", None), "packed", False)
    return is_packed and start["status"] == 200 and _header(start["headers"], b"content-encoding") is None


def _can_unpack(scope: Scope) -> bool:
    """Whether the client says that it takes gzip."""
    accepted = _header(scope["headers"], b"accept-encoding") or b""
    for part in accepted.lower().split(b","):
        name, _, weight = part.partition(b";")
        if name.strip() in (b"gzip", b"*"):
            return weight.replace(b" ", b"").rstrip(b"0") not in (b"q=", b"q=0.")
    return False


async def _packed(start: Message, body: Message, can_unpack: bool) -> tuple[Message, Message]:
    """Both messages as they are sent. What comes in pieces stays as it is."""
    text = body.get("body", b"")
    if body.get("more_body") or len(text) < LEAST:
        return start, body
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in (b"vary", b"content-length")]
    varies = [value for name, value in start["headers"] if name.lower() == b"vary"]
    headers.append((b"vary", b", ".join([*varies, b"Accept-Encoding"])))
    if can_unpack:
        text = await run_in_threadpool(_gzipped, text) if len(text) >= ASIDE else _gzipped(text)
        headers.append((b"content-encoding", b"gzip"))
    headers.append((b"content-length", str(len(text)).encode()))
    return {**start, "headers": headers}, {**body, "body": text}


def _gzipped(text: bytes) -> bytes:
    return zlib.compress(text, LEVEL, wbits=31)


def _header(headers: Any, wanted: bytes) -> bytes | None:
    return next((bytes(value) for name, value in headers if name.lower() == wanted), None)
