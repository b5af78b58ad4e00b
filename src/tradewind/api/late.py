"""Routes that are added after the server has started: when somebody asks for one, or when it has a moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from threading import Lock

from fastapi import FastAPI
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from tradewind.api.routing import Routes, serve


class LateRoutes:
    """Families of routes that an application does not have yet; all of them lie below one of some addresses."""

    def __init__(self, app: FastAPI, below: tuple[str, ...], families: Callable[[], Iterable[Routes]]) -> None:
        self._app, self._families = app, families
        self._lock = Lock()
        self._below = tuple(f"{address}/" for address in below)
        self.are_there = False

    def add(self) -> None:
        """Add them, once. Raises Undeclared for a route that does not say what it needs: none is served then."""
        with self._lock:
            if self.are_there:
                return
            serve(self._app, *self._families())
            self.are_there = True

    def may_serve(self, path: str) -> bool:
        """Whether a path can be one of theirs."""
        return path.startswith(self._below)


class AddsRoutes:
    """Has late routes added before a request that may be theirs is looked up; `soon` are paths that need none."""

    def __init__(self, app: ASGIApp, late: LateRoutes, soon: frozenset[str]) -> None:
        self._app, self._late, self._soon = app, late, soon

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        late = self._late
        if not late.are_there and scope["type"] == "http":
            path = scope["path"].removeprefix(scope.get("root_path", ""))
            if late.may_serve(path) and path not in self._soon:
                await run_in_threadpool(late.add)
        await self._app(scope, receive, send)
