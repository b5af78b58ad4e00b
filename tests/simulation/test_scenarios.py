"""What the simulation has found, each with its seed: planted again, that seed finds it; without it, the seed passes.

Those that are not among the teeth are planted here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core import plan as plan_module
from tradewind.core.inputs import TimerFired
from tradewind.scheduler import owner as owner_module
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.desk import Desk
from tradewind.scheduler.owner import Batch, Item, Owner
from tradewind.store import queries
from tradewind.testing.builders import dag
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.faults import Plan
from tradewind.testing.simulation.machine import Habits
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.teeth import BUGS
from tradewind.testing.simulation.workload import Trigger, Workload, draw_workload
from tradewind.testing.world import Play
from tradewind.worker.agent import Agent
from tradewind.worker.lease import Lease


def _forgets_open_callbacks_at_a_join() -> Any:
    real = Desk._agent_joined

    def joined(self: Any, peer: Any, holds: Any) -> None:
        with patch.object(queries, "open_callbacks", lambda connection: []):
            real(self, peer, holds)

    return patch.object(Desk, "_agent_joined", joined)


def _reads_behind_its_own_memory() -> Any:
    def begin(self: Any) -> Any:
        now = self._clock()
        inputs = [Item(TimerFired(kind=kind, subject=subject)) for kind, subject in self.world.due(now)]
        for waiting in (self._urgent, self._inbox):
            while waiting and len(inputs) < owner_module.MOST_INPUTS:
                inputs.append(waiting.popleft())
        return Batch(self._new_id(), now, inputs)

    return patch.object(Owner, "_begin", begin)


def _says_spooled_reports_once() -> Any:
    real = Agent._say_again

    def say_again(self: Any, now: float) -> None:
        with patch.dict(self.reports):
            for attempt in self.reports.keys() - self._told_at.keys():
                del self.reports[attempt]
            real(self, now)

    return patch.object(Agent, "_say_again", say_again)


def _counts_sleep_as_import() -> Any:
    return patch.object(Agent, "_awake", lambda self: self._ports.now())


def _begins_without_a_lease() -> Any:
    return patch.object(Lease, "holds", lambda self, now: True)


def _forgets_what_groups_expand_over() -> Any:
    return patch.object(plan_module, "_grows", lambda plan: {})


FOUND = {
    "a wish reads nothing that memory is ahead of": (354, _reads_behind_its_own_memory),
    "a callback whose offer got lost is offered again": (209, BUGS["forgets callbacks that got lost"]),
    "a greeting that comes twice gives nothing up": (26, BUGS["greets again on one connection"]),
    "a sensor waits as long as it said, whatever its worker's clock shows": (24, BUGS["believes a worker's clock"]),
    "a callback that a join itself brings about is carried out": (1392, _forgets_open_callbacks_at_a_join),
    "an import is not taken for hanging because its machine slept": (5403, _counts_sleep_as_import),
    "a mapped group expands also where its first task was skipped before": (10184, _forgets_what_groups_expand_over),
    "an offer that lay in a frozen agent's socket is not begun when others have it": (6847, _begins_without_a_lease),
    "a report from the spool is said again when the welcome got lost": (2501, _says_spooled_reports_once),
}  # fmt: skip


FOUND_IN_PLAIN_ONES = {2501}
"""Seeds whose workload had no deferral and no mapped group when they found something, and would have now."""

HEAVY = {"a report from the spool is said again when the welcome got lost": pytest.mark.heavy}
"""Its runs are long: half a minute."""


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


@pytest.mark.parametrize("name", [pytest.param(name, marks=HEAVY.get(name, ())) for name in FOUND])
def test_what_was_found_is_found_again_where_it_is_planted(database: Database, name: str) -> None:
    seed, plant = FOUND[name]
    workload = draw_workload(Random(f"{seed}/workload"), plain=seed in FOUND_IN_PLAIN_ONES)
    assert not Simulation(seed, database, workload=workload).run().broken
    with plant():
        broken = Simulation(seed, database, workload=workload).run().broken
    assert broken, f"seed {seed} does not show it any more: look for another seed"


# --- found by a close look, with no seed of their own --------------------------------------------------------------


def test_a_callback_whose_host_dies_before_it_began_is_carried_out_all_the_same(database: Database) -> None:
    spec = dag("a", callbacks=("on_success",))
    runs = [Trigger(at=timedelta(seconds=n), dag_id="etl", run_id=f"r{n}") for n in range(20)]
    workload = Workload(key="callbacks", trouble=0.01, dags=(spec,), actions=tuple(runs))
    simulation = Simulation(1, database, workload=workload, plan=Plan(habits=Habits(host_dies=0.2)))
    assert not simulation.run().broken
    succeeded = set(map(tuple, database.rows("SELECT dag_id, run_id FROM run WHERE state = 'success'")))
    assert len(succeeded) > 10
    assert {run for run, _, _ in simulation.ledger.called_back} == succeeded


def test_no_mail_is_sent_twice_and_few_get_lost_whatever_dies_around_them(database: Database) -> None:
    spec = dag("a; b", tasks={n: {"callbacks": ("email_on_failure", "email_on_retry"), "retries": 2} for n in "ab"})
    runs = [Trigger(at=timedelta(seconds=3 * n), dag_id="etl", run_id=f"r{n}") for n in range(20)]
    workload = Workload(key="mails", trouble=0.5, dags=(spec,), actions=tuple(runs))
    sent = asked = 0
    for seed in range(8):
        simulation = Simulation(seed, database, workload=workload)
        assert not simulation.run().broken
        asked += len({id for _, kind, id in simulation.ledger.called_back if "email" in kind})
        sent += len(simulation.ledger.mailed)
        assert database.rows("SELECT * FROM callback") == []
    assert asked > 100
    assert sent > 0.8 * asked
    forgets = patch.object(Callbacks, "begin", lambda self, peer, number, reply: reply("", None))
    with forgets:
        broken = [Simulation(seed, database, workload=workload).run().broken for seed in range(8)]
    assert any("sent twice" in str(each) for each in broken)


def test_a_sensor_that_has_looked_often_may_be_handed_back_as_any_other_task(play: Play) -> None:
    play.start(dag("sensor"))
    for _ in range(25):
        play.end("sensor", "rescheduled", reschedule_at=play.now + timedelta(seconds=1))
        play.advance(seconds=1)
    play.end("sensor", "not_started")
    assert play.state("sensor") == "queued"


def test_what_was_frozen_for_longer_than_its_lease_is_stopped_when_it_thaws(database: Database) -> None:
    assert not Simulation(2037, database).run().broken


def test_an_import_that_is_killed_with_its_workers_lease_is_begun_again(database: Database) -> None:
    assert not Simulation(22415, database).run().broken
    with BUGS["takes a killed import for a fault of the file"]():
        assert str(Simulation(22415, database).run().broken).startswith("I7: ")
