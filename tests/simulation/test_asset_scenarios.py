"""What the simulation has found about assets, with its seeds; and some of the bugs that are planted to be found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core import asset_queue
from tradewind.core.assets import is_met
from tradewind.testing.simulation.asset_teeth import ASSET_BUGS
from tradewind.testing.simulation.asset_workload import with_assets
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Simulation, drawn_for
from tradewind.testing.simulation.teeth import BUGS
from tradewind.testing.simulation.workload import draw_workload


def _takes_the_oldest_of_each_asset_for_enough() -> Any:
    """The policy `each` as it was: the oldest event of an asset stood for its newer ones, also where only one of these
    had come through the alias that is waited for."""

    def oldest(condition: Any, events: Iterable[Any]) -> tuple[Any, ...]:
        chosen: dict[Any, Any] = {}
        for event in events:
            if event.keys[0] not in chosen:
                chosen[event.keys[0]] = event
                if is_enough(condition, chosen):
                    break
        for key in list(chosen):
            if is_enough(condition, without := {other: e for other, e in chosen.items() if other != key}):
                chosen = without
        return tuple(chosen.values())

    def is_enough(condition: Any, chosen: dict[Any, Any]) -> bool:
        return is_met(condition, {key for event in chosen.values() for key in event.keys})

    return patch.object(asset_queue, "_oldest_that_meet", oldest)


FOUND = {
    "a run for each event takes only what is enough together": (586, _takes_the_oldest_of_each_asset_for_enough),
}  # fmt: skip

PLANTED = {
    "takes events after the commit of their run": 3,
    "stores updates after the commit of their success": 3,
    "leaves what was taken in its rows": 13,
    "keeps what a failed attempt updated": 3,
}
"""Teeth, and a seed that finds each."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_found_again_where_it_is_planted(database: Database, name: str) -> None:
    seed, plant = FOUND[name]
    # What the seed has of assets, whether or not it has jobs instead.
    workload = with_assets(draw_workload(Random(f"{seed}/workload")), Random(f"{seed}/assets"))
    assert not Simulation(seed, database, workload=workload).run().broken
    with plant():
        broken = Simulation(seed, database, workload=workload).run().broken
    assert broken.startswith("I1"), f"seed {seed} does not show it any more: look for another seed"


@pytest.mark.parametrize("name", PLANTED)
def test_a_bug_that_is_planted_is_found_by_its_seed(database: Database, name: str) -> None:
    with BUGS[name]():
        assert Simulation(PLANTED[name], database).run().broken


def test_there_are_teeth_about_assets_and_partitions() -> None:
    asked_for = {
        "takes events after the commit of their run", "keeps what a failed attempt updated",
        "leaves what was taken in its rows", "forgets through which alias",
        "counts a partition each time that it comes",
    }  # fmt: skip
    assert asked_for <= ASSET_BUGS.keys() <= BUGS.keys()


def test_a_play_with_assets_makes_runs_of_them_and_is_the_same_every_time(database: Database) -> None:
    first = Simulation(3, database).run()
    made = database.rows("SELECT run_type, count(*) FROM run GROUP BY run_type")
    assert dict(map(tuple, made))["asset_triggered"] > 1
    assert Simulation(3, database, workload=drawn_for(3)).run() == first
