"""Watchers on a real database: what runs, what has failed and when it goes on, whatever happens in between."""

from __future__ import annotations

import json
from typing import Any

import pytest
from conformance_data import Installation

from tradewind.core.dag import WatcherSpec
from tradewind.core.inputs import WatcherFailed, WatcherFired
from tradewind.store import queries
from tradewind.testing.builders import dag
from tradewind.testing.world import same_world

WATCHER = WatcherSpec(name="queue", asset="a", uri="s3://a", classpath="p.Queue", kwargs='{"n": 1}')
CONDITION = {"asset": {"name": "a", "uri": "s3://a", "group": "asset"}}


def restart(i: Installation) -> None:
    loaded = i.load(i.world.next_run_number)
    same_world(i.world, loaded, i.now)
    i.owner.world = loaded
    i.turn()


def rows(i: Installation) -> list[Any]:
    return [tuple(row) for row in i.rows("SELECT classpath, assets, failures, error FROM watcher")]


@pytest.fixture
def i(installation: Installation) -> Installation:
    installation.add_dag(dag("use", dag_id="reads", assets=CONDITION, watchers=(WATCHER,)))
    return installation


def test_a_restart_keeps_what_runs_and_its_pause_after_a_failure(i: Installation) -> None:
    (id,) = i.world.watchers.active
    restart(i)
    assert rows(i) == [("p.Queue", '[["a", "s3://a", "asset"]]', 0, "")]
    i.give(WatcherFailed(id=id, error="refused"))
    restart(i)
    i.advance(seconds=1)
    i.give(WatcherFailed(id=id, error="refused"))
    restart(i)
    watched = i.world.watchers.active[id]
    assert (watched.failures, watched.error, watched.kwargs) == (2, "refused", b'{"n": 1}')
    assert watched.retry_at is not None
    i.advance(seconds=2)
    restart(i)
    assert i.world.watchers.active[id].retry_at is None


def test_what_it_says_is_in_the_ledger_and_makes_the_run_in_one_commit(i: Installation) -> None:
    (id,) = i.world.watchers.active
    i.give(WatcherFired(watcher=id, id="said1", event=b'{"file": "x"}'))
    restart(i)
    with i.engine.connect() as connection:
        assert queries.has_asset_event(connection, "said1.0")
        assert not queries.has_asset_event(connection, "said1.1")
        (run_id,) = i.rows("SELECT run_id FROM run WHERE dag_id = 'reads'")[0]
        (event,) = queries.asset_events_of_run(connection, "reads", run_id)
    assert json.loads(event.extra) == {"from_trigger": True, "payload": {"file": "x"}}


@pytest.mark.parametrize("command", ["dag.pause", "dag.delete"])
def test_whoever_pauses_or_deletes_the_dag_stops_its_watchers(i: Installation, command: str) -> None:
    i.command(command, dag_id="reads")
    assert rows(i) == []
    assert i.world.watchers.active == {}
    restart(i)
