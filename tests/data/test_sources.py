from __future__ import annotations

import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tradewind.data.demo import api_server
from tradewind.data.problems import BadInput, DataProblem, SourceUnavailable
from tradewind.data.sources.database import sqlite_table_to_parquet
from tradewind.data.sources.http import Patience, fetch_json, fetch_pages, pages_to_parquet

pq = pytest.importorskip("pyarrow.parquet")


@pytest.fixture
def server() -> Iterator[api_server.DemoServer]:
    with api_server.running(busy_every=3) as server:
        yield server


def test_every_page_arrives_though_the_server_is_busy_now_and_then(server: api_server.DemoServer) -> None:
    pauses: list[float] = []
    pages = list(fetch_pages(f"{server.url}/v1/airports", 100, sleep=pauses.append))
    assert [len(page) for page in pages] == [100] * 14 + [58]
    assert len({row["faa"] for page in pages for row in page}) == 1458
    assert len(pauses) == 7


def test_pauses_double_and_the_last_refusal_is_reported() -> None:
    pauses: list[float] = []
    with api_server.running(busy_every=1) as server:
        with pytest.raises(SourceUnavailable, match=r"/v1/weather answered 503 .*, 4 times"):
            fetch_json(f"{server.url}/v1/weather?key=secret", Patience(tries=4, first_pause_seconds=1), pauses.append)
    assert pauses == [1, 2, 4]


def test_a_refusal_is_not_tried_again(server: api_server.DemoServer) -> None:
    with pytest.raises(DataProblem, match="answered 404") as caught:
        fetch_json(f"{server.url}/v1/none?key=secret", sleep=pytest.fail)
    assert "secret" not in str(caught.value)
    with pytest.raises(DataProblem, match="is no http address"):
        fetch_json("file:///etc/hostname")


def test_a_silent_server_is_unavailable(server: api_server.DemoServer) -> None:
    with api_server.running() as gone:
        url = gone.url
    with pytest.raises(SourceUnavailable, match="did not answer"):
        fetch_json(url, Patience(tries=2), sleep=lambda _: None)


def test_weather_arrives_as_parquet_with_its_gaps(server: api_server.DemoServer, tmp_path: Path) -> None:
    path = tmp_path / "weather.parquet"
    assert pages_to_parquet(f"{server.url}/v1/weather", path, page_size=5000) == 26_115
    table = pq.read_table(path)
    assert table.num_rows == 26_115
    assert table.column("wind_gust").null_count == 20_778
    assert table.column("wind_dir").null_count == 460


@pytest.mark.parametrize("chunk_size", [7, 1000])
def test_a_table_arrives_whole_whatever_the_chunks(tmp_path: Path, chunk_size: int) -> None:
    database = tmp_path / "x#y.db"
    rows = [(n, n / 2 if n % 3 else None, f"name {n}") for n in range(100)]
    with sqlite3.connect(database) as connection:
        connection.execute('CREATE TABLE "a table" (id INTEGER, half REAL, name TEXT)')
        connection.executemany('INSERT INTO "a table" VALUES (?, ?, ?)', rows)
    connection.close()
    path = tmp_path / "t.parquet"
    assert sqlite_table_to_parquet(database, "a table", path, chunk_size=chunk_size) == 100
    assert [tuple(row.values()) for row in pq.read_table(path).to_pylist()] == rows


def test_what_is_wrong_with_a_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"none\.db: does not exist"):
        sqlite_table_to_parquet(tmp_path / "none.db", "t", tmp_path / "t.parquet", chunk_size=10)
    (tmp_path / "text.db").write_text("this is no database, whatever its name says" * 10)
    with pytest.raises(BadInput, match=r"text\.db: cannot be read as a SQLite database"):
        sqlite_table_to_parquet(tmp_path / "text.db", "t", tmp_path / "t.parquet", chunk_size=10)
    with sqlite3.connect(tmp_path / "ok.db") as connection:
        connection.execute("CREATE TABLE t (id INTEGER)")
        connection.execute("INSERT INTO t VALUES ('many')")
    connection.close()
    with pytest.raises(BadInput, match=r"ok\.db: has no table 'u'"):
        sqlite_table_to_parquet(tmp_path / "ok.db", "u", tmp_path / "t.parquet", chunk_size=10)
    with pytest.raises(DataProblem, match="column 'id'"):
        sqlite_table_to_parquet(tmp_path / "ok.db", "t", tmp_path / "t.parquet", chunk_size=10)
    assert not list(tmp_path.glob("*.parquet"))


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b'HTTP/1.1 200 OK\r\nContent-Length: 200\r\n\r\n{"a":', "cut off after 5 bytes"),
        (b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{"a":\r\n', "cut off after 5 bytes"),
        (b"NONSENSE\r\n\r\n", "did not answer"),
        (b'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{"a":"\xbc\xad"}', "not JSON"),
        (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\nRetry-After: Fri, 01 Jan 2100 00:00:00 GMT\r\n\r\n", "answered 503"),
    ],
)
def test_half_an_answer_is_asked_for_again(answer: bytes, said: str) -> None:
    pauses: list[float] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve(answers: list[bytes]) -> None:
            for each in answers:
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    connection.sendall(each)

        url = f"http://127.0.0.1:{server.getsockname()[1]}/v1"
        thread = threading.Thread(
            target=serve, args=([answer, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", answer],)
        )
        thread.start()
        assert fetch_json(url, sleep=pauses.append) == {}
        assert pauses == [30 if b"2100" in answer else 0.2]
        with pytest.raises(SourceUnavailable, match=said):
            fetch_json(url, Patience(tries=1))
        thread.join()
