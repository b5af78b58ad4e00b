"""Partitions on a real database: what gathers for each, and which run took it, whatever happens in between."""

from __future__ import annotations

from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest
from conformance_data import Installation

from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import AssetUpdate, AttemptFinished
from tradewind.scheduler.commands import answer_of
from tradewind.scheduler.offers import run_info
from tradewind.store import queries
from tradewind.store.times import to_us
from tradewind.testing.builders import dag
from tradewind.testing.world import same_world

DAY = {
    "kind": "start_of", "unit": "day", "timezone": "UTC", "input_format": "%Y-%m-%dT%H", "output_format": "%Y-%m-%d",
}  # fmt: skip
DAILY = {"kind": "rollup", "upstream": DAY, "window": {"kind": "day", "backward": False}}


def asset(name: str) -> dict[str, Any]:
    return {"asset": {"name": name, "uri": f"s3://{name}", "group": "asset"}}


def consumer(mapper: dict[str, Any], **given: Any) -> Any:
    partitions = {"default": mapper, "mappers": [], "most": 1000}
    condition = {"all": [asset("a"), asset("b")]}
    return dag("use", dag_id="reads", assets=condition, partitions=partitions, **given)


def produce(i: Installation, name: str, *keys: str) -> None:
    i.command("run.create", dag_id="writes")
    updates = tuple(AssetUpdate(name=name, uri=f"s3://{name}", partition_key=key) for key in keys)
    active = [a.id for a in i.world.attempts.values() if i.world.runs[a.key.run].run.dag_id == "writes"]
    i.give(*(AttemptFinished(attempt=id, outcome="success", end_date=i.now, asset_events=updates) for id in active))


def restart(i: Installation) -> None:
    loaded = i.load(i.world.next_run_number)
    same_world(i.world, loaded, i.now)
    i.owner.world = loaded
    i.turn()


def runs(i: Installation) -> list[tuple[str, int]]:
    """(partition, number of events) of the consumer's runs."""
    sql = "SELECT r.partition_key, COUNT(*) FROM run r JOIN asset_run x ON x.run = r.number GROUP BY r.number, "
    return [tuple(row) for row in i.rows(f"{sql} r.partition_key ORDER BY r.number")]  # type: ignore[misc]


@pytest.fixture
def i(installation: Installation) -> Installation:
    installation.add_dag(dag("make", dag_id="writes"))
    return installation


def test_a_restart_while_a_partition_gathers_loses_nothing(i: Installation) -> None:
    i.add_dag(consumer(DAILY))
    hours = [f"2024-03-13T{hour:02}" for hour in range(24)]
    produce(i, "a", *hours)
    restart(i)
    produce(i, "b", *hours[:12])
    restart(i)
    produce(i, "b", hours[0], *hours[12:23])
    restart(i)
    assert runs(i) == []
    assert i.rows("SELECT COUNT(*), COUNT(DISTINCT event) FROM partition_queue") == [(48, 48)]
    produce(i, "b", hours[23])
    restart(i)
    assert runs(i) == [("2024-03-13", 49)]
    assert i.rows("SELECT * FROM partition_queue") == []
    with i.engine.connect() as connection:
        (run_id,) = i.rows("SELECT run_id FROM run WHERE dag_id = 'reads'")[0]
        run = queries.run_named(connection, "reads", run_id)
        event = queries.asset_events_of_run(connection, "reads", run_id)[0]
    assert run is not None
    assert (run.partition_key, run.partition_date) == ("2024-03-13", datetime(2024, 3, 13, tzinfo=UTC))
    assert (event.partition_key, event.partition_date) == (hours[0], None)
    assert run_info(run).partition_date_us == to_us(run.partition_date)


def test_complete_partitions_that_wait_for_room_get_their_runs_after_a_restart(i: Installation) -> None:
    i.add_dag(consumer({"kind": "identity"}, max_active_runs=1))
    produce(i, "a", "us", "eu")
    produce(i, "b", "us", "eu")
    restart(i)
    assert runs(i) == [("us", 2)]
    active = [a.id for a in i.world.attempts.values() if i.world.runs[a.key.run].run.dag_id == "reads"]
    i.give(*(AttemptFinished(attempt=id, outcome="success", end_date=i.now) for id in active))
    assert runs(i) == [("us", 2), ("eu", 2)]


def test_commands_name_partitions(i: Installation) -> None:
    i.add_dag(consumer(DAY))
    created = answer_of("run.create", i.command("run.create", dag_id="reads", partition_key="2024-03-13"))
    assert (created["partition_key"], created["partition_date"]) == ("2024-03-13", "2024-03-13T00:00:00+00:00")
    i.command("asset.event", name="a", partition_key="2024-03-14T01")
    i.command("asset.event", name="b", partition_key="2024-03-14T23")
    assert runs(i) == [("2024-03-14", 2)]
    for wrong in ("", 3, "x" * 251):
        with pytest.raises(InvalidInput, match="artition"):
            i.command("asset.event", name="a", partition_key=wrong)
    with pytest.raises(InvalidInput, match="has no partitions"):
        i.command("run.create", dag_id="writes", partition_key="2024-03-13")


def test_the_runs_for_a_partition_are_cleared_by_its_key_or_dates(i: Installation) -> None:
    i.add_dag(consumer(DAY))
    for key in ("2024-03-12", "2024-03-13", "2024-03-14", "2024-03-13"):
        i.command("run.create", dag_id="reads", partition_key=key)
    i.command("run.create", dag_id="reads")

    def cleared(**which: str) -> list[int]:
        plan = i.command("task.clear", dag_id="reads", dry_run=True, **which)
        return sorted({number for number, _, _ in answer_of("task.clear", plan)["tasks"]})

    first = min(i.world.runs)
    assert cleared(partition_key="2024-03-13") == [first + 1, first + 3]
    assert cleared(partition_key="2024-03-20") == []
    assert cleared(partition_date_start="2024-03-13") == [first + 1, first + 2, first + 3]
    assert cleared(partition_date_start="2024-03-12", partition_date_end="2024-03-12") == [first]


def test_a_deleted_dag_leaves_nothing_that_waits(i: Installation) -> None:
    i.add_dag(consumer(DAY))
    produce(i, "a", "2024-03-14T01")
    i.command("dag.delete", dag_id="reads")
    assert i.rows("SELECT * FROM partition_queue") == []
    assert i.world.assets.partitions == {}


@pytest.mark.parametrize("seed", range(6))
def test_every_event_is_taken_once_by_each_of_its_partitions_whatever_happens(i: Installation, seed: int) -> None:
    """Events in random order, restarts in between: each day is made of exactly its hours."""
    draw = Random(seed)
    i.add_dag(consumer(DAILY, max_active_runs=draw.choice((1, 16))))
    wanted = [(name, f"2024-03-{day}T{hour:02}") for name in "ab" for day in (13, 14) for hour in range(24)]
    draw.shuffle(wanted)
    while wanted:
        count = draw.randint(1, 12)
        for name in "ab":
            produce(i, name, *(key for asset, key in wanted[:count] if asset == name))
        wanted = wanted[count:]
        if draw.random() < 0.4:
            restart(i)
    while active := [a.id for a in i.world.attempts.values()]:
        i.give(*(AttemptFinished(attempt=id, outcome="success", end_date=i.now) for id in active))
    assert sorted(runs(i)) == [("2024-03-13", 48), ("2024-03-14", 48)]
    assert i.rows("SELECT COUNT(*), COUNT(DISTINCT event) FROM asset_run") == [(96, 96)]
