"""Collections behind HTTP APIs as streams, a page at a time: by number, cursor or next link, and not too fast."""

from __future__ import annotations

import threading
import time
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from tradewind.data.arguments import whole
from tradewind.data.problems import BadSetting, DataProblem
from tradewind.data.runtime import metric, progress
from tradewind.data.sources.http import Patience, fetch_json
from tradewind.data.streams import records_as_stream

if TYPE_CHECKING:
    import pyarrow as pa


class RateLimit:
    """At most so many requests a second, on average; may be shared by threads.

    `burst` of them may go at once after a pause.
    """

    def __init__(
        self,
        per_second: float,
        *,
        burst: int = 1,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        if not 0 < per_second < float("inf"):
            raise BadSetting(f"per_second must be a number above 0, not {per_second!r}.")
        self._spacing = 1 / per_second
        self._burst = whole("burst", burst, least=1)
        self._clock, self._sleep = clock, sleep
        self._lock = threading.Lock()
        self._next = clock() - self._spacing * (burst - 1)
        self.waited_seconds = 0.0

    def wait(self) -> None:
        """Come back when the next request may go."""
        with self._lock:
            now = self._clock()
            # A slot's time is taken before it is waited for, so that nobody else waits for the same one.
            mine = max(self._next, now - self._spacing * (self._burst - 1))
            self._next = mine + self._spacing
            pause = mine - now
        if pause > 0:
            self.waited_seconds += pause
            self._sleep(pause)


@dataclass(frozen=True)
class Paging:
    """Where a page's rows are, and how the next one is asked for.

    `by="page"` counts pages from `first`, and ends at one that is shorter than asked for or empty; `by="cursor"` sends
    the value at `next` back as the parameter `parameter`; `by="link"` follows the address at `next`. Both end where
    `next` is empty. `items` and `next` are names with dots: `"data.rows"`.
    """

    by: Literal["page", "cursor", "link"] = "page"
    items: str = "items"
    next: str = "next"
    parameter: str = "page"
    size_parameter: str = "page_size"
    size: int = 1000
    first: int = 1


def pages(
    url: str,
    paging: Paging = Paging(),
    *,
    parameters: Mapping[str, str] | None = None,
    rate: RateLimit | None = None,
    patience: Patience = Patience(),
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[list[dict[str, Any]]]:
    """The rows of each page. A `next` that was there before ends in `DataProblem` rather than in a circle."""
    shown = url.split("?")[0]
    address: str | None = _with(url, {**(parameters or {}), **_first(paging)})
    seen: set[str] = set()
    done = number = 0
    while address is not None:
        if address in seen:
            raise DataProblem(f"{shown} leads from page {number} back to an earlier one.")
        seen.add(address)
        if rate is not None:
            rate.wait()
        answer = fetch_json(address, patience, sleep)
        number += 1
        rows = _at(answer, paging.items) if paging.items else answer
        if not isinstance(rows, list):
            raise DataProblem(f"{shown} page {number} has no list at {paging.items!r}.")
        metric("http_pages_total", 1)
        if rows:
            done += len(rows)
            yield rows
            progress(done, None, "rows")
        address = _next(url, address, answer, rows, paging, number)


def open_api(
    url: str,
    paging: Paging = Paging(),
    *,
    parameters: Mapping[str, str] | None = None,
    rate: RateLimit | None = None,
    patience: Patience = Patience(),
    schema: pa.Schema | None = None,
    chunk_size: int = 10_000,
) -> pa.RecordBatchReader:
    """Every row of a paged collection, as a stream: no more than a page and a chunk are in memory."""
    found = pages(url, paging, parameters=parameters, rate=rate, patience=patience)
    rows = (row for page in found for row in page)
    return records_as_stream(rows, chunk_size=chunk_size, schema=schema, name=f"The rows of {url.split('?')[0]}")


def _first(paging: Paging) -> dict[str, str]:
    found = {paging.size_parameter: str(paging.size)} if paging.size_parameter else {}
    if paging.by == "page":
        found[paging.parameter] = str(paging.first)
    return found


def _next(url: str, address: str, answer: Any, rows: list[Any], paging: Paging, number: int) -> str | None:
    if paging.by == "page":
        if not rows or (paging.size_parameter and len(rows) < paging.size):
            return None
        return _with(address, {paging.parameter: str(paging.first + number)})
    following = _at(answer, paging.next)
    if following is None or following == "":
        return None
    if paging.by == "cursor":
        return _with(address, {paging.parameter: str(following)})
    target = urllib.parse.urljoin(address, str(following))
    if urllib.parse.urlsplit(target)[:2] != urllib.parse.urlsplit(url)[:2]:
        # Keys in headers or proxies belong to the server that was asked, and to no other.
        raise DataProblem(f"{url.split('?')[0]} leads to another server, {urllib.parse.urlsplit(target).netloc}.")
    return target


def _at(value: Any, path: str) -> Any:
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _with(url: str, parameters: Mapping[str, str]) -> str:
    parts = urllib.parse.urlsplit(url)
    query = {**dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True)), **parameters}
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query)))
