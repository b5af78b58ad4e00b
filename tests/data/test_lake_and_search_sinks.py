"""Loads into DuckDB, Delta and a bulk HTTP interface: nothing twice, and a watermark that moves only with the rows."""

from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tradewind.data.cursors import Watermark
from tradewind.data.demo.serving import serving
from tradewind.data.problems import BadSetting, DataError, DataProblem, SourceUnavailable
from tradewind.data.sinks.duck import DuckDBSink
from tradewind.data.sinks.elasticsearch import DocumentsRefused, ElasticsearchSink
from tradewind.data.sources.http import Patience
from tradewind.data.streams import stream_of, watched

pa = pytest.importorskip("pyarrow")
duckdb = pytest.importorskip("duckdb")

Made = tuple[Callable[..., Any], Callable[[], list[tuple[Any, ...]]]]


@pytest.fixture(params=["duckdb", "delta"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """What makes a sink, and what reads its rows."""
    if request.param == "duckdb":
        path = tmp_path / "mart.duckdb"

        def rows() -> list[tuple[Any, ...]]:
            with duckdb.connect(path, read_only=True) as mart:
                return list(mart.execute("SELECT * FROM items ORDER BY id").fetchall())

        return (lambda **how: DuckDBSink(path, "items", **how)), rows
    delta = pytest.importorskip("deltalake", reason="Delta is not installed: pip install 'tradewind[delta]'")
    from tradewind.data.sinks.delta import DeltaSink

    folder = tmp_path / "items"

    def delta_rows() -> list[tuple[Any, ...]]:
        found = pa.table(delta.DeltaTable(folder).to_pyarrow_table()).sort_by("id").to_pylist()
        return [tuple(row.values()) for row in found]

    return (lambda **how: DeltaSink(folder, **how)), delta_rows


def items(*numbers: int, text: str = "x") -> Any:
    return stream_of(pa.table({"id": pa.array(numbers, pa.int64()), "text": [f"{text}{n}" for n in numbers]}))


def broken() -> Any:
    def batches() -> Iterator[Any]:
        yield pa.record_batch({"id": pa.array([9], pa.int64()), "text": ["half"]})
        raise OSError("the source went away")

    return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64()), ("text", pa.string())]), batches())


def test_rows_are_added_once_for_each_load(made: Made) -> None:
    sink, rows = made
    assert not sink().load(items(1, 2), load_id="run 1").repeated
    assert sink().load(items(1, 2), load_id="run 1").repeated
    assert sink().load(items(3), load_id="run 2").rows == 1
    assert rows() == [(1, "x1"), (2, "x2"), (3, "x3")]


def test_merged_rows_take_the_place_of_those_with_their_key(made: Made) -> None:
    sink, rows = made
    for load_id, stream in (("1", items(1, 2)), ("2", items(2, 3, text="y")), ("2", items(2, 3, text="y"))):
        sink(mode="merge", key=("id",)).load(stream, load_id=load_id)
    assert rows() == [(1, "x1"), (2, "y2"), (3, "y3")]
    with pytest.raises(DataProblem, match="key column 'nr'"):
        sink(mode="merge", key=("nr",)).load(items(1), load_id="3")


def test_a_replaced_table_is_the_last_load(made: Made) -> None:
    sink, rows = made
    for load_id, stream in (("1", items(1, 2)), ("2", items(3)), ("2", items(3))):
        sink(mode="replace").load(stream, load_id=load_id)
    assert rows() == [(3, "x3")]


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_a_load_that_breaks_off_changes_nothing(made: Made, mode: str) -> None:
    sink, rows = made
    key = ("id",) if mode == "merge" else ()
    sink(mode=mode, key=key).load(items(7), load_id="1")
    with pytest.raises((OSError, DataError, duckdb.Error)):
        sink(mode=mode, key=key).load(broken(), load_id="2", watermark=Watermark("orders", "id"))
    assert rows() == [(7, "x7")]
    assert sink().watermark("orders") is None


