"""The reference model of assets against known answers, and against the scheduler's core hearing the same."""

from __future__ import annotations

import ast
import inspect
from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tradewind.core.dag import DagSpec
from tradewind.core.inputs import AssetsUpdated, AssetUpdate
from tradewind.testing.builders import dag
from tradewind.testing.simulation import asset_reference
from tradewind.testing.simulation.asset_parts import PARTITIONS, UNFIT, WHOLE, asset, family_of, uri_of
from tradewind.testing.simulation.asset_reference import (
    Consumer,
    Event,
    Rules,
    Unlawful,
    choices,
    has_enough,
    is_complete,
    leaves,
    mapped,
    partitions_for,
)
from tradewind.testing.simulation.asset_workload import ALIASES, MAPPERS, with_assets
from tradewind.testing.simulation.workload import Workload
from tradewind.testing.world import Play

A, B, C = asset("a"), asset("b"), asset("c")
AL = {"alias": {"name": "al"}}
EITHER_WAY = {"any": [{"all": [A, B, C]}, {"all": [AL, C]}]}
IDENTITY, ALLOWED, EVERYWHERE, TWO_OF_THEM = MAPPERS["word"]
_, QUARTER, QUARTERLY, SPREAD, SPREAD_OVER_TWO, SPREAD_AND_BACK = MAPPERS["month"]
DAY, _, MONTH_OF_AN_HOUR = MAPPERS["hour"][1:]
PAIR, _, ALL_PAIRS = MAPPERS["pair"][1:]


def events(text: str) -> list[Event]:
    """`a b+al` is an update of a, and one of b through the alias."""
    found = []
    for number, word in enumerate(text.split(), 1):
        name, _, alias = word.partition("+")
        found.append(Event(number, name, uri_of(name), frozenset([alias] if alias else [])))
    return found


def rules(condition: Any = A, policy: str = "coalesce", most_runs: int = 16, **partitions: Any) -> Rules:
    return Rules(condition, policy, {"mappers": [], "most": 1000, **partitions} if partitions else {}, most_runs)


@pytest.mark.parametrize(
    ("condition", "policy", "waiting", "permitted"),
    [
        (A, "coalesce", "b", []),
        (A, "coalesce", "a a", [({1, 2}, {1, 2})]),
        ({"all": [A, B]}, "coalesce", "a a", []),
        ({"all": [A, B]}, "coalesce", "a a b", [({1, 2, 3}, {1, 2, 3})]),
        ({"all": []}, "coalesce", "a", []),
        ({"any": [A, B]}, "latest", "a a b", [({2, 3}, {1, 2, 3})]),
        ({"asset_ref": {"uri": "s3://a"}}, "latest", "a a", [({2}, {1, 2})]),
        (A, "each", "a a", [({1}, {1})]),
        ({"any": [{"all": [A, B]}, C]}, "each", "a a c b", [({3}, {3})]),
        ({"all": [A, B]}, "each", "a a b b", [({1, 3}, {1, 3})]),
        ({"all": [AL, A]}, "each", "a a+al", [({2}, {2})]),
        ({"all": [AL, A]}, "each", "a b+al a+al", [({1, 2}, {1, 2})]),
        (EITHER_WAY, "each", "a b b+al c", [({3, 4}, {3, 4}), ({1, 2, 4}, {1, 2, 4})]),
    ],
)  # fmt: skip
def test_a_policy_says_what_the_next_run_takes(condition: Any, policy: str, waiting: str, permitted: Any) -> None:
    found = choices(rules(condition, policy), events(waiting))
    assert sorted(map(sorted, (seen for seen, _ in found))) == sorted(map(sorted, (seen for seen, _ in permitted)))
    assert all(choice in permitted for choice in found)


@pytest.mark.parametrize(
    ("mapper", "key", "expected"),
    [
        (IDENTITY, "us", ["us"]),
        (ALLOWED, "us", ["us"]),
        (ALLOWED, "eu", []),
        (EVERYWHERE, "eu", ["everywhere"]),
        (QUARTER, "2024-04", ["2024-Q2"]),
        (QUARTER, "none of these", []),
        (QUARTERLY, "2024-03", ["2024-Q1"]),
        (SPREAD, "2024-02", ["2024-01", "2024-02", "2024-03"]),
        (DAY, "2024-03-13T02", ["2024-03-13"]),
        (MONTH_OF_AN_HOUR, "2024-03-13T02", ["2024-03"]),
        (MONTH_OF_AN_HOUR, "2024-03-13", []),
        (SPREAD_AND_BACK, "2024-05", ["2024-Q2", "2024-Q2", "2024-Q2"]),
        (PAIR, "us|2024-02", ["us|2024-Q1"]),
        (PAIR, "asia|2024-02", []),
        (PAIR, "us", []),
        (ALL_PAIRS, "eu|2024-04", ["all pairs"]),
    ],
)
def test_a_mapper_says_which_partitions_an_update_is_for(mapper: Any, key: str, expected: list[str]) -> None:
    assert list(mapped(mapper, key)) == expected


