"""The web UI's own files: built by `make ui`, served from the package, never from anywhere else.

Files are named by their content and may be kept for ever; the page that names them is asked for each time. Any other
address that a browser opens is a page of the UI, which knows itself what is there.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from fastapi import FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from tradewind.api.routing import OPEN, Routes

DIST = Path(__file__).parent.parent / "ui_dist"
KINDS: Mapping[str, str] = {
    ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png",
    ".woff2": "font/woff2", ".json": "application/json",
}  # fmt: skip
FOREVER = "public, max-age=31536000, immutable"
SERVER = re.compile(r"(api|ui|auth|docs|redoc|openapi\.json|metrics|health|static)(/|$)")
"""Addresses that are the server's: what is not there is an error, not a page."""

NOT_BUILT = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<title>Tradewind</title><h1>The web UI is not built yet</h1><p>It appears here once it is: <code>make demo</code> is
building it; otherwise run <code>make ui</code> in the source folder. The API works meanwhile:
<a href="api/v2/dags">api/v2/dags</a>, <a href="health">health</a>.</p></html>"""

routes = Routes("Web")


@routes.get("/static/{name:path}", OPEN, include_in_schema=False)
def static_file(request: Request, name: str) -> Response:
    """A file of the UI by its name, packed where the browser can unpack it."""
    return _file(f"static/{name}", request.headers.get("accept-encoding", ""), FOREVER)


@routes.get("/favicon.svg", OPEN, include_in_schema=False)
def icon(request: Request) -> Response:
    return _file("favicon.svg", "", "public, max-age=86400")


class Pages:
    """What no route answers: a page for a browser, and the error that it is for anybody else.

    Not a route that takes every path: routes that are added later (`LateRoutes`) would come after it.
    """

    def __init__(self, missing: ASGIApp) -> None:
        self._missing = missing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        root = scope.get("root_path", "").rstrip("/")
        path = scope["path"].removeprefix(root).removeprefix("/")
        is_page = scope["type"] == "http" and scope["method"] in ("GET", "HEAD") and (not path or _wants_page(scope))
        if is_page and not SERVER.match(path):
            await (await run_in_threadpool(_page, root))(scope, receive, send)
        else:
            await self._missing(scope, receive, send)


def _wants_page(scope: Scope) -> bool:
    """Whether it is a browser that opens an address, rather than a program that asks for something."""
    return any(name == b"accept" and b"text/html" in value for name, value in scope["headers"])


def serve_pages(app: FastAPI) -> None:
    app.router.default = Pages(app.router.default)


def _page(root: str) -> Response:
    index = DIST / "index.html"
    if not index.is_file():
        return HTMLResponse(NOT_BUILT)
    base = html.escape(root, quote=True)
    # A base element is forbidden by the page's own policy, so addresses are made whole here.
    text = index.read_text("utf-8").replace('="./', f'="{base}/').replace('content="@base"', f'content="{base}"')
    return HTMLResponse(text, headers={"cache-control": "no-cache"})


def _file(name: str, accepted: str, cache: str) -> Response:
    parts = PurePosixPath(name).parts
    kind = KINDS.get(PurePosixPath(name).suffix)
    if kind is None or ".." in parts or any(part.startswith(("/", ".")) or "\0" in part for part in parts):
        return JSONResponse({"detail": "Not Found"}, 404)
    headers = {"cache-control": cache, "vary": "Accept-Encoding"}
    for encoding, suffix in (("br", ".br"), ("gzip", ".gz"), ("", "")):
        file = DIST / f"{name}{suffix}"
        if encoding in accepted and file.is_file():
            if encoding:
                headers["content-encoding"] = encoding
            return Response(file.read_bytes(), media_type=kind, headers=headers)
    return JSONResponse({"detail": "Not Found"}, 404)
