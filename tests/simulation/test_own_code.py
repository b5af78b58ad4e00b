"""Code of authors' own in the simulation: timetables, partition mappers and watchers, and bugs planted about them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest

from tradewind.core.timetables import next_run
from tradewind.testing.builders import dag, every
from tradewind.testing.simulation.asset_reference import Consumer, Event, Rules
from tradewind.testing.simulation.asset_workload import with_assets
from tradewind.testing.simulation.code_host import Asked
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.own_code import WATCHING, has_watchers, with_code
from tradewind.testing.simulation.simulation import Simulation
from tradewind.testing.simulation.teeth import BUGS
from tradewind.testing.simulation.teeth_of_code import BUGS_OF_CODE
from tradewind.testing.simulation.workload import BEGIN, PERIOD, Workload, draw_workload
from tradewind.testing.world import Play


def with_own_code(seed: int) -> Workload:
    """The workload of a seed with assets and with code wherever it has a place."""
    assets = with_assets(draw_workload(Random(f"{seed}/workload")), Random(f"{seed}/assets"), chance=1.0)
    return with_code(assets, Random(f"{seed}/code"), chance=1.0)


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    made = Database()
    yield made
    made.close()


def test_watchers_say_things_and_each_is_an_event_once(database: Database) -> None:
    said = stored = 0
    for seed in range(12):
        workload = with_own_code(seed)
        if not has_watchers(workload):
            continue
        simulation = Simulation(seed, database, workload=workload)
        assert not simulation.run().broken
        assert simulation.watchers is not None
        said += len(simulation.watchers._said)
        stored += len({one for one, _ in simulation.watchers._stored})
        assert simulation.timeline.now > WATCHING / timedelta(microseconds=1)
    assert said >= stored > 50


def test_a_custom_timetable_makes_the_runs_of_the_one_in_its_place(database: Database) -> None:
    played = 0
    for seed in range(30):
        workload = with_own_code(seed)
        if not any(spec.timetable.kind == "custom" for spec in workload.dags):
            continue
        assert not Simulation(seed, database, workload=workload).run().broken
        played += 1
        if played == 3:
            return
    pytest.fail("no seed has a custom timetable")


def test_the_code_host_names_a_few_runs_and_says_when_there_are_no_more() -> None:
    limits = {"catchup": True, "start_date": BEGIN, "end_date": BEGIN + PERIOD}
    spec = dag("a", dag_id="d0", timetable=every(minutes=5), **limits)
    own = replace(spec, timetable=replace(spec.timetable, kind="custom"))
    play = Play()
    play.load(own)
    due = next_run(spec.timetable, None, spec.restriction(), BEGIN)
    answers = [Asked(play.world, "d0").runs(own, Random(seed), BEGIN) for seed in range(9)]
    assert {(len(said.runs), said.is_all) for said in answers if said} == {(1, False), (2, False), (2, True)}
    assert {said.runs[0] for said in answers if said} == {due}


def test_an_event_that_waits_for_code_is_for_no_partition_yet() -> None:
    mapper = {"kind": "custom", "name": "Own", "waits": False, "like": {"kind": "fixed", "key": "all"}}
    leaf = {"asset": {"name": "word0", "uri": "s3://word0"}}
    consumer = Consumer(Rules(leaf, "coalesce", {"default": mapper, "mappers": [], "most": 1000}, 1))
    assert not consumer.hear(Event(1, "word0", "s3://word0", partition="us"))
    assert not consumer.is_due()
    consumer.name({1})
    assert consumer.gathered == {"all": [Event(1, "word0", "s3://word0", partition="us")]}
    assert consumer.is_due()


def test_there_are_teeth_about_code() -> None:
    assert BUGS_OF_CODE.keys() <= BUGS.keys()


PLANTED = {
    "asks a timetable only once": 7,
    "leaves out runs that code named late": 0,
    "keeps a named event among the unnamed": 0,
    "acknowledges news before it commits": 8,
    "forgets watchers at a restart": 5,
    "watches for paused Dags": 4,
    "does not start a watcher again": 5,
}
"""Teeth, and a seed that finds each."""


@pytest.mark.parametrize("name", PLANTED)
def test_a_bug_that_is_planted_is_found_by_its_seed(database: Database, name: str) -> None:
    seed = PLANTED[name]
    with BUGS[name]():
        assert Simulation(seed, database, workload=with_own_code(seed)).run().broken
