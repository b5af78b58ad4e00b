"""Refusals as Airflow 2 words them: problem documents of RFC 7807."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MEDIA_TYPE = "application/problem+json"

ERROR: Mapping[str, Any] = {
    "title": "Error",
    "type": "object",
    "description": "Why it was refused.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
    },
    "required": ["type", "title", "status"],
}


def problem(status: int, said: Any) -> tuple[int, dict[str, Any]]:
    """The status and the document of a refusal, from what `/api/v2` would say. What has not the shape of a request is
    a 400 here."""
    status = 400 if status == 422 else status
    detail = said.get("detail") if isinstance(said, dict) else said
    if isinstance(detail, list):
        detail = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in detail)
    title = HTTPStatus(status).phrase
    return status, {"type": "about:blank", "title": title, "status": status, "detail": str(detail or title)}


class Problems:
    """Turns each refusal below a prefix into a problem document, whoever refuses."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app, self._prefix = app, prefix

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not self._is_ours(scope):
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = bytearray()

        async def send_problem(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start" and _is_refusal(message):
                start = message
            elif start is None:
                await send(message)
            else:
                body.extend(message.get("body", b""))
                if not message.get("more_body"):
                    await _send(send, start, bytes(body))

        await self._app(scope, receive, send_problem)

    def _is_ours(self, scope: Scope) -> bool:
        path = str(scope["path"]).removeprefix(str(scope.get("root_path", "")))
        return path == self._prefix or path.startswith(f"{self._prefix}/")


def _is_refusal(message: Message) -> bool:
    kinds = [value for name, value in message.get("headers", ()) if name.lower() == b"content-type"]
    return bool(message["status"] >= 400 and kinds and kinds[0].startswith(b"application/json"))


async def _send(send: Send, start: Message, body: bytes) -> None:
    status, document = problem(start["status"], json.loads(body or b"null"))
    sent = json.dumps(document).encode()
    ours = {b"content-type": MEDIA_TYPE.encode(), b"content-length": str(len(sent)).encode()}
    headers = [(name, value) for name, value in start["headers"] if name.lower() not in ours]
    await send({**start, "status": status, "headers": [*headers, *ours.items()]})
    await send({"type": "http.response.body", "body": sent})
