"""The ASGI application of one installation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from tradewind import __version__
from tradewind.api import public, ui, web
from tradewind.api.budgets import Budgets, Turns, Turnstile
from tradewind.api.call import Gate, Installation, NotPermitted, Vault
from tradewind.api.errors import answer_errors
from tradewind.api.gates import LoginGate, OpenGate, is_local
from tradewind.api.health import HealthInfoResponse, health_of, scheduler_status
from tradewind.api.late import AddsRoutes, LateRoutes
from tradewind.api.link import Link, SchedulerLink
from tradewind.api.live import routes as live
from tradewind.api.live.hub import Hub
from tradewind.api.login import accounts, oidc
from tradewind.api.login import routes as login
from tradewind.api.login.logins import Logins
from tradewind.api.middleware import guarded
from tradewind.api.outside import Outside, proxies_of
from tradewind.api.packing import Packs
from tradewind.api.reference import page as reference
from tradewind.api.routing import API, OPEN, UI, Routes, check_declared, serve
from tradewind.api.v1.app import PREFIX as V1
from tradewind.api.v1.app import LateV1
from tradewind.api.v1.problems import Problems
from tradewind.config import Settings
from tradewind.core.access import Action, Need, Resource
from tradewind.security.privacy import is_open
from tradewind.security.secrets import open_vault

routes = Routes("Monitor")


@routes.get("/health", OPEN, include_in_schema=False)
@routes.get("/api/v2/monitor/health", OPEN, operation_id="get_health", response_model=HealthInfoResponse)
async def health(request: Request) -> dict[str, Any]:
    """Component by component, as their beats say."""
    installation: Installation = request.app.state.installation
    status = await scheduler_status(installation.link)
    return await run_in_threadpool(health_of, installation.engine, status)


@routes.get("/metrics", OPEN)
async def metrics(request: Request) -> Response:
    """Prometheus' text format, for this machine and for whoever may look at the system."""
    # Prometheus' client is only there where somebody measures.
    from tradewind.api.exposition import MEDIA_TYPE
    from tradewind.api.metrics import exposition, scheduler_metrics

    installation: Installation = request.app.state.installation
    if not is_local(request):
        await run_in_threadpool(_check_may_measure, installation, request)
    told = await scheduler_metrics(installation.link)
    body = await run_in_threadpool(exposition, installation.engine, told, installation.settings.home)
    return Response(body, media_type=MEDIA_TYPE)


class _LateVault:
    """The installation's vault, opened when something is read: its key is made by whoever stores the first secret."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._vault: Vault | None = None

    def decrypt(self, token: str) -> str:
        if self._vault is None:
            self._vault = open_vault(self._settings, make_key=False)
        return self._vault.decrypt(token)


def _check_may_measure(installation: Installation, request: Request) -> None:
    need = Need(Action.READ, Resource.SYSTEM)
    if not installation.gate.caller(request).may(need):
        raise NotPermitted(need)


def _now() -> datetime:
    return datetime.now(UTC)


def _late_families() -> tuple[Routes, ...]:
    return public.rest() + ui.families()


def make_app(
    settings: Settings, engine: Engine, *, link: Link | None = None, gate: Gate | None = None,
    vault: Vault | None = None, clock: Callable[[], datetime] = _now,
) -> FastAPI:  # fmt: skip
    """The application of one installation. `engine` is read-only. Without a `gate` it is the settings' own: a login,
    or none."""
    app = FastAPI(title="Tradewind", version=__version__, docs_url=None, redoc_url=None, openapi_url=None)
    link = link or SchedulerLink(settings.scheduler_socket)
    logins = Logins(settings, engine, link, clock)
    if gate is None:
        gate = OpenGate(for_network=settings.api.allow_open_network) if is_open(settings) else LoginGate(logins)
    app.state.installation = Installation(settings, engine, link, gate, logins, vault or _LateVault(settings))
    app.state.live = Hub(engine, link, Path(settings.logging.base_log_folder))
    app.state.budgets = Budgets()
    app.state.turnstile = Turnstile()
    answer_errors(app)
    signing_in = (login.routes, oidc.routes, accounts.users, accounts.roles)
    serve(app, routes, *signing_in, web.routes, reference.routes, live.routes, *public.FIRST)
    web.serve_pages(app)
    check_declared(app)
    app.state.late = LateRoutes(app, (API, UI), _late_families)
    reference.add_document(app)
    app.state.v1 = LateV1(app.state.installation, app.state.budgets)
    app.mount(V1, app.state.v1)
    soon = frozenset({f"{API}/dags", f"{API}/monitor/health", f"{UI}/stream"})
    app.add_middleware(AddsRoutes, late=app.state.late, soon=soon)
    app.add_middleware(Turns, turnstile=app.state.turnstile)
    guarded(app)
    app.add_middleware(Packs)
    app.add_middleware(Problems, prefix=V1)
    app.add_middleware(Outside, base_path=settings.base_path, proxies=proxies_of(settings))
    return app
