"""The OpenAPI document of a family of routes: what each takes, gives and refuses, and who may call it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from threading import Lock
from typing import Any

from fastapi import FastAPI, Request
from fastapi.openapi.utils import get_openapi

from tradewind import __version__
from tradewind.api.login.cookies import COOKIE, base_of
from tradewind.api.routing import Served, routes_of
from tradewind.core.access import Need

Statuses = tuple[int, ...]

REFUSED: Mapping[int, str] = {
    400: "Something that was sent cannot be used; the text says what.",
    401: "Nobody has said who asks, or what they said does not hold.",
    403: "Whoever asks may not do this.",
    404: "There is nothing of this name, or nothing that the caller may see.",
    409: "It does not go with how things are.",
    413: "The body is too large.",
    429: "Too many wrong passwords, or too many at once; `Retry-After` says how long to wait.",
    503: "The scheduler or the database does not answer; `Retry-After` says when to ask again.",
}
OPEN_READS: Statuses = (400, 401, 403, 503)
OPEN_CHANGES: Statuses = (400, 401, 403, 404, 413, 429, 503)
"""What a change may answer that needs no login: logging in, that is."""
READS: Statuses = (400, 401, 403, 404, 429, 503)
CHANGES: Statuses = (400, 401, 403, 404, 409, 413, 429, 503)
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})

SECURITY: Mapping[str, Any] = {
    "Basic": {"type": "http", "scheme": "basic", "description": "Name and password of an account."},
    "Bearer": {
        "type": "http", "scheme": "bearer", "bearerFormat": "JWT", "description": "A token of `POST /auth/token`.",
    },
    "Cookie": {
        "type": "apiKey", "in": "cookie", "name": COOKIE,
        "description": "What a browser has after `POST /auth/login`. A change also needs `X-CSRF-Token`, or a browser "
        "that says which page it comes from.",
    },
}  # fmt: skip
IDEMPOTENCY_KEY: Mapping[str, Any] = {
    "name": "Idempotency-Key", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 200},
    "description": "Any text. The same change sent twice with the same key is carried out once.",
}  # fmt: skip
ERROR: Mapping[str, Any] = {
    "title": "HTTPExceptionResponse",
    "type": "object",
    "description": "Why it was refused.",
    "properties": {
        "detail": {"anyOf": [{"type": "string"}, {"type": "object"}], "title": "Detail"},
        "command": {"type": "string", "title": "Command", "description": "The key of a change that may yet happen."},
    },
    "required": ["detail"],
}

Part = Callable[[Served], bool]


class Document:
    """The document of some routes of an application, made when it is first asked for."""

    def __init__(
        self, app: FastAPI, part: Part, *, title: str, description: str, ready: Callable[[], None] = lambda: None,
        error: Mapping[str, Any] = ERROR, media_type: str = "application/json", tells_fields: bool = True,
    ) -> None:  # fmt: skip
        """`ready` adds the routes that are still missing. `error` and `media_type` are the shape of a refusal, and what
        it is sent as; `tells_fields`: what has not the shape of a request is a 422 that names its fields."""
        self._app, self._part, self._ready = app, part, ready
        self._info: dict[str, Any] = {"title": title, "version": __version__, "description": description}
        self._error, self._media_type, self._tells_fields = error, media_type, tells_fields
        self._lock = Lock()
        self._text = ""

    def seen_from(self, request: Request) -> str:
        """The document as text, for a client that reaches the application as this request does."""
        with self._lock:
            if not self._text:
                self._ready()
                self._text = json.dumps(self.made(), ensure_ascii=False)
        servers = json.dumps([{"url": base_of(request) or "/"}])
        return f'{{"servers": {servers}, {self._text[1:]}'

    def made(self) -> dict[str, Any]:
        """The document, made anew."""
        routes = [route for route in routes_of(self._app) if self._holds(route)]
        document = get_openapi(**self._info, routes=routes, separate_input_output_schemas=False)
        needs = {
            (route.path_format, method.lower()): route.endpoint.need for route in routes for method in route.methods
        }
        for path, operations in document["paths"].items():
            for method, operation in operations.items():
                self._complete(operation, method.upper(), needs[path, method])
        components = document.setdefault("components", {})
        components["securitySchemes"] = dict(SECURITY)
        components["parameters"] = {"IdempotencyKey": dict(IDEMPOTENCY_KEY)}
        components.setdefault("schemas", {})[self._error["title"]] = dict(self._error)
        components["responses"] = {
            _named(status): {"description": text, "content": self._content()} for status, text in REFUSED.items()
        }
        if not self._tells_fields:
            for unused in ("HTTPValidationError", "ValidationError"):
                components["schemas"].pop(unused, None)
        return document

    def _holds(self, route: Any) -> bool:
        return route.include_in_schema and any(
            self._part(Served(method, route.path, route.endpoint)) for method in route.methods
        )

    def _content(self) -> dict[str, Any]:
        """What a refusal consists of."""
        return {self._media_type: {"schema": {"$ref": f"#/components/schemas/{self._error['title']}"}}}

    def _complete(self, operation: dict[str, Any], method: str, need: Need | None) -> None:
        changes = method in WITH_BODY
        operation["security"] = [] if need is None else [{name: []} for name in SECURITY]
        statuses = CHANGES if changes else READS
        if need is None:
            statuses = OPEN_CHANGES if changes else OPEN_READS
        else:
            operation["x-needs"] = {"action": need.action.value, "resource": need.resource.value}
        answers = operation["responses"]
        if not self._tells_fields:
            answers.pop("422", None)
        elif changes:
            # A body may be nested too deep, whether or not the route reads one.
            schema = {"$ref": "#/components/schemas/HTTPValidationError"}
            unfit = {"description": "Validation Error", "content": {"application/json": {"schema": schema}}}
            answers.setdefault("422", unfit)
        for status, answer in answers.items():
            if status >= "400":
                answer.setdefault("content", self._content())
            elif status >= "300":
                answer.pop("content", None)  # it only says where to go
        for status in statuses:
            answers.setdefault(str(status), {"$ref": f"#/components/responses/{_named(status)}"})
        if changes and need is not None:
            operation.setdefault("parameters", []).append({"$ref": "#/components/parameters/IdempotencyKey"})


def _named(status: int) -> str:
    return HTTPStatus(status).phrase.title().replace(" ", "")
