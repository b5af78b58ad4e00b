"""What streams read is read alike from every database, and no statement of a reader goes on for ever."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from tradewind.core.access import DagFacts
from tradewind.store import tables as t
from tradewind.store.engine import open_reader, took_too_long
from tradewind.store.reading.dags import facts_of_dags
from tradewind.store.reading.events import events_after, newest_event
from tradewind.wire.messages import Event

FOR_EVER = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000000000) SELECT count(*) FROM n"


def row(seq: int, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "seq": seq, "at": 1000 + seq, "name": "task.moved", "dag_id": "etl", "run_id": "one", "task_id": "load",
        "map_index": -1, "try_number": 1, "before": "queued", "after": "running", "reason": "", "body": "{}",
    }  # fmt: skip
    return found | more


def test_events_come_in_their_order_and_no_more_than_asked_for(engine: Engine) -> None:
    with engine.begin() as connection:
        assert newest_event(connection) == 0
        connection.execute(t.event.insert(), [row(3, body='{"username": "kim"}'), row(1), row(2)])
    with engine.connect() as connection:
        assert newest_event(connection) == 3
        assert [event.seq for event in events_after(connection, 0, 2)] == [1, 2]
        assert events_after(connection, 2, 10) == [
            Event(
                seq=3, at_us=1003, name="task.moved", dag_id="etl", run_id="one", task_id="load", try_number=1,
                before="queued", after="running", body={"username": "kim"},
            )
        ]  # fmt: skip
        assert events_after(connection, 3, 10) == []


def test_facts_of_dags_that_there_are(engine: Engine) -> None:
    with engine.connect() as connection:
        assert facts_of_dags(connection, {"nowhere"}) == {}
        assert facts_of_dags(connection, set()) == {}
    assert DagFacts("nowhere") == DagFacts("nowhere", frozenset(), "")


def test_a_statement_that_takes_too_long_is_stopped_and_its_reader_reads_on(database: str) -> None:
    reader = open_reader(database, seconds=0.2)
    with reader.connect() as connection, pytest.raises(OperationalError) as stopped:
        connection.execute(text(FOR_EVER))
    assert took_too_long(stopped.value)
    with reader.connect() as connection:
        assert newest_event(connection) == 0
    reader.dispose()
