"""What the simulation has found, each with its seed: planted again, that seed finds it; without it, the seed passes.

Those that no seed below 300 finds are planted here; the others are among the teeth.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core.inputs import WorkerJoined
from tradewind.scheduler import owner as owner_module
from tradewind.scheduler.desk import Desk
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store import queries
from tradewind.testing.builders import dag
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.faults import Plan
from tradewind.testing.simulation.machine import Habits
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.teeth import BUGS
from tradewind.testing.simulation.workload import Trigger, Workload
from tradewind.testing.world import Play
from tradewind.worker.agent import Agent


def _forgets_open_callbacks_at_a_join() -> Any:
    real = Desk._agent_joined

    def joined(self: Any, peer: Any) -> None:
        with patch.object(queries, "open_callbacks", lambda connection: []):
            real(self, peer)

    return patch.object(Desk, "_agent_joined", joined)


def _knows_an_instance_before_it_has_decided() -> Any:
    real = Scheduler.submit

    def submit(self: Any, event: Any, reply: Any = None, also: Any = None, *, urgent: bool = False) -> None:
        if isinstance(event, WorkerJoined):
            real(self, owner_module.Rows(also(None)))
            also = None
        real(self, event, reply, also, urgent=urgent)

    return patch.object(Scheduler, "submit", submit)


def _says_spooled_reports_once() -> Any:
    real = Agent._say_again

    def say_again(self: Any, now: float) -> None:
        with patch.dict(self.reports):
            for attempt in self.reports.keys() - self._told_at.keys():
                del self.reports[attempt]
            real(self, now)

    return patch.object(Agent, "_say_again", say_again)


def _knows_an_instance_early_and_says_spooled_reports_once() -> Any:
    """As it was when the seed showed the former."""
    stack = ExitStack()
    stack.enter_context(_knows_an_instance_before_it_has_decided())
    stack.enter_context(_says_spooled_reports_once())
    return stack


FOUND = {
    "a callback whose offer got lost is offered again": (209, BUGS["forgets callbacks that got lost"]),
    "a greeting that comes twice gives nothing up": (79, BUGS["greets again on one connection"]),
    "a sensor waits as long as it said, whatever its worker's clock shows": (15, BUGS["believes a worker's clock"]),
    "a callback that a join itself brings about is carried out": (1392, _forgets_open_callbacks_at_a_join),
    "an instance is known only with what was decided about its predecessor": (
        1528, _knows_an_instance_early_and_says_spooled_reports_once,
    ),
    "a report from the spool is said again when the welcome got lost": (1303, _says_spooled_reports_once),
}  # fmt: skip


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


@pytest.mark.parametrize("name", FOUND)
def test_what_was_found_is_found_again_where_it_is_planted(database: Database, name: str) -> None:
    seed, plant = FOUND[name]
    assert not Simulation(seed, database).run().broken
    with plant():
        assert Simulation(seed, database).run().broken, f"seed {seed} does not show it any more: look for another seed"


# --- found, and still open -----------------------------------------------------------------------------------------


@pytest.mark.xfail(strict=True, reason="what an agent hands back unstarted is acknowledged, and its callback forgotten")
def test_a_callback_whose_host_dies_before_it_began_is_carried_out_all_the_same(database: Database) -> None:
    spec = dag("a", callbacks=("on_success",))
    runs = [Trigger(at=timedelta(seconds=n), dag_id="etl", run_id=f"r{n}") for n in range(20)]
    workload = Workload(key="callbacks", trouble=0.01, dags=(spec,), actions=tuple(runs))
    simulation = Simulation(1, database, workload=workload, plan=Plan(habits=Habits(host_dies=0.2)))
    assert not simulation.run().broken
    assert {run for run, _, _ in simulation.ledger.called_back} == {("etl", run.run_id) for run in runs}


@pytest.mark.xfail(strict=True, reason="looks of a sensor and attempts that were handed back are counted as one number")
def test_a_sensor_that_has_looked_often_may_be_handed_back_as_any_other_task(play: Play) -> None:
    play.start(dag("sensor"))
    for _ in range(25):
        play.end("sensor", "rescheduled", reschedule_at=play.now + timedelta(seconds=1))
        play.advance(seconds=1)
    play.end("sensor", "not_started")
    assert play.state("sensor") == "queued"


@pytest.mark.xfail(strict=True, reason="an agent does not stop what it runs when its own lease is over")
def test_what_was_frozen_for_longer_than_its_lease_is_stopped_when_it_thaws(database: Database) -> None:
    assert not Simulation(2037, database).run().broken
