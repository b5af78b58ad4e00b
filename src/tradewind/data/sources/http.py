"""Paged JSON over HTTP, with patience for a server that says "not now"."""

from __future__ import annotations

import http.client
import json
import logging
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewind.data.files import replacing
from tradewind.data.problems import DataProblem, SourceUnavailable
from tradewind.data.retry_rules import retry_after
from tradewind.data.runtime import metric, progress

log = logging.getLogger(__name__)

AGAIN_LATER = frozenset({408, 425, 429, 500, 502, 503, 504})
LONGEST_PAUSE_SECONDS = 30.0


@dataclass(frozen=True)
class Patience:
    """How often a request is tried and how long the first pause is; each further pause is twice as long."""

    tries: int = 5
    first_pause_seconds: float = 0.2
    timeout_seconds: float = 30.0


def fetch_json(url: str, patience: Patience = Patience(), sleep: Callable[[float], None] = time.sleep) -> Any:
    """The JSON at `url`. A busy or silent server is asked again; a refusal is a `DataProblem` at once."""
    opener = opener_for(url)
    for attempt in range(1, patience.tries + 1):
        asked_for = None
        try:
            with opener.open(url, timeout=patience.timeout_seconds) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                if error.code not in AGAIN_LATER:
                    raise DataProblem(f"{_masked(url)} answered {error.code} {error.reason}.") from error
                reason = f"answered {error.code} {error.reason}"
                asked_for = retry_after(error)
        except ValueError as error:
            reason = f"sent something that is not JSON ({error})"
        except http.client.IncompleteRead as error:
            reason = f"sent an answer that is cut off after {len(error.partial)} bytes"
        except (OSError, http.client.HTTPException) as error:
            reason = f"did not answer ({error})"
        if attempt < patience.tries:
            pause = pause_before(patience, attempt, asked_for)
            log.info("%s %s; asking again in %.1f s", _masked(url), reason, pause)
            metric("http_retries", 1, {"reason": reason.split(" (")[0]})
            sleep(pause)
    raise SourceUnavailable(f"{_masked(url)} {reason}, {patience.tries} times.")


def fetch_pages(
    url: str, page_size: int, patience: Patience = Patience(), sleep: Callable[[float], None] = time.sleep
) -> Iterator[list[dict[str, Any]]]:
    """The items of every page of a collection that answers `{"items": […], "total": n}`."""
    done = 0
    page = 1
    while True:
        query = urllib.parse.urlencode({"page": page, "page_size": page_size})
        answer = fetch_json(f"{url}?{query}", patience, sleep)
        if not isinstance(answer, dict) or not isinstance(answer.get("items"), list) or "total" not in answer:
            raise DataProblem(f"{_masked(url)} page {page} has no 'items' list with a 'total'.")
        items: list[dict[str, Any]] = answer["items"]
        done += len(items)
        if items:
            yield items
        progress(done, answer["total"], "rows")
        if done >= answer["total"]:
            return
        if not items:
            raise SourceUnavailable(f"{_masked(url)} ended after {done} of {answer['total']} rows.")
        page += 1


def pages_to_parquet(url: str, destination: Path, *, page_size: int, patience: Patience = Patience()) -> int:
    """Every item of a paged collection as one Parquet file; gives the number of rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row for page in fetch_pages(url, page_size, patience) for row in page]
    with replacing(destination) as temporary:
        pq.write_table(pa.Table.from_pylist(rows), temporary, compression="zstd")
    metric("rows_extracted", len(rows), {"source": "api", "table": destination.stem})
    return len(rows)


def opener_for(url: str) -> urllib.request.OpenerDirector:
    """What opens this address: through the environment's proxy, but for this machine's own."""
    parts = urllib.parse.urlsplit(url)
    if parts.scheme not in ("http", "https"):
        raise DataProblem(f"{_masked(url)} is no http address.")
    if parts.hostname in ("127.0.0.1", "::1", "localhost"):
        # A proxy cannot reach this machine's own loopback.
        return urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return urllib.request.build_opener()


def pause_before(patience: Patience, attempt: int, asked_for: float | None) -> float:
    """How long to wait after so many tries; `asked_for` is the server's Retry-After in seconds."""
    pause: float = patience.first_pause_seconds * 2 ** (attempt - 1)
    return min(max(pause, asked_for or 0.0), LONGEST_PAUSE_SECONDS)


def _masked(url: str) -> str:
    """The address without its query, which may hold a key."""
    return url.split("?")[0]
