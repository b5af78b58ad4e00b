"""`tradewind state-store clean`: what it would delete, and what it deletes."""

from __future__ import annotations

from pathlib import Path

import pytest
from cli_fakes import Run
from sqlalchemy import select

from tradewind.config import load_settings
from tradewind.store import tables as t
from tradewind.store.engine import open_engine


@pytest.fixture
def kept(home: Path, run: Run) -> Path:
    """Of a stored run one value that has expired and one that has not; one of an asset that no Dag names."""
    assert run("db", "migrate").code == 0
    engine = open_engine(load_settings().database.sql_alchemy_conn)
    with engine.begin() as connection:
        stored = {"number": 7, "dag_id": "d", "run_id": "r", "run_type": "manual", "state": "success", "version": "v"}
        connection.execute(t.run.insert(), {**stored, "run_after": 1, "conf": "{}"})
        for index, key, expires in ((-1, "stays", None), (2, "over", 1)):
            row = {"run": 7, "task_id": "work", "map_index": index, "key": key, "value": b"1", "updated_at": 1}
            connection.execute(t.task_state_store.insert(), {**row, "expires_at": expires})
        asset = {"name": "gone", "uri": "s3://gone", "key": "mark", "value": b"1", "updated_at": 1}
        writer = {"dag_id": "d", "run_id": "r", "task_id": "t", "map_index": -1}
        connection.execute(t.asset_state_store.insert(), {**asset, **writer})
    engine.dispose()
    return home


def keys_left() -> list[str]:
    engine = open_engine(load_settings().database.sql_alchemy_conn)
    with engine.connect() as connection:
        keys = [*connection.execute(select(t.task_state_store.c.key)).scalars()]
        keys += connection.execute(select(t.asset_state_store.c.key)).scalars()
    engine.dispose()
    return keys


def test_a_dry_run_says_what_would_go_and_deletes_nothing(kept: Path, run: Run) -> None:
    ended = run("state-store", "clean", "--dry-run")
    assert ended.code == 0, ended.err
    first, second, total = ended.out.splitlines()
    assert (first, second, total) == ("d r work[2]: over", "asset gone: mark", "2 values would be deleted.")
    assert sorted(keys_left()) == ["mark", "over", "stays"]


def test_without_a_scheduler_it_is_done_on_the_spot(kept: Path, run: Run) -> None:
    ended = run("state-store", "clean")
    assert (ended.code, ended.out) == (0, "Deleted 2 values.\n"), ended.err
    assert keys_left() == ["stays"]
    assert run("state-store", "clean").out == "Deleted 0 values.\n"
