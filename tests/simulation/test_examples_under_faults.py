"""The Dags of the examples in the simulation: each thing that a schedule can say is played under faults.

What their tasks do is drawn, as for all workloads; how their runs end is worked out by the reference model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.core.dag import DagSpec
from tradewind.testing import DagBag
from tradewind.testing.builders import NEVER
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.workload import Trigger, Workload

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / "dags" / "examples").glob("*.py"), *(ROOT / "examples").rglob("*.py")])
SEEDS = range(3)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


def specs_in(file: Path) -> list[DagSpec]:
    bag = DagBag(file.parent, files=[file.name])
    assert not bag.import_errors
    return [each.spec for each in bag.bagged.values()]


def knows(spec: DagSpec) -> bool:
    """Whether the reference model knows how long everything is that tasks expand over."""
    lengths = [length for each in spec.tasks.values() if each.map for _, length in each.map.inputs]
    return all(length.kind in ("literal", "xcom") for length in lengths)


def by_hand(spec: DagSpec) -> DagSpec:
    """The Dag without its schedule, and so without runs that are made up for. Assets of the simulation have names and
    books of their own, which drawn workloads have."""
    tasks = {
        name: replace(each, extra={key: value for key, value in each.extra.items() if key != "outlets"})
        for name, each in spec.tasks.items()
    }
    return replace(spec, timetable=NEVER, catchup=False, assets={}, partitions={}, watchers=(), tasks=tasks)


def play(seed: int, specs: list[DagSpec], database: Database) -> Any:
    pools = sorted({each.pool for spec in specs for each in spec.tasks.values()} - {"default_pool"})
    runs = tuple(
        Trigger(at=timedelta(seconds=0.7 * n), dag_id=spec.dag_id, run_id=f"r{n}") for spec in specs for n in range(2)
    )
    workload = Workload(
        key=f"example {seed}", trouble=0.3, dags=tuple(specs), pools=tuple((name, 2) for name in pools), actions=runs
    )  # fmt: skip
    return Simulation(seed, database, workload=workload).run()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_an_example_goes_through_faults_as_the_reference_model_says(file: Path, database: Database) -> None:
    specs = [by_hand(spec) for spec in specs_in(file) if knows(spec)]
    assert specs or file.stem == "mapping_spellings"
    for seed in SEEDS if specs else ():
        result = play(seed, specs, database)
        assert not result.broken, f"seed {seed}: {result.broken}"
        assert result.attempts
