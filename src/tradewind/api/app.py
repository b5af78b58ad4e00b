"""The ASGI application of one installation."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from tradewind import __version__
from tradewind.api import public, ui, web
from tradewind.api.call import Gate, Installation
from tradewind.api.errors import answer_errors
from tradewind.api.gates import OpenGate
from tradewind.api.health import health_of, scheduler_status
from tradewind.api.link import Link, SchedulerLink
from tradewind.api.metrics import exposition
from tradewind.api.middleware import guarded
from tradewind.api.routing import OPEN, Routes, check_declared
from tradewind.config import Settings

routes = Routes("Monitor")


@routes.get("/health", OPEN)
@routes.get("/api/v2/monitor/health", OPEN)
async def health(request: Request) -> dict[str, Any]:
    """Component by component, as their beats say."""
    installation: Installation = request.app.state.installation
    status = await scheduler_status(installation.link)
    return await run_in_threadpool(health_of, installation.engine, status)


@routes.get("/metrics", OPEN)
async def metrics(request: Request) -> Response:
    """Prometheus' text format."""
    installation: Installation = request.app.state.installation
    status = await scheduler_status(installation.link)
    body = await run_in_threadpool(exposition, installation.engine, status)
    return Response(body, media_type="text/plain; version=0.0.4; charset=utf-8")


def make_app(settings: Settings, engine: Engine, *, link: Link | None = None, gate: Gate | None = None) -> FastAPI:
    """The application of one installation. `engine` is read-only."""
    app = FastAPI(title="Tradewind", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.installation = Installation(
        settings, engine, link or SchedulerLink(settings.scheduler_socket), gate or OpenGate()
    )
    answer_errors(app)
    for family in (routes, web.routes, *ui.FAMILIES):
        app.include_router(family.router)
    for family in public.FAMILIES:
        app.include_router(family.router, prefix="/api/v2")
    web.serve_pages(app)
    check_declared(app)
    guarded(app)
    return app
