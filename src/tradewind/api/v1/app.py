"""The application below `/api/v1`, made at the first request for it."""

from __future__ import annotations

from threading import Lock

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError
from starlette.types import Receive, Scope, Send

from tradewind.api.budgets import Budgets
from tradewind.api.call import Installation
from tradewind.api.errors import answer_errors
from tradewind.api.routing import Asked, Routes, serve
from tradewind.core.access import Resource

PREFIX = "/api/v1"
TEXT = """Airflow 2's stable REST API, answered by Tradewind, for what was written for it. New programs use `/api/v2`,
which can do more. What is refused is a problem document (RFC 7807).
"""


class LateV1:
    """Passes requests on to the application, which it makes for the first of them."""

    def __init__(self, installation: Installation, budgets: Budgets) -> None:
        self._installation, self._budgets = installation, budgets
        self._lock = Lock()
        self._made: FastAPI | None = None

    @property
    def app(self) -> FastAPI:
        """The application. Importing what it consists of takes a second."""
        with self._lock:
            if self._made is None:
                self._made = make_v1(self._installation, self._budgets)
            return self._made

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._made or await run_in_threadpool(lambda: self.app)
        await app(scope, receive, send)


def make_v1(installation: Installation, budgets: Budgets) -> FastAPI:
    """The routes of `/api/v1` of an installation; they are paid for from the budgets of its other routes."""
    from tradewind.api.reference.document import Document
    from tradewind.api.v1 import administration, dags, datasets, monitoring, people, runs, task_changes, tasks, xcoms
    from tradewind.api.v1.problems import ERROR, MEDIA_TYPE

    app = FastAPI(title="Tradewind", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.installation = installation
    app.state.budgets = budgets
    answer_errors(app)

    @app.exception_handler(ValidationError)
    async def unfit(request: Request, error: ValidationError) -> JSONResponse:
        # Today's routes take less than the shapes here say: what they would not take is refused as they would.
        said = [{"loc": ["body", *each["loc"]], "msg": each["msg"]} for each in error.errors()]
        return JSONResponse({"detail": said}, 422)

    serve(
        app, reference, *dags.families, runs.routes, xcoms.routes, task_changes.routes, tasks.routes,
        *datasets.families, *administration.families, *monitoring.families, *people.families,
    )  # fmt: skip
    app.state.document = Document(
        app, lambda route: True, title="Tradewind API, as Airflow 2 had it", description=TEXT, error=ERROR,
        media_type=MEDIA_TYPE, tells_fields=False,
    )  # fmt: skip
    return app


reference = Routes("Reference")


@reference.get("/openapi.json", Resource.OWN, include_in_schema=False)
def openapi(call: Asked) -> Response:
    """What there is to call below /api/v1, for whoever is logged in."""
    text = call.request.app.state.document.seen_from(call.request)
    return Response(text, media_type="application/json", headers={"cache-control": "private, no-cache"})