def test_an_update_is_for_none_where_it_has_no_partition_or_would_have_too_many() -> None:
    for mapper, most, expected in ((SPREAD, 1000, 3), (SPREAD, 2, 0), (SPREAD_OVER_TWO, 1000, 0), (IDENTITY, 2, 1)):
        given = {"default": mapper, "mappers": [], "most": most}
        assert len(partitions_for(given, Event(1, "month0", "", partition="2024-01"))) == expected
        assert partitions_for(given, Event(1, "month0", "")) == []


def test_members_of_a_period_count_once_each() -> None:
    assert not has_enough(EVERYWHERE, "everywhere", {"us", "eu", "mars"})
    assert has_enough(EVERYWHERE, "everywhere", {"us", "eu", "asia"})
    assert has_enough(TWO_OF_THEM, "everywhere", {"us", "asia"})
    assert not has_enough(QUARTERLY, "2024-Q1", {"2024-01", "2024-02", "2024-04"})
    assert has_enough(QUARTERLY, "2024-Q1", {"2024-01", "2024-02", "2024-03"})
    twice = [Event(n, "word0", uri_of("word0"), partition=key) for n, key in enumerate(["us", "eu", "us"])]
    assert not is_complete(rules(asset("word0"), default=EVERYWHERE), "everywhere", twice)


def hearing(given: Rules, text: str) -> Consumer:
    consumer = Consumer(given)
    for event in events(text):
        consumer.hear(event)
    return consumer


def test_a_run_must_take_what_it_has_to_take_and_no_run_may_be_made_otherwise() -> None:
    consumer = hearing(rules({"all": [A, B]}, most_runs=1), "a c b")
    for wrong in ({1}, {1, 2, 3}, set()):
        with pytest.raises(Unlawful, match="while"):
            consumer.take("r", wrong, None)
    assert consumer.is_due()
    consumer.take("r", {1, 3}, None)
    assert not consumer.waiting
    consumer.open.add("r")
    for event in events("a b"):
        consumer.hear(event)
    assert not consumer.is_due()
    with pytest.raises(Unlawful, match="beside 1 others"):
        consumer.take("s", {1, 2}, None)


def test_a_paused_dag_hears_nothing_and_makes_no_run() -> None:
    consumer = hearing(rules(), "a")
    consumer.is_paused = True
    assert not consumer.is_due()
    assert not consumer.hear(Event(9, "a", uri_of("a")))
    with pytest.raises(Unlawful, match="paused"):
        consumer.take("r", {1}, None)


def test_a_changed_dag_keeps_what_it_still_asks_for() -> None:
    consumer = hearing(rules({"all": [A, B, C]}), "a b")
    consumer.change(rules({"all": [B, C]}))
    assert [e.name for e in consumer.waiting] == ["b"]
    consumer.change(rules({"all": [B, C]}, default=IDENTITY))
    assert consumer.waiting == []
    consumer.hear(Event(3, "b", uri_of("b"), partition="us"))
    consumer.change(rules(B, default=IDENTITY))
    assert consumer.is_due()
    consumer.change(rules(B, default=EVERYWHERE))
    assert not consumer.gathered


# --- beside the core ---------------------------------------------------------------------------------------------


class Listener:
    """Tells the model what the core says that happened, and compares what waits."""

    def __init__(self, play: Play) -> None:
        self.play, self.read, self.runs = play, 0, 0
        self.model: dict[str, Consumer] = {}

    def follow(self) -> None:
        play = self.play
        for record in play.records[self.read :]:
            match record.name:
                case "dag.version":
                    self.changed(play.world.plans[record.dag_id].spec)
                case "dag.paused" | "dag.unpaused":
                    self.model[record.dag_id].is_paused = record.name == "dag.paused"
                case "asset.updated":
                    said = play.asset_events[record.body["number"]]
                    event = Event(said.number, said.name, said.uri, frozenset(said.aliases), said.partition_key)
                    for consumer in self.model.values():
                        consumer.hear(event)
                case "run.created" if record.reason == "asset":
                    run = next(r for r in play.runs.values() if r.run_id == record.run_id)
                    numbers = {event for made, event in play.asset_runs if made == run.number}
                    self.model[record.dag_id].take(record.run_id, numbers, run.partition_key)
                    self.model[record.dag_id].open.add(record.run_id)
                case "run.moved" if record.after in ("success", "failed"):
                    self.model[record.dag_id].open.discard(record.run_id)
        self.read = len(play.records)
        waits = {(d, e.number) for d, c in self.model.items() for e in c.waiting}
        gathered = {
            (d, key, e.number) for d, c in self.model.items() for key, found in c.gathered.items() for e in found
        }
        assert (waits, gathered) == (play.asset_queue, play.partition_queue)

    def changed(self, spec: DagSpec) -> None:
        rules = Rules(spec.assets, spec.asset_policy, spec.partitions, spec.max_active_runs)
        if spec.dag_id in self.model:
            self.model[spec.dag_id].change(rules)
        else:
            self.model[spec.dag_id] = Consumer(rules)


