"""Batches through coroutines: bounded, measured, in order, and all or none."""

from __future__ import annotations

import asyncio
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tradewind.data import DataProcessor, flow
from tradewind.data.demo.serving import serving
from tradewind.data.problems import BadSetting


async def total(batch: list[int]) -> int:
    await asyncio.sleep(0)
    return sum(batch)


@pytest.mark.parametrize(("rows", "size", "batches"), [(0, 10, 0), (1, 10, 1), (100, 10, 10), (101, 10, 11)])
def test_there_are_as_many_batches_as_the_rows_need(rows: int, size: int, batches: int) -> None:
    done = DataProcessor(chunk_size=size).run_async(range(rows), total)
    assert (done.batches, done.items, sum(done.results)) == (batches, rows, sum(range(rows)))


def test_results_are_in_the_order_of_the_source_whatever_ends_first() -> None:
    async def slower_first(batch: list[int]) -> int:
        await asyncio.sleep(0.02 - batch[0] / 1000)
        return batch[0]

    assert DataProcessor(chunk_size=1, max_workers=8).run_async(range(20), slower_first).results == list(range(20))


def test_the_loop_is_uvloops_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert DataProcessor().run_async([1], total).loop.startswith("uvloop.")


def test_a_quick_source_is_held_back_and_the_queue_stays_bounded() -> None:
    made = worked = 0
    furthest = 0

    def source() -> Iterator[int]:
        nonlocal made, furthest
        for n in range(60):
            made += 1
            furthest = max(furthest, made - worked)
            yield n

    async def slow(batch: list[int]) -> None:
        nonlocal worked
        await asyncio.sleep(0.005)
        worked += len(batch)

    done = DataProcessor(chunk_size=1).run_async(source(), slow, at_once=2, queue_size=3)
    assert done.largest_queue == 3
    assert furthest <= 3 + 2 + 2  # in the queue, in work, in hand on either side
    assert done.most_at_once == 2
    assert done.source_waited_seconds > 0.05
    assert done.back_pressure > 0.3


def test_a_slow_source_is_not_held_back() -> None:
    async def source() -> AsyncIterator[int]:
        for n in range(10):
            await asyncio.sleep(0.01)
            yield n

    done = DataProcessor(chunk_size=1).run_async(source(), total, at_once=2)
    assert done.source_waited_seconds == 0
    assert done.work_waited_seconds > 0.05
    assert done.results == list(range(10))


def test_the_first_error_ends_the_flow() -> None:
    begun: list[int] = []

    async def picky(batch: list[int]) -> None:
        begun.append(batch[0])
        if batch[0] == 3:
            raise ValueError("not this one")
        await asyncio.sleep(0.001)

    with pytest.raises(ValueError, match="not this one"):
        DataProcessor(chunk_size=1, max_workers=1).run_async(range(1000), picky)
    assert begun == [0, 1, 2, 3]


@pytest.mark.parametrize("name", ["batch_size", "at_once", "queue_size"])
def test_an_impossible_number_is_refused_by_name(name: str) -> None:
    with pytest.raises(BadSetting, match=name):
        DataProcessor().run_async([1], total, **{name: 0})


def test_a_hundred_addresses_are_fetched_side_by_side() -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            time.sleep(0.02)
            self.send_response(200)
            self.send_header("Content-Length", str(len(self.path)))
            self.end_headers()
            self.wfile.write(self.path.encode())

        def log_message(self, format: str, *args: object) -> None: ...

    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def fetch(url: str) -> bytes:
        with opener.open(url, timeout=60) as answer:
            body: bytes = answer.read()
            return body

    async def fetch_aside(batch: list[str]) -> bytes:
        return await asyncio.to_thread(fetch, batch[0])

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Page)) as server:
        urls = [f"http://127.0.0.1:{server.server_address[1]}/{n}" for n in range(100)]
        done = DataProcessor(chunk_size=1, max_workers=10).run_async(urls, fetch_aside)
    assert done.results == [f"/{n}".encode() for n in range(100)]
    assert done.most_at_once > 1


def test_ten_files_are_read_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / f"{n}.txt" for n in range(10)]
    for n, path in enumerate(paths):
        path.write_text(str(n))
    together = threading.Barrier(10)

    def read(path: Path) -> str:
        together.wait(60)
        return path.read_text()

    assert DataProcessor(max_workers=10).read_files(paths, read) == [str(n) for n in range(10)]


def test_no_more_files_are_read_at_once_than_there_are_workers(tmp_path: Path) -> None:
    lock = threading.Lock()
    now = most = 0

    def read(path: Path) -> int:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        time.sleep(0.005)
        with lock:
            now -= 1
        return 1

    assert sum(DataProcessor(max_workers=3).read_files([tmp_path] * 20, read)) == 20
    assert most <= 3


def test_a_file_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        flow.run(flow.in_threads([Path("/nonexistent/file").read_bytes], at_once=2))
