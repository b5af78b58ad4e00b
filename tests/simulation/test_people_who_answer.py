"""Tasks that ask people, under the simulation's faults: every question has one answer, and every run its end."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core import questions
from tradewind.store import loader
from tradewind.testing.builders import dag, expand
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.workload import Clear, Mark, Trigger, Workload

ASKS = {"operator": "HITLOperator", "extra": {"mode": "ask"}}
SEEDS = range(12)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


def asking(seed: int, database: Database) -> Simulation:
    """Two Dags whose tasks ask up to three times a try, some of them often; a clear and a mark in the middle."""
    first = dag(
        "start >> [ask, m] >> end", dag_id="d0", retries=2, retry_delay_seconds=0.5,
        tasks={"ask": ASKS, "m": {**ASKS, "map": expand(x=3), "max_active_tis_per_dag": 2}, "end": ASKS},
    )  # fmt: skip
    second = dag("a >> b", dag_id="d1", max_active_runs=1, tasks={"a": ASKS, "b": ASKS})
    runs = [Trigger(at=timedelta(seconds=n), dag_id=f"d{n % 2}", run_id=f"r{n}") for n in range(8)]
    touched = [
        Clear(at=timedelta(seconds=9), dag_id="d0", run_id="r0", tasks=("ask", "m"), downstream=True),
        Mark(at=timedelta(seconds=10), dag_id="d1", run_id="r1", state="success", task_id="a"),
    ]
    workload = Workload(key=f"asks {seed}", trouble=0.2, dags=(first, second), actions=(*runs, *touched))
    return Simulation(seed, database, workload=workload)


def test_every_question_has_one_answer_whatever_breaks(database: Database) -> None:
    by_people = by_default = unanswered = 0
    for seed in SEEDS:
        simulation = asking(seed, database)
        result = simulation.run()
        assert not result.broken, f"seed {seed}: {result.broken}"
        for answered_at, answered_by in database.rows("SELECT answered_at, answered_by FROM question"):
            by_people += answered_by is not None
            by_default += answered_at is not None and answered_by is None
            unanswered += answered_at is None
    assert min(by_people, by_default) > 50
    assert unanswered  # those that a clear, a mark or a lost worker took from their tasks


def _forgets_deadlines() -> Any:
    def forget(world: Any, now: Any) -> None:
        real(world, now)
        world.timers[:] = [each for each in world.timers if each[2] != "question"]
        world.timers.sort()

    real = loader._set_timers
    return patch.object(loader, "_set_timers", forget)


def _takes_the_default_over_an_answer() -> Any:
    real = questions._asked

    def asked(turn: Any, key: Any) -> Any:
        found = real(turn, key)
        held = turn.world.deferrals.get(key)
        if found is None and held is not None and held.question is not None and held.question.answered_at is not None:
            turn.do(questions.PutQuestion(held.question._replace(chosen=("no",), answered_by=None)))
        return found

    return patch.object(questions, "_asked", asked)


@pytest.mark.parametrize(
    "plant", [_forgets_deadlines, _takes_the_default_over_an_answer], ids=lambda plant: plant.__name__.strip("_")
)
def test_planted_bugs_are_found(database: Database, plant: Any) -> None:
    with plant():
        assert any(asking(seed, database).run().broken for seed in SEEDS)