def drawn_consumers(rng: Random) -> list[DagSpec]:
    drawn = with_assets(Workload(key="k", trouble=0.1, dags=(dag("t0", dag_id="d0"),)), rng, chance=1.0)
    return [replace(s, timetable=dag("x").timetable, start_date=None, end_date=None) for s in drawn.dags if s.assets]


def some_update(rng: Random, model: dict[str, Consumer]) -> AssetUpdate:
    """Of what somebody waits for, if anybody does for an asset of its own; now and then of anything."""
    leaf = rng.choice([leaf for consumer in model.values() for leaf in leaves(consumer.rules.condition)])
    anything = [*WHOLE, *(f"{family}{n}" for family in PARTITIONS for n in (0, 1))]
    name = leaf["asset"]["name"] if "asset" in leaf and rng.random() < 0.8 else rng.choice(anything)
    family = family_of(name)
    key = rng.choice([*PARTITIONS[family], *PARTITIONS[family], *UNFIT]) if family else None
    aliases = () if family else tuple(alias for alias in ALIASES if rng.random() < 0.3)
    return AssetUpdate(name=name, uri=uri_of(name), aliases=aliases, partition_key=key)


@pytest.mark.parametrize("seeds", [range(n, n + 10) for n in range(0, 60, 10)], ids=str)
def test_core_and_model_agree_about_what_is_updated_in_any_order(seeds: range) -> None:
    assert sum(map(runs_after_many_updates, seeds)) > 20


def runs_after_many_updates(seed: int) -> int:
    """Consuming Dags hear of updates, are paused and changed; how many runs were made."""
    rng = Random(seed)
    play = Play(check=False)
    listener = Listener(play)
    specs = drawn_consumers(rng)
    for spec in specs:
        play.load(spec)
    listener.follow()
    for step in range(60):
        spec = play.world.plans[rng.choice(specs).dag_id].spec
        open_runs = [live.run for live in play.world.runs.values() if live.run.dag_id == spec.dag_id]
        match rng.choice(["update", "update", "update", "end", "end", "pause", "edit"]):
            case "update":
                updates = tuple(some_update(rng, listener.model) for _ in range(rng.choice([1, 1, 3])))
                play.give(AssetsUpdated(id=f"{seed}.{step}", updates=updates, actor="ann"))
            case "end" if open_runs:
                play.mark_run("success", run=open_runs[0])
            case "pause" if rng.random() < 0.4:
                play.unpause(spec.dag_id) if listener.model[spec.dag_id].is_paused else play.pause(spec.dag_id)
            case "edit" if rng.random() < 0.4:
                other = rng.choice(drawn_consumers(rng))
                changes = {name: getattr(other, name) for name in ("assets", "asset_policy", "partitions")}
                play.load(replace(spec, **changes, description=f"edit {step}"))
        listener.follow()
        play.advance(seconds=0)
        listener.follow()
        assert not [dag_id for dag_id, consumer in listener.model.items() if consumer.is_due()]
    return len({run for run, _ in play.asset_runs})


def test_the_model_is_small_and_decides_without_the_core() -> None:
    """At most 200 lines of code, and nothing of the core."""
    tree = ast.parse(inspect.getsource(asset_reference))
    nodes = list(ast.walk(tree))
    texts = {id(n.value) for n in nodes if isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant)}
    told = [n for n in nodes if isinstance(n, ast.expr | ast.stmt | ast.arg) and id(n) not in texts]
    told = [n for n in told if not (isinstance(n, ast.Expr) and id(n.value) in texts)]
    assert len({line for n in told for line in (n.lineno, n.end_lineno)}) <= 200
    imported = {n.module or "" for n in nodes if isinstance(n, ast.ImportFrom)}
    assert not {name for name in imported if name.startswith("tradewind.")}
