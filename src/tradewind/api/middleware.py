"""What holds for every request and every answer: how large a body may be, and what a browser is told."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tradewind.api.errors import said_of_fault

MOST_BODY = 1 << 20
DEEPEST = 64
"""How deep the JSON of a body may be nested."""

CSP = "; ".join(
    (
        "default-src 'self'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
        "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'", "object-src 'none'",
    )
)  # fmt: skip
HEADERS = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


def guarded(app: FastAPI) -> None:
    """Put the guards in front of this application."""
    app.add_middleware(Guards)


class Guards:
    """Refuses bodies that are too large or too deep; gives every answer its headers, and none of the API to a cache."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        began = False

        async def send_guarded(message: Message) -> None:
            nonlocal began
            if message["type"] == "http.response.start":
                began = True
                message["headers"] = _with_ours(message.get("headers", ()), _below_base(scope))
            await send(message)

        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            # PostgreSQL takes no such text, so there is nothing that it could name.
            sentence = "The address holds a null character (%00), which no name here has."
            await JSONResponse({"detail": sentence}, 400)(scope, receive, send_guarded)
            return
        body, fault = await _body(scope, receive)
        if fault is not None:
            status, said = fault
            await JSONResponse({"detail": said}, status)(scope, receive, send_guarded)
            return
        try:
            await self._app(scope, _replayed(body, receive), send_guarded)
        except Exception as error:
            if began:
                raise
            # Whatever is left for the server's own handler passes by here no more, and would have no headers of ours.
            said = {"detail": said_of_fault(Request(scope), error)}
            await JSONResponse(said, 500)(scope, receive, send_guarded)


def _below_base(scope: Scope) -> str:
    """The path without where the application stands."""
    path, base = str(scope["path"]), str(scope.get("root_path", ""))
    return path.removeprefix(base) if base and path.startswith(f"{base}/") else path


async def _body(scope: Scope, receive: Receive) -> tuple[bytes, tuple[int, Any] | None]:
    """The whole body, or the status and the detail that refuse it."""
    if scope["method"] in ("GET", "HEAD", "OPTIONS"):
        return b"", None
    too_large = (413, f"The body is larger than {MOST_BODY} bytes; send less at a time.")
    length = dict(scope["headers"]).get(b"content-length", b"0")
    if length.isdigit() and int(length) > MOST_BODY:
        return b"", too_large
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return bytes(body), None
        body += message.get("body", b"")
        if len(body) > MOST_BODY:
            return b"", too_large
        if not message.get("more_body"):
            break
    if _depth(bytes(body)) > DEEPEST:
        problem = {"loc": ["body"], "msg": f"The body is nested deeper than {DEEPEST} levels.", "type": "too_deep"}
        return b"", (422, [problem])
    return bytes(body), None


def _depth(body: bytes) -> int:
    """How deep brackets are nested outside of strings."""
    deepest = depth = 0
    for bracket in _BRACKETS.findall(_STRINGS.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _replayed(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay


def _with_ours(headers: Iterable[Any], path: str) -> list[tuple[bytes, bytes]]:
    found = list(headers)
    named = {name.lower() for name, _ in found}
    ours = dict(HEADERS)
    if path.startswith(("/api/", "/ui/", "/auth/")):
        ours |= {"cache-control": "no-store", "vary": "Cookie, Authorization"}
    found += [(name.encode(), value.encode()) for name, value in ours.items() if name.encode() not in named]
    return found
