"""Backfills, deadlines, kept state and questions in drawn seeds: nothing breaks, all of it happens, bugs are found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core import runs, world
from tradewind.testing.simulation import teeth
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.jobs_workload import jobs_of, with_jobs
from tradewind.testing.simulation.shrink import reduced
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.workload import draw_workload

SEEDS = range(12)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


def with_all_jobs(seed: int, database: Database) -> Simulation:
    """The simulation of a seed, with jobs whatever the lot says."""
    workload = with_jobs(draw_workload(Random(f"{seed}/workload")), jobs_of(seed), always=True)
    return Simulation(seed, database, workload=workload)


def test_nothing_breaks_and_everything_happens(database: Database) -> None:
    happened: Counter[str] = Counter()
    for seed in SEEDS:
        simulation = with_all_jobs(seed, database)
        result = simulation.run()
        assert not result.broken, f"seed {seed}: {result.broken}"
        jobs = simulation.jobs
        happened["reads"] += jobs.kept.reads
        happened["looked back"] += jobs.past.looked
        happened["missed"] += sum(jobs.deadlines.missed.values())
        for state, action, count in database.rows(
            "SELECT state, action, count(*) FROM backfill b JOIN backfill_run r ON r.backfill = b.id GROUP BY 1, 2"
        ):
            happened[state] += count
            happened[action] += count
        for answered_at, answered_by in database.rows("SELECT answered_at, answered_by FROM question"):
            happened["open" if not answered_at else "answer" if answered_by else "default"] += 1
    wanted = {
        "reads",
        "missed",
        "completed",
        "cancelled",
        "create",
        "leave",
        "clear",
        "default",
        "answer",
        "looked back",
    }
    assert happened.keys() >= wanted, happened
    assert min(happened["reads"], happened["missed"], happened["create"], happened["answer"]) > 20, happened


@pytest.mark.parametrize(
    "name",
    [
        "goes on while it is paused", "has more runs than its limit", "tells a deadline again",
        "forgets a deadline's callback at a takeover", "acknowledges state before it commits",
        "keeps one state for all instances", "does not look back in a backfill",
        "forgets how long runs took at a restart",
    ],
)  # fmt: skip
def test_a_planted_bug_is_found(name: str) -> None:
    assert teeth.find(name, seeds=40).result is not None


def _places_a_run_where_it_was_read() -> Any:
    def bring_back(turn: Any, live: Any) -> None:
        if live.run.number not in turn.world.runs:
            turn.world.add_run(live)

    return patch.object(runs, "bring_back", bring_back)


def _keeps_the_newest_run_whoever_made_it() -> Any:
    def worth_keeping(over: Any, *, most: int) -> Any:
        return real([replace(one, is_scheduled=False) for one in over], most=most)

    real = world.worth_keeping
    return patch.object(world, "worth_keeping", worth_keeping)


def _gives_a_place_to_runs_that_only_wait() -> Any:
    """Runs of a backfill that wait for the run before count against its limit, also when that one is cleared."""
    return patch.object(runs, "only_waits_on_past", lambda turn, live: False)


FOUND = {
    "a run of the schedule has its past although a backfill is ahead": (5170, _keeps_the_newest_run_whoever_made_it),
    "a run that a backfill clears waits for one that it has made before it": (112, _places_a_run_where_it_was_read),
    "a cleared run of a backfill begins although one waits for it": (13286, _gives_a_place_to_runs_that_only_wait),
}


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_found_again_where_it_is_planted(database: Database, name: str) -> None:
    seed, plant = FOUND[name]
    assert not with_all_jobs(seed, database).run().broken
    with plant():
        broken = with_all_jobs(seed, database).run().broken
    assert broken, f"seed {seed} does not show it any more: look for another seed"


def test_a_seed_with_jobs_can_be_played_without_a_part_of_it(database: Database) -> None:
    simulation = with_all_jobs(0, database)
    parts = simulation.workload.items()
    words = tuple(f"part:{n}" for n, item in enumerate(parts) if item.action is not None)[-1:]
    smaller = reduced(simulation, words)
    assert len(smaller.workload.items()) < len(parts)
    assert not smaller.run().broken
