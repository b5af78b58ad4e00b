"""Engines of those who read: many threads at once, and no statement for ever."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tradewind.store.engine import open_engine, open_reader, took_too_long

THREADS = 20
FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/some.db"
    engine = open_engine(url)
    with engine.connect() as connection:
        connection.execute(text("CREATE TABLE number (value INTEGER)"))
        connection.execute(text("INSERT INTO number VALUES (1), (2), (3)"))
    engine.dispose()
    return url


def test_what_many_threads_read_at_once_is_closed_for_none_of_them(url: str) -> None:
    reader, together, problems = open_reader(url), threading.Barrier(THREADS), []

    def read() -> None:
        try:
            with reader.connect() as connection:
                result = connection.execution_options(stream_results=True).execute(text("SELECT value FROM number"))
                together.wait(60)
                assert [row.value for row in result] == [1, 2, 3]
                together.wait(60)
        except Exception as problem:
            together.abort()
            problems.append(problem)

    threads = [threading.Thread(target=read) for _ in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader.dispose()
    assert problems == []


def test_a_statement_that_takes_too_long_is_stopped_and_the_next_one_is_not(url: str) -> None:
    reader = open_reader(url, seconds=0.05)
    with reader.connect() as connection:
        with pytest.raises(OperationalError) as stopped:
            connection.execute(text(FOR_EVER))
        assert took_too_long(stopped.value)
        assert connection.execute(text("SELECT count(*) FROM number")).scalar() == 3
    reader.dispose()


def test_another_error_is_no_lack_of_time(url: str) -> None:
    reader = open_reader(url)
    with reader.connect() as connection, pytest.raises(OperationalError) as missing:
        connection.execute(text("SELECT * FROM nowhere"))
    assert not took_too_long(missing.value)
    with reader.connect() as connection, pytest.raises(OperationalError, match="readonly"):
        connection.execute(text("INSERT INTO number VALUES (4)"))
    reader.dispose()
