"""Documents into Elasticsearch, OpenSearch and whatever else speaks their bulk interface."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewind.data.cursors import Value, Watermark, decoded, encoded
from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting, DataProblem, SourceUnavailable
from tradewind.data.retry_rules import retry_after
from tradewind.data.runtime import metric, progress
from tradewind.data.sinks.base import Loaded, require_load_id
from tradewind.data.sources.http import AGAIN_LATER, Patience, opener_for, pause_before
from tradewind.data.streams import json_line

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST_REQUEST = 8 << 20
CURSORS = "tradewind-cursors"
SHOWN = 5


@dataclass(frozen=True)
class Refused:
    """A document that the server did not take."""

    id: str
    status: int
    reason: str


class DocumentsRefused(DataProblem):
    """Some documents of a load were refused; `refused` has the first of them, each by its id."""

    def __init__(self, index: str, refused: Sequence[Refused], count: int, rows: int) -> None:
        shown = "; ".join(f"{item.id}: {item.status} {item.reason}" for item in refused[:SHOWN])
        super().__init__(f"{index} refused {count} of {rows} documents, for example {shown}.")
        self.refused = tuple(refused)
        self.count = count

    def __reduce__(self) -> tuple[object, ...]:
        return (_documents_refused, (str(self), self.refused, self.count))


def _documents_refused(message: str, refused: tuple[Refused, ...], count: int) -> DocumentsRefused:
    error = DocumentsRefused.__new__(DocumentsRefused)
    DataProblem.__init__(error, message)
    error.refused, error.count = refused, count
    return error


class ElasticsearchSink:
    """One index, by `POST /{index}/_bulk`.

    A document's id is its `key`'s values, or without a key its load and position: a load that is repeated writes the
    same documents again and no second ones. Of a batch that is taken in part, the documents for which the server was
    too busy are sent again; those that it refuses are named in `DocumentsRefused` once all others are in. A bulk load
    is no transaction: readers see documents as they arrive.
    """

    def __init__(
        self,
        url: str,
        index: str,
        *,
        key: Sequence[str] = (),
        user: str = "",
        password: str = "",
        api_key: str = "",
        patience: Patience = Patience(),
        sleep: Callable[[float], None] = time.sleep,
        batch_rows: int = 5_000,
    ) -> None:
        if not index or index != index.lower() or set(index) & set(' ",*\\<|>/?#'):
            raise BadSetting(
                f'{index!r} is no index name; use small letters without spaces or any of \\ / * ? " < > | , #.'
            )
        self.url, self.index, self.key = url.rstrip("/"), index, tuple(key)
        self._patience, self._sleep, self._batch_rows = patience, sleep, batch_rows
        self._opener = opener_for(url)
        self._headers = {"Content-Type": "application/x-ndjson"}
        if api_key:
            self._headers["Authorization"] = f"ApiKey {api_key}"
        elif user:
            login = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {login}"

    def __str__(self) -> str:
        return f"{masked(self.url)}/{self.index}"

    def load(self, stream: pa.RecordBatchReader, *, load_id: str, watermark: Watermark | None = None) -> Loaded:
        """Send every row. The watermark moves once all documents are in."""
        require_load_id(load_id)
        missing = [name for name in self.key if name not in stream.schema.names]
        if missing:
            raise DataProblem(f"The key column {missing[0]!r} of {self} is not among the rows to load.")
        rows = count = 0
        refused: list[Refused] = []
        for batch in stream:
            for start in range(0, batch.num_rows, self._batch_rows):
                part = batch.slice(start, self._batch_rows).to_pylist()
                documents = {self._id(row, load_id, rows + n): row for n, row in enumerate(part)}
                for request in _requests(documents):
                    found = self._send(request)
                    count += len(found)
                    refused += found[: max(0, 100 - len(refused))]
                rows += len(part)
                progress(rows, None, "documents")
        if count:
            metric("documents_refused_total", count, {"index": self.index})
            raise DocumentsRefused(str(self), refused, count, rows)
        if watermark is not None and watermark.value is not None:
            self._move(watermark)
        metric("rows_loaded", rows, {"sink": "elasticsearch"})
        return Loaded(str(self), load_id, rows, watermark=watermark.value if watermark else None)

    def watermark(self, name: str) -> Value | None:
        try:
            found = self._ask("GET", self._cursor(name), None)
        except _NotThere:
            return None
        return decoded(found["_source"]["reached"])

    def _id(self, row: Mapping[str, Any], load_id: str, position: int) -> str:
        if not self.key:
            return f"{hashlib.sha256(load_id.encode()).hexdigest()[:24]}-{position}"
        values = [row[name] for name in self.key]
        if any(value is None for value in values):
            named = ", ".join(f"{name}={row[name]}" for name in self.key)
            raise DataProblem(f"Row {position} for {self} has no whole key ({named}).")
        text = json.dumps(values, default=str, ensure_ascii=False)
        # Short keys stay readable; an id may have 512 bytes.
        plain = str(values[0]) if len(values) == 1 and isinstance(values[0], int | str) else text
        return plain if 0 < len(plain.encode()) <= 400 else hashlib.sha256(text.encode()).hexdigest()

    def _send(self, documents: dict[str, bytes]) -> list[Refused]:
        """Send the documents until each is in or refused."""
        waiting = documents
        refused: list[Refused] = []
        busy = ""
        for attempt in range(1, self._patience.tries + 1):
            body = b"".join(waiting.values())
            answer = self._ask("POST", f"/{urllib.parse.quote(self.index)}/_bulk", body)
            items = answer.get("items")
            if not isinstance(items, list) or len(items) != len(waiting):
                raise SourceUnavailable(f"{self} answered a bulk request without an item for each document.")
            again: dict[str, bytes] = {}
            for item in items:
                (result,) = item.values()
                status = int(result.get("status", 0))
                if status in AGAIN_LATER:
                    again[result["_id"]] = waiting[result["_id"]]
                    busy = f"{status} {_reason(result)}"
                elif not 200 <= status < 300:
                    refused.append(Refused(str(result.get("_id")), status, _reason(result)))
            waiting = again
            if not waiting:
                return refused
            if attempt < self._patience.tries:
                metric("http_retries", 1, {"reason": "documents"})
                self._sleep(pause_before(self._patience, attempt, None))
        raise SourceUnavailable(
            f"{self} had no room for {len(waiting)} documents, {self._patience.tries} times ({busy})."
        )

    def _move(self, watermark: Watermark) -> None:
        assert watermark.value is not None
        document = {"target": self.index, "source": watermark.name, "reached": encoded(watermark.value)}
        self._ask("PUT", self._cursor(watermark.name), json.dumps(document).encode(), kind="application/json")

    def _cursor(self, name: str) -> str:
        digest = hashlib.sha256(f"{self.index}\n{name}".encode()).hexdigest()[:32]
        return f"/{CURSORS}/_doc/{digest}"

    def _ask(self, method: str, path: str, body: bytes | None, kind: str = "") -> Any:
        headers = {**self._headers, **({"Content-Type": kind} if kind else {})}
        request = urllib.request.Request(f"{self.url}{path}", data=body, method=method, headers=headers)
        reason = ""
        for attempt in range(1, self._patience.tries + 1):
            asked_for = None
            try:
                with self._opener.open(request, timeout=self._patience.timeout_seconds) as response:
                    return json.load(response)
            except urllib.error.HTTPError as error:
                with error:
                    if error.code == 404 and method == "GET":
                        raise _NotThere from None
                    if error.code not in AGAIN_LATER:
                        said = masked(error.read(300).decode(errors="replace"))
                        raise DataProblem(f"{self} answered {error.code} {error.reason}: {said}") from error
                    reason, asked_for = f"answered {error.code} {error.reason}", retry_after(error)
            except ValueError as error:
                reason = f"sent something that is not JSON ({error})"
            except (OSError, http.client.HTTPException) as error:
                reason = f"did not answer ({error})"
            if attempt < self._patience.tries:
                metric("http_retries", 1, {"reason": reason.split(" (")[0]})
                self._sleep(pause_before(self._patience, attempt, asked_for))
        raise SourceUnavailable(f"{self} {reason}, {self._patience.tries} times.")


class _NotThere(Exception):
    """The document asked for does not exist."""


def _requests(documents: Mapping[str, Any]) -> Iterable[dict[str, bytes]]:
    """The documents as lines, in requests of at most so many bytes."""
    lines: dict[str, bytes] = {}
    size = 0
    for key, row in documents.items():
        action = json.dumps({"index": {"_id": key}}, ensure_ascii=False)
        text = f"{action}\n{json_line(row)}\n".encode()
        if lines and size + len(text) > LARGEST_REQUEST:
            yield lines
            lines, size = {}, 0
        lines[key] = text
        size += len(text)
    if lines:
        yield lines


def _reason(result: Mapping[str, Any]) -> str:
    error = result.get("error")
    if isinstance(error, Mapping):
        return masked(f"{error.get('type', '')}: {error.get('reason', '')}")[:300]
    return masked(error or "")[:300]