@pytest.mark.parametrize(
    "values",
    [
        [1, 5],
        [datetime(2025, 1, 2, tzinfo=UTC), datetime(2025, 1, 3, 4, 5, 6, 7, tzinfo=UTC)],
        [datetime(2025, 1, 2), datetime(2025, 1, 3, 4)],
        [date(2025, 1, 2), date(2025, 1, 3)],
    ],
)
def test_the_watermark_moves_with_the_rows_and_keeps_its_type(made: Made, values: list[Any]) -> None:
    sink, _ = made
    assert sink().watermark("orders") is None
    for load_id, value in (("1", values[0]), ("2", values[1]), ("1", values[1])):
        mark = Watermark("orders", "id", start=sink().watermark("orders"))
        sink().load(watched(stream_of(pa.table({"id": [value]})), mark.see), load_id=load_id, watermark=mark)
    assert sink().watermark("orders") == values[1]
    assert type(sink().watermark("orders")) is type(values[1])
    assert sink().watermark("another") is None


def test_rows_of_other_types_are_refused(made: Made) -> None:
    sink, rows = made
    sink().load(items(1), load_id="1")
    with pytest.raises(DataProblem, match="does not take these rows"):
        sink().load(stream_of([{"id": "one", "text": "x", "more": 1}]), load_id="2")
    assert rows() == [(1, "x1")]


# --- bulk HTTP ---------------------------------------------------------------------------------------------------


