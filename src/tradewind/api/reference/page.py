"""The page on which people read the API's document and try it out, and the document itself."""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI, Request, Response
from fastapi.responses import RedirectResponse

from tradewind.api.login.cookies import base_of
from tradewind.api.reference.document import Document
from tradewind.api.routing import OPEN, Asked, Routes, Served
from tradewind.core.access import Resource
from tradewind.core.errors import NotFound

routes = Routes("Reference")

PAGE = {
    "page.html": "text/html",
    "page.css": "text/css",
    "page.js": "text/javascript",
    "document.js": "text/javascript",
}
DESCRIBED = ("/api/v2/", "/auth/")

TEXT = """Airflow 3.3's REST API, answered by Tradewind.

Show who you are with every request: name and password (`curl --user`), a token of `POST /auth/token`, or the cookie of
a browser that is logged in. A list has `total_entries` and takes `limit` and `offset`; some also take `cursor`, which
is faster in long lists. `~` in place of a Dag or a run stands for all of them. A change is carried out by the scheduler
before the answer comes. What is refused says why in `detail`.
"""


def add_document(app: FastAPI) -> None:
    """Give the application its document, which is made when somebody first asks for it."""
    app.state.document = Document(
        app, _is_described, title="Tradewind API", description=TEXT, ready=app.state.late.add
    )  # fmt: skip


def _is_described(route: Served) -> bool:
    return route.path.startswith(DESCRIBED)


@routes.get("/openapi.json", Resource.OWN, include_in_schema=False, packed=True)
def openapi(call: Asked) -> Response:
    """What there is to call, for whoever is logged in."""
    document: Document = call.request.app.state.document
    headers = {"cache-control": "private, no-cache"}
    return Response(document.seen_from(call.request), media_type="application/json", headers=headers)


def _file(name: str) -> Response:
    # The page says nothing of this installation, so anybody may have it; the document is what it asks for then.
    text = files(__package__).joinpath("page", name).read_text(encoding="utf-8")
    return Response(text, media_type=PAGE[name], headers={"cache-control": "no-cache"})


@routes.get("/docs", OPEN, include_in_schema=False)
def docs() -> Response:
    """The page."""
    return _file("page.html")


@routes.get("/docs/{name}", OPEN, include_in_schema=False)
def docs_file(name: str) -> Response:
    """What the page consists of."""
    if name not in PAGE:
        raise NotFound("There is no such file; the page is /docs.")
    return _file(name)


@routes.get("/redoc", OPEN, include_in_schema=False)
def redoc(request: Request) -> RedirectResponse:
    """Airflow's second address of the same."""
    return RedirectResponse(f"{base_of(request)}/docs", 307)
