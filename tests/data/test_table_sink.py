"""Loads into tables: one transaction each, nothing twice, and a watermark that moves only with the rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from tradewind.data.cursors import Watermark, decoded, encoded
from tradewind.data.problems import BadSetting, DataError, DataProblem, SourceUnavailable
from tradewind.data.sinks.table import TableSink
from tradewind.data.sources.adbc import changed_since, connect, query_stream
from tradewind.data.streams import stream_of
from tradewind.testing.servers import PostgresServer

pa = pytest.importorskip("pyarrow")
pytest.importorskip("adbc_driver_sqlite", reason="ADBC is not installed: pip install 'tradewind[adbc]'")
pytest.importorskip("adbc_driver_postgresql", reason="ADBC is not installed: pip install 'tradewind[adbc]'")

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'warehouse.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> str:
    return postgres_server.new_database()


def rows(*numbers: int, text: str = "x") -> Any:
    return stream_of(pa.table({"id": pa.array(numbers, pa.int64()), "text": [f"{text}{n}" for n in numbers]}))


def content(address: str, query: str = "SELECT * FROM items ORDER BY id") -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in query_stream(address, query).read_all().to_pylist()]


def execute(address: str, *statements: str) -> None:
    connection = connect(address)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.commit()
    connection.close()


def failing(after: int) -> Any:
    """A stream that gives so many rows, and then breaks."""

    def batches() -> Iterator[Any]:
        yield pa.record_batch({"id": pa.array(range(after), pa.int64()), "text": ["half"] * after})
        raise OSError("the source went away")

    return pa.RecordBatchReader.from_batches(pa.schema([("id", pa.int64()), ("text", pa.string())]), batches())


def test_rows_are_added_once_for_each_load(address: str) -> None:
    sink = TableSink(address, "items")
    first = sink.load(rows(1, 2), load_id="run 1")
    again = sink.load(rows(1, 2), load_id="run 1")
    assert sink.load(rows(3), load_id="run 2").rows == 1
    assert (first.rows, first.repeated, again.rows, again.repeated) == (2, False, 2, True)
    assert content(address) == [(1, "x1"), (2, "x2"), (3, "x3")]


def test_merged_rows_take_the_place_of_those_with_their_key(address: str) -> None:
    sink = TableSink(address, "items", mode="merge", key=("id",))
    sink.load(rows(1, 2), load_id="run 1")
    for _ in range(2):
        sink.load(rows(2, 3, text="y"), load_id="run 2")
    assert content(address) == [(1, "x1"), (2, "y2"), (3, "y3")]


def test_a_replaced_table_is_swapped_in_as_a_whole(address: str) -> None:
    sink = TableSink(address, "items", mode="replace")
    sink.load(rows(1, 2), load_id="run 1")
    for _ in range(2):
        sink.load(rows(3), load_id="run 2")
    assert content(address) == [(3, "x3")]


@pytest.mark.parametrize("mode", ["append", "replace", "merge"])
def test_a_load_that_breaks_off_changes_nothing(address: str, mode: Any) -> None:
    sink = TableSink(address, "items", mode=mode, key=("id",) if mode == "merge" else ())
    mark = Watermark("orders", "id")
    first = rows(7)
    sink.load(first, load_id="run 1", watermark=mark)
    with pytest.raises((OSError, DataError), match="the source went away"):
        sink.load(failing(1000), load_id="run 2", watermark=Watermark("orders", "id", start=5000))
    assert content(address) == [(7, "x7")]
    assert sink.watermark("orders") is None
    tables = (
        "SELECT name FROM sqlite_master WHERE type = 'table'"
        if address.startswith("sqlite")
        else "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
    )
    assert {name for (name,) in content(address, tables)} == {"items", "tradewind_loads", "tradewind_cursors"}
    assert sink.load(rows(7, 8), load_id="run 2").rows == 2


def test_the_watermark_moves_only_with_the_rows(address: str, tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    execute(source, "CREATE TABLE orders (id BIGINT, text TEXT)", "INSERT INTO orders VALUES (1, 'a'), (5, 'b')")
    sink = TableSink(address, "items")

    def increment(load_id: str) -> int:
        mark = Watermark("orders", "id", start=sink.watermark("orders"))
        return sink.load(changed_since(source, "orders", mark), load_id=load_id, watermark=mark).rows

    assert increment("run 1") == 2
    assert sink.watermark("orders") == 5
    execute(source, "INSERT INTO orders VALUES (6, 'c')")
    assert increment("run 1") == 2  # the same load again: nothing is read twice, nothing lost
    assert sink.watermark("orders") == 5
    assert increment("run 2") == 1
    assert increment("run 3") == 0
    assert sink.watermark("orders") == 6
    assert content(address) == [(1, "a"), (5, "b"), (6, "c")]
    assert sink.watermark("another") is None


def test_rows_that_come_late_with_an_equal_value_can_be_had_too(tmp_path: Path) -> None:
    source = f"sqlite:///{tmp_path / 'source.db'}"
    execute(source, "CREATE TABLE t (id BIGINT, at BIGINT)", "INSERT INTO t VALUES (1, 9), (2, 9), (3, 8)")
    found = changed_since(source, "t", Watermark("t", "at", start=9), inclusive=True).read_all()
    assert found["id"].to_pylist() == [1, 2]
    assert changed_since(source, "t", Watermark("t", "at", start=9)).read_all().num_rows == 0


@pytest.mark.parametrize("value", [5, 2.5, "2025-01-02", datetime(2025, 1, 2, 3, tzinfo=UTC), datetime(2025, 1, 2)])
def test_a_watermark_keeps_its_type(value: Any) -> None:
    assert decoded(encoded(value)) == value
    assert type(decoded(encoded(value))) is type(value)


def test_a_swapped_table_keeps_its_indexes_and_defaults(postgres: str) -> None:
    execute(
        postgres,
        "CREATE TABLE items (id BIGINT PRIMARY KEY, text TEXT, at INT DEFAULT 42)",
        "CREATE INDEX by_text ON items (text)",
    )
    TableSink(postgres, "items", mode="replace").load(rows(1), load_id="run 1")
    assert content(postgres) == [(1, "x1", 42)]
    indexes = content(postgres, "SELECT indexdef FROM pg_indexes WHERE tablename = 'items'")
    assert len(indexes) == 2


def test_a_table_in_a_schema_is_found_there(postgres: str) -> None:
    execute(postgres, "CREATE SCHEMA mart")
    for mode, key in (("append", ()), ("replace", ()), ("merge", ("id",))):
        sink = TableSink(postgres, f"mart.{mode}d", mode=mode, key=key)  # type: ignore[arg-type]
        for load_id in ("run 1", "run 2"):
            sink.load(rows(1, 2), load_id=load_id)
    assert len(content(postgres, "SELECT * FROM mart.appendd")) == 4
    assert len(content(postgres, "SELECT * FROM mart.replaced")) == 2
    assert len(content(postgres, "SELECT * FROM mart.merged")) == 2


def test_a_view_that_is_in_the_way_of_a_swap_is_named(postgres: str) -> None:
    execute(postgres, "CREATE TABLE items (id BIGINT, text TEXT)", "CREATE VIEW all_items AS SELECT * FROM items")
    with pytest.raises((DataProblem, SourceUnavailable), match="other objects depend on it"):
        TableSink(postgres, "items", mode="replace").load(rows(1), load_id="run 1")


def test_two_that_load_the_same_at_once_load_it_once(postgres: str) -> None:
    TableSink(postgres, "items").load(rows(0), load_id="run 0")
    together = threading.Barrier(4)
    outcomes: list[str] = []

    def load() -> None:
        together.wait(60)
        try:
            outcomes.append(str(TableSink(postgres, "items").load(rows(1, 2), load_id="run 1").repeated))
        except DataError:
            outcomes.append("refused")

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert outcomes.count("False") == 1, outcomes
    assert content(postgres) == [(0, "x0"), (1, "x1"), (2, "x2")]


def test_what_cannot_be_loaded_is_named(address: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="needs a key"):
        TableSink(address, "items", mode="merge")
    with pytest.raises(DataProblem, match="key column 'nr' of items"):
        TableSink(address, "items", mode="merge", key=("nr",)).load(rows(1), load_id="run 1")
    with pytest.raises(DataProblem, match="have id=1 twice"):
        TableSink(address, "items", mode="merge", key=("id",)).load(rows(1, 1), load_id="run 1")
    with pytest.raises(BadSetting, match="load id"):
        TableSink(address, "items").load(rows(1), load_id="")
    with pytest.raises(DataProblem, match="goes by 'at'"):
        next(iter(changed_since(_with_table(tmp_path), "t", Watermark("t", "at"))))
    with pytest.raises(BadSetting, match="needs a driver"):
        connect("oracle://host/db")


def _with_table(tmp_path: Path) -> str:
    source = f"sqlite:///{tmp_path / 'other.db'}"
    execute(source, "CREATE TABLE t (id BIGINT)", "INSERT INTO t VALUES (1)")
    return source


def test_a_database_that_is_away_is_unavailable_and_its_password_stays_secret() -> None:
    with pytest.raises(SourceUnavailable) as caught:
        connect("postgresql://me:hush@127.0.0.1:1/none")
    assert "hush" not in str(caught.value)


def test_any_driver_serves(tmp_path: Path) -> None:
    import adbc_driver_sqlite

    path = str(tmp_path / "any.db")
    sink = TableSink(path, "items", driver=str(adbc_driver_sqlite._driver_path()))
    assert sink.load(rows(1, 2), load_id="run 1").rows == 2
    assert content(path) == [(1, "x1"), (2, "x2")]


def test_a_row_without_a_whole_key_is_not_merged(address: str) -> None:
    sink = TableSink(address, "items", mode="merge", key=["id"])
    sink.load(rows(1), load_id="a")
    with pytest.raises(DataProblem, match="id=None: without a whole key"):
        sink.load(stream_of(pa.table({"id": pa.array([2, None], pa.int64()), "text": ["x", "y"]})), load_id="b")
    assert content(address) == [(1, "x1")]


TYPES = "small smallint, whole bigint, half double precision, flag boolean, day date, at timestamptz, word text"
MORE = {"small": 300, "whole": 7, "half": 2.5, "flag": True, "day": date(2026, 1, 2), "at": NOON, "word": "x"}


@pytest.mark.parametrize(
    ("name", "value"),
    [("whole", 2.5), ("whole", "x"), ("whole", NOON), ("small", 70_000), ("half", "x"), ("flag", 1), ("day", NOON),
     ("day", 3), ("at", 3), ("word", 16_706), ("word", True), ("exact", "x")],
)  # fmt: skip
@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_what_a_column_has_no_room_for_changes_nothing(postgres: str, mode: Any, name: str, value: Any) -> None:
    execute(
        postgres, f"CREATE TABLE items (id bigint PRIMARY KEY, {TYPES}, exact numeric)", "INSERT INTO items VALUES (1)"
    )
    sink = TableSink(postgres, "items", mode=mode, key=["id"] if mode == "merge" else ())
    with pytest.raises(DataProblem):
        sink.load(stream_of([{"id": 2, name: value}]), load_id="b")
    assert content(postgres, "SELECT id FROM items") == [(1,)]


@pytest.mark.parametrize("mode", ["append", "merge", "replace"])
def test_numbers_of_other_widths_arrive_as_they_are(postgres: str, mode: Any) -> None:
    execute(postgres, f"CREATE TABLE items (id bigint PRIMARY KEY, {TYPES}, exact numeric)")
    sink = TableSink(postgres, "items", mode=mode, key=["id"] if mode == "merge" else ())
    sink.load(stream_of([{"id": 1, **MORE}, {"id": 2, "half": 3.0, "whole": 4.0}, {"id": 3, "at": NOON}]), load_id="b")
    names = ", ".join(MORE)
    assert content(postgres, f"SELECT {names} FROM items WHERE id = 1") == [tuple(MORE.values())]
    assert content(postgres, "SELECT half, whole FROM items WHERE id = 2") == [(3.0, 4)]
