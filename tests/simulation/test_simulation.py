"""The engine played on virtual time: nothing breaks, a seed says everything, and planted bugs are found."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tradewind.testing.simulation import teeth
from tradewind.testing.simulation.__main__ import main
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.faults import CLASSES, Plan, draw_plan
from tradewind.testing.simulation.players import play
from tradewind.testing.simulation.shrink import reduced, same_kind, shrink
from tradewind.testing.simulation.simulation import Result, Simulation

QUICK_SEEDS = range(50)
HEAVY_SEEDS = range(300)
COVERAGE_FLOOR = Path(__file__).with_name("coverage_floor.txt")
"""Pairs of a fault and the state of a task at that moment, as at least three of the heavy seeds have them."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


@pytest.mark.parametrize("first", range(0, len(QUICK_SEEDS), 10))
def test_nothing_breaks_in_fifty_seeds(database: Database, first: int) -> None:
    for seed in QUICK_SEEDS[first : first + 10]:
        result = Simulation(seed, database).run()
        assert not result.broken, f"{result.broken}\npython -m tradewind.testing.simulation --from {seed} --seeds 1"


@pytest.fixture(scope="module")
def many() -> list[Result]:
    """Every seed that `make simulate` plays by itself."""
    return list(play(HEAVY_SEEDS, os.cpu_count() or 1))


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_nothing_breaks_in_three_hundred_seeds(many: list[Result]) -> None:
    assert [f"{r.seed}: {r.broken}" for r in many if r.broken] == []


@pytest.mark.heavy
@pytest.mark.timeout(900)
def test_faults_still_strike_in_every_state_that_they_once_struck_in(many: list[Result]) -> None:
    """After a change that means to lose a pair, take it out of the file; new ones that come often may be added."""
    floor = {tuple(line.split(" | ")) for line in COVERAGE_FLOOR.read_text().splitlines()}
    lost = floor.difference(*(result.covered for result in many))
    assert not lost, f"no seed has these any more: {sorted(lost)}"
    assert len(floor) >= 200


def test_nothing_breaks_where_nothing_goes_wrong(database: Database) -> None:
    for seed in range(10):
        result = Simulation(seed, database, plan=Plan()).run()
        assert not result.broken, f"seed {seed}: {result.broken}"
        assert result.attempts > 0


def test_a_seed_gives_the_same_trace_in_every_interpreter() -> None:
    script = """
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Simulation
database = Database()
for seed in (1, 2, 3, 17):
    result = Simulation(seed, database).run()
    print(seed, result.played, result.trace)
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(told) == 1
    assert told.pop().count("\n") == 4


def test_every_class_of_faults_is_drawn_and_can_be_left_out() -> None:
    plans = [draw_plan(Random(f"{seed}/faults")) for seed in range(200)]
    assert {name for plan in plans for name in plan.classes()} == set(CLASSES)
    for plan in plans[:20]:
        for name in CLASSES:
            plan = plan.without(name)
        assert plan == Plan()


@pytest.mark.parametrize(
    "name", ["frees a slot twice", "starts an element before its own upstream", "forgets a finally"]
)
def test_a_planted_bug_is_found(name: str) -> None:
    found = teeth.find(name, seeds=60)
    assert found.result is not None


def test_there_are_teeth_enough() -> None:
    asked_for = {
        "skips the epoch check", "trusts what was published", "applies reports without their attempt check",
        "frees a slot twice", "swaps memory before the commit", "compares wall clocks", "retries before the kill grace",
        "forgets a finally", "expands twice",
    }  # fmt: skip
    assert len(teeth.BUGS) >= 15
    assert asked_for <= teeth.BUGS.keys()


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", list(teeth.BUGS))
def test_every_planted_bug_is_found_within_three_hundred_seeds(name: str) -> None:
    found = teeth.find(name, seeds=300)
    assert found.result is not None, f"nobody noticed that it {name}"


def test_a_failing_seed_shrinks_to_one_command_that_still_fails(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    with teeth.BUGS["expands twice"]():
        seed = next(seed for seed in range(100) if Simulation(seed, database).run().broken)
        whole = Simulation(seed, database)
        small = shrink(seed, database)
        assert len(small.workload.items()) < len(whole.workload.items())
        again = reduced(Simulation(seed, database), small.without).run()
        assert same_kind(again.broken, small.result.broken)
        words = small.command.split("simulation ", 1)[1].replace("'", "").split(" --without ")
        arguments = words[0].split() + [part for word in words[1:] for part in ("--without", word)]
        assert main(arguments) == 1
    assert small.result.broken.partition(":")[0] in capsys.readouterr().out