class Search(ThreadingHTTPServer):
    """Speaks `_bulk`; `answers` says what happens to a document the next time it is sent, `trouble` to a request."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Bulk)
        self.documents: dict[str, dict[str, Any]] = {}
        self.answers: dict[str, list[int]] = {}
        self.trouble: list[int] = []
        self.requests: list[list[str]] = []
        self.logins: set[str | None] = set()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Bulk(BaseHTTPRequestHandler):
    server: Search

    def do_POST(self) -> None:
        lines = self.rfile.read(int(self.headers["Content-Length"])).decode().split("\n")
        assert self.headers["Content-Type"] == "application/x-ndjson"
        assert lines.pop() == ""
        with self.server.lock:
            self.server.logins.add(self.headers["Authorization"])
            if self.server.trouble:
                return self.answer(self.server.trouble.pop(0), {"error": "busy"})
            index = self.path.removesuffix("/_bulk").strip("/")
            found = []
            ids = [json.loads(line)["index"]["_id"] for line in lines[::2]]
            self.server.requests.append(ids)
            for key, line in zip(ids, lines[1::2], strict=True):
                planned = self.server.answers.get(key) or [201]
                status = planned.pop(0) if len(planned) > 1 else planned[0]
                item: dict[str, Any] = {"_index": index, "_id": key, "status": status}
                if status < 300:
                    self.server.documents[f"{index}/{key}"] = json.loads(line)
                else:
                    item["error"] = {"type": "mapper_parsing_exception", "reason": "no such date"}
                found.append({"index": item})
        return self.answer(200, {"errors": any("error" in item["index"] for item in found), "items": found})

    def do_PUT(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.documents[self.path] = body
        self.answer(201, {"result": "created"})

    def do_GET(self) -> None:
        found = self.server.documents.get(self.path)
        self.answer(200 if found else 404, {"_source": found, "found": bool(found)})

    def answer(self, status: int, value: Any) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def search() -> Iterator[Search]:
    with serving(Search()) as server:
        yield server


def quick(search: Search, **how: Any) -> ElasticsearchSink:
    return ElasticsearchSink(search.url, "items", patience=Patience(tries=3), sleep=lambda _: None, **how)


def test_documents_have_the_same_ids_when_they_are_sent_again(search: Search) -> None:
    for _ in range(2):
        assert quick(search, batch_rows=2).load(items(1, 2, 3), load_id="run 1").rows == 3
    assert len(search.documents) == 3
    assert [len(ids) for ids in search.requests] == [2, 1, 2, 1]
    quick(search).load(items(1), load_id="run 2")
    assert len(search.documents) == 4
    quick(search, key=("id",)).load(items(1, text="y"), load_id="run 3")
    quick(search, key=("id",)).load(items(1, text="z"), load_id="run 4")
    assert search.documents["items/1"] == {"id": 1, "text": "z1"}


def test_only_documents_that_found_no_room_are_sent_again(search: Search) -> None:
    search.answers = {"2": [429, 503, 201]}
    search.trouble = [503]
    assert quick(search, key=("id",)).load(items(1, 2, 3), load_id="run 1").rows == 3
    assert search.requests == [["1", "2", "3"], ["2"], ["2"]]
    assert len(search.documents) == 3


def test_refused_documents_are_named_once_the_others_are_in(search: Search) -> None:
    search.answers = {"2": [400]}
    mark = Watermark("orders", "id", start=1)
    with pytest.raises(
        DocumentsRefused, match=r"refused 1 of 3 documents, for example 2: 400 mapper.*no such date"
    ) as caught:
        quick(search, key=("id",)).load(items(1, 2, 3), load_id="run 1", watermark=mark)
    assert set(search.documents) == {"items/1", "items/3"}
    assert [(item.id, item.status) for item in caught.value.refused] == [("2", 400)]
    assert pickle.loads(pickle.dumps(caught.value)).refused == caught.value.refused
    assert quick(search).watermark("orders") is None


def test_a_server_without_room_is_unavailable(search: Search) -> None:
    search.answers = {"2": [429]}
    with pytest.raises(SourceUnavailable, match="no room for 1 documents, 3 times"):
        quick(search, key=("id",)).load(items(1, 2), load_id="run 1")
    search.trouble = [503, 503, 503]
    with pytest.raises(SourceUnavailable, match="answered 503"):
        quick(search).load(items(1), load_id="run 2")


def test_the_watermark_is_kept_beside_the_documents(search: Search) -> None:
    mark = Watermark("orders", "id")
    quick(search).load(watched(items(1, 4), mark.see), load_id="run 1", watermark=mark)
    assert quick(search).watermark("orders") == 4


def test_a_refusal_names_the_index_and_keeps_the_login(search: Search) -> None:
    search.trouble = [401]
    with pytest.raises(DataProblem, match="/items answered 401") as caught:
        quick(search, user="me", password="hush").load(items(1), load_id="run 1")
    assert "hush" not in str(caught.value)
    assert search.logins == {"Basic bWU6aHVzaA=="}
    with pytest.raises(BadSetting, match="no index name"):
        ElasticsearchSink(search.url, "Items")
    with pytest.raises(DataProblem, match="no whole key"):
        quick(search, key=("text",)).load(stream_of([{"id": 1, "text": None}, {"id": 2, "text": "x"}]), load_id="1")


def test_times_and_missing_numbers_are_plain_json(search: Search) -> None:
    at = datetime(2025, 1, 2, tzinfo=UTC)
    quick(search, key=("id",)).load(stream_of([{"id": 1, "at": at, "x": float("nan")}]), load_id="1")
    assert search.documents["items/1"] == {"id": 1, "at": "2025-01-02T00:00:00+00:00", "x": None}


def test_a_row_without_a_whole_key_of_its_own_is_not_merged(made: Made) -> None:
    make, content = made
    make(mode="merge", key=["id"]).load(items(1), load_id="a")
    for ids, said in (([2, None], "id=None: without a whole key"), ([2, 2], "id=2 twice")):
        coming = stream_of(pa.table({"id": pa.array(ids, pa.int64()), "text": ["x", "y"]}))
        with pytest.raises(DataProblem, match=said):
            make(mode="merge", key=["id"]).load(coming, load_id="b")
    assert content() == [(1, "x1")]


@pytest.mark.parametrize(
    "ids", [pa.array([2.5]), pa.array([2**63], pa.uint64()), pa.array(["no number"])], ids=["float", "large", "text"]
)
def test_a_value_is_not_cut_to_fit_the_table(made: Made, ids: Any) -> None:
    make, content = made
    make().load(items(1), load_id="a")
    with pytest.raises(DataProblem):
        make().load(stream_of(pa.table({"id": ids, "text": ["x"]})), load_id="b")
    assert content() == [(1, "x1")]
