"""Runs by partitions of assets: which partition each is for, what gathers for it, and what is for none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tradewind.core.errors import InvalidInput
from tradewind.core.explain_dag import explain_dag
from tradewind.core.inputs import AssetsUpdated, AssetUpdate, PartitionsNamed, SetPaused
from tradewind.core.partition_mappers import Needed
from tradewind.core.records import DagRun
from tradewind.core.timetables.spec import PartitionSpec
from tradewind.scheduler.facts import wanted_partitions
from tradewind.testing.builders import dag, every
from tradewind.testing.world import Play

IDENTITY = {"kind": "identity"}
FIRST = datetime(2024, 1, 1, tzinfo=UTC)


def asset(name: str) -> dict[str, Any]:
    return {"asset": {"name": name, "uri": f"s3://{name}", "group": "asset"}}


A, B = asset("a"), asset("b")
BOTH = {"all": [A, B]}


def start_of(unit: str, written: str, read: str = "%Y-%m-%dT%H:%M:%S") -> dict[str, Any]:
    formats = {"input_format": read, "output_format": written}
    return {"kind": "start_of", "unit": unit, "timezone": "UTC", **formats}


DAY = start_of("day", "%Y-%m-%d")
DAILY = {"kind": "rollup", "upstream": DAY, "window": {"kind": "day", "backward": False}}
WEEK = start_of("week", "%Y-%m-%d")
SPREAD = {"kind": "fan_out", "upstream": WEEK, "window": {"kind": "week", "backward": False}, "downstream": DAY}


def partitions(default: dict[str, Any] = IDENTITY, **of: dict[str, Any]) -> dict[str, Any]:
    return {"default": default, "mappers": [[asset(name), mapper] for name, mapper in of.items()], "most": 1000}


def consumer(condition: Any = A, mappers: Any = None, dag_id: str = "reads", **given: Any) -> Any:
    return dag("use", dag_id=dag_id, assets=condition, partitions=mappers or partitions(), **given)


def produce(play: Play, name: str, *keys: str | None, run: DagRun | None = None) -> None:
    """A run of `writes` updates these partitions of an asset."""
    run = run or play.start("writes")
    updates = tuple(AssetUpdate(name=name, uri=f"s3://{name}", partition_key=key) for key in keys)
    play.succeed("make", run=run, asset_events=updates)


def made(play: Play, dag_id: str = "reads") -> list[tuple[str | None, list[int]]]:
    """Partition and events of each run of the Dag."""
    runs = [run for run in play.runs.values() if run.dag_id == dag_id]
    return [(run.partition_key, sorted(n for r, n in play.asset_runs if r == run.number)) for run in runs]


def run_for(play: Play, key: str) -> DagRun:
    return next(run for run in play.runs.values() if run.partition_key == key)


def noted(play: Play, name: str = "partition.unfit") -> list[str]:
    return [record.reason for record in play.records if record.name == name]


@pytest.fixture
def play(play: Play) -> Play:
    play.load(dag("make", dag_id="writes"))
    return play


def test_each_partition_gets_a_run_of_its_own_in_the_same_turn(play: Play) -> None:
    play.load(consumer())
    produce(play, "a", "us", "eu")
    produce(play, "a", "us")
    assert made(play) == [("us", [1]), ("eu", [2]), ("us", [3])]
    run = run_for(play, "eu")
    assert (run.run_type, run.triggered_by, run.logical_date, run.partition_date) == (
        "asset_triggered", "asset", None, None,
    )  # fmt: skip
    assert play.partition_queue == set()


def test_a_partition_waits_until_each_asset_has_it(play: Play) -> None:
    play.load(consumer(BOTH, partitions(DAY)))
    produce(play, "a", "2024-03-13T01:00:00", "2024-03-14T01:00:00")
    assert play.partition_queue == {("reads", "2024-03-13", 1), ("reads", "2024-03-14", 2)}
    produce(play, "b", "2024-03-14T07:00:00")
    assert made(play) == [("2024-03-14", [2, 3])]
    assert run_for(play, "2024-03-14").partition_date == datetime(2024, 3, 14, tzinfo=UTC)
    produce(play, "a", "2024-03-13T02:00:00")
    produce(play, "b", "2024-03-13T23:59:59")
    assert made(play)[1:] == [("2024-03-13", [1, 4, 5])]


def test_a_rollup_runs_when_every_hour_of_the_day_has_come(play: Play) -> None:
    play.load(consumer(A, partitions(DAILY)))
    for hour in range(23):
        produce(play, "a", f"2024-03-13T{hour:02}:00:00")
        produce(play, "a", f"2024-03-13T{hour:02}:00:00")  # again counts once
    produce(play, "a", "2024-03-13T12:30:00")  # of that day, and no member of the window
    assert made(play) == []
    (reason,) = explain_dag(play.world, "reads")
    assert reason.sentence == "It waits for: 2024-03-13: a (23 of 24)."
    produce(play, "a", "2024-03-13T23:00:00")
    assert made(play) == [("2024-03-13", list(range(1, 49)))]
    assert play.partition_queue == set()


def test_a_coarse_partition_is_spread_over_runs_for_its_members(play: Play) -> None:
    play.load(consumer(A, partitions(SPREAD), max_active_runs=3))
    produce(play, "a", "2024-03-13T00:00:00")
    assert [key for key, _ in made(play)] == ["2024-03-11", "2024-03-12", "2024-03-13"]
    assert len(play.partition_queue) == 4
    for key in ("2024-03-11", "2024-03-12", "2024-03-13"):
        play.succeed("use", run=run_for(play, key))
        play.advance(seconds=0)
    assert [key for key, _ in made(play)] == [f"2024-03-{day}" for day in range(11, 17)]
    assert all(numbers == [1] for _, numbers in made(play))


def test_a_mapper_may_be_given_for_one_asset(play: Play) -> None:
    play.load(consumer(BOTH, partitions(a=DAY)))
    produce(play, "a", "2024-03-13T01:00:00")
    produce(play, "b", "2024-03-13")
    assert made(play) == [("2024-03-13", [1, 2])]


def test_the_partition_of_a_run_is_that_of_what_it_updates_unless_the_task_says_otherwise(play: Play) -> None:
    hourly = replace(every(hours=1), partition=PartitionSpec(key_format="%Y-%m-%dT%H:%M:%S"))
    play.load(dag("make", dag_id="writes", timetable=hourly, start_date=FIRST, catchup=True))
    play.load(consumer())
    play.advance(hours=1)
    run = next(run for run in play.runs.values() if run.dag_id == "writes")
    assert run.partition_key == run.run_after.strftime("%Y-%m-%dT%H:%M:%S")
    produce(play, "a", None, "other", run=run)
    assert [key for key, _ in made(play)] == [run.partition_key, "other"]
    assert [run_for(play, key).partition_date for key in (run.partition_key, "other")] == [run.run_after, None]


def test_dates_that_disagree_are_none(play: Play) -> None:
    play.load(consumer(BOTH, partitions(a=DAY, b={**DAY, "timezone": "Asia/Seoul"})))
    produce(play, "a", "2024-03-13T01:00:00")
    produce(play, "b", "2024-03-13T01:00:00")
    assert run_for(play, "2024-03-13").partition_date is None


def test_an_update_without_a_partition_is_for_none_and_is_noted(play: Play) -> None:
    play.load(consumer())
    produce(play, "a", None)
    assert made(play) == []
    assert noted(play) == ["a was updated without a partition key."]


def test_a_key_that_the_mapper_cannot_read_is_for_none_and_is_noted(play: Play) -> None:
    play.load(consumer(A, partitions(DAY)))
    play.load(consumer(A, dag_id="others"))
    produce(play, "a", "nonsense")
    assert made(play) == []
    assert [key for key, _ in made(play, "others")] == ["nonsense"]
    (reason,) = noted(play)
    assert reason.startswith("partition 'nonsense' of a is for none of the Dag's: 'nonsense' is no moment")


@pytest.mark.parametrize("where", ["mapper", "dag"])
def test_no_event_is_for_more_partitions_than_allowed(play: Play, where: str) -> None:
    mappers = partitions({**SPREAD, "most": 6}) if where == "mapper" else {**partitions(SPREAD), "most": 6}
    play.load(consumer(A, mappers))
    produce(play, "a", "2024-03-13T00:00:00")
    assert made(play) == []
    assert noted(play)[0].endswith("it is for 7 partitions, which is more than the 6 allowed.")


def test_the_update_of_a_partition_is_none_of_the_whole_asset(play: Play) -> None:
    play.load(dag("use", dag_id="reads", assets=A))
    produce(play, "a", "us")
    assert made(play) == []
    produce(play, "a", None)
    assert made(play) == [(None, [2])]


def test_mappers_that_never_meet_wait_for_ever_and_say_so(play: Play) -> None:
    play.load(consumer(BOTH, partitions(a=DAY, b=start_of("year", "%Y"))))
    produce(play, "a", "2024-03-13T01:00:00")
    produce(play, "b", "2024-03-13T01:00:00")
    assert made(play) == []
    (reason,) = explain_dag(play.world, "reads")
    assert reason.sentence == (
        "It waits for: 2024-03-13: a (has come), b (has not come); 2024: a (has not come), b (has come)."
    )


def test_a_paused_dag_hears_nothing_and_keeps_what_has_gathered(play: Play) -> None:
    play.load(consumer(BOTH))
    produce(play, "a", "us")
    play.pause("reads")
    produce(play, "b", "us")
    play.unpause("reads")
    play.advance(seconds=0)
    assert made(play) == []
    produce(play, "b", "us")
    assert made(play) == [("us", [1, 3])]


def test_a_dag_whose_limit_is_used_up_makes_the_runs_of_complete_partitions_later(play: Play) -> None:
    play.load(consumer(max_active_runs=1))
    produce(play, "a", "us", "eu", "us")
    assert made(play) == [("us", [1, 3])]
    play.succeed("use", run=run_for(play, "us"))
    play.advance(seconds=0)
    assert made(play) == [("us", [1, 3]), ("eu", [2])]


def test_what_gathered_by_other_mappers_is_dropped_and_that_is_noted(play: Play) -> None:
    play.load(consumer(BOTH, partitions(DAY)))
    produce(play, "a", "2024-03-13T01:00:00")
    play.load(consumer(BOTH, partitions(DAY), description="an edit that changes no mapper"))
    assert len(play.partition_queue) == 1
    play.load(consumer(BOTH, partitions(start_of("hour", "%Y-%m-%dT%H"))))
    assert play.partition_queue == set()
    assert noted(play, "partition.dropped") == ["the Dag's partition mappers have changed"]


def test_a_condition_that_is_met_by_what_gathered_already_makes_the_run(play: Play) -> None:
    play.load(consumer(BOTH))
    produce(play, "a", "us")
    play.load(consumer({"any": [A, B]}))
    play.advance(seconds=0)
    assert made(play) == [("us", [1])]


def test_a_dag_that_begins_or_ends_to_have_partitions_keeps_nothing_that_means_something_else(play: Play) -> None:
    play.load(dag("use", dag_id="reads", assets=BOTH))
    produce(play, "a", None)
    play.load(consumer(BOTH))
    assert play.asset_queue == set()
    produce(play, "a", "us")
    play.load(dag("use", dag_id="reads", assets=BOTH))
    assert play.partition_queue == set()


def test_a_person_may_ask_for_a_partition_and_report_one(play: Play) -> None:
    play.load(consumer(A, partitions(DAY)))
    asked = play.start("reads", partition_key="2024-03-13")
    assert (asked.partition_key, asked.partition_date) == ("2024-03-13", datetime(2024, 3, 13, tzinfo=UTC))
    update = AssetUpdate(name="a", partition_key="2024-03-14T00:00:00")
    play.give(AssetsUpdated(id="mine", updates=(update,), actor="ann"))
    assert made(play)[1:] == [("2024-03-14", [1])]


@pytest.mark.parametrize(
    ("mappers", "key", "problem"),
    [
        (partitions(DAY), "yesterday", "does not fit Dag 'reads'"),
        (partitions(DAY), " ", "1 to 250 characters"),
        (None, "us", "has no partitions"),
    ],
)
def test_a_partition_that_the_dag_cannot_have_is_refused(play: Play, mappers: Any, key: str, problem: str) -> None:
    play.load(consumer(A, mappers) if mappers else dag("use", dag_id="reads"))
    with pytest.raises(InvalidInput, match=problem):
        play.start("reads", partition_key=key)


def test_a_run_whose_partition_is_named_at_runtime_takes_any_key(play: Play) -> None:
    play.load(dag("use", dag_id="reads", timetable=replace(every(hours=1), partitioned_at_runtime=True)))
    run = play.start("reads", partition_key="us")
    assert (run.partition_key, run.partition_date) == ("us", None)


def test_one_event_costs_one_look_however_many_partitions_wait(play: Play) -> None:
    play.load(consumer(BOTH))
    for number in range(40):
        produce(play, "a", f"p{number}")
    assert play.world.assets.partitions["reads"].due == {}
    produce(play, "b", "p7")
    assert [key for key, _ in made(play)] == ["p7"]


# --- mappers of an author's own ---

CODE = {"kind": "custom", "name": "Own"}


def by_code(**given: Any) -> Any:
    return consumer(mappers=partitions(CODE), **given)


def name(play: Play, *said: PartitionsNamed) -> None:
    """The file was parsed, and the code of its mapper asked."""
    play.load(play.world.plans["reads"].spec, partitions=said)
    play.advance(seconds=0)


def test_an_event_waits_until_the_code_of_the_mapper_has_named_its_partitions(play: Play) -> None:
    play.load(by_code())
    produce(play, "a", "x", "y")
    assert play.asked_for_partitions == ["reads"] * 2
    assert wanted_partitions(play.world, ["reads", "other"]) == {
        "reads": [[1, "a", "s3://a", "x"], [2, "a", "s3://a", "y"]]
    }  # fmt: skip
    assert {row[1] for row in play.partition_queue} == {""}
    (reason,) = explain_dag(play.world, "reads")
    assert "the code of its partition mapper, to name the partitions of 2 events" in reason.sentence
    name(play, PartitionsNamed(event=1, keys=("east", "west")), PartitionsNamed(event=2, keys=("west",)))
    assert made(play) == [("east", [1]), ("west", [1, 2])]
    assert play.partition_queue == set()
    assert explain_dag(play.world, "reads")[0].sentence.startswith("It waits for: a partition of a")


def test_named_partitions_gather_as_any_other(play: Play) -> None:
    play.load(by_code(condition=BOTH))
    produce(play, "a", "x")
    name(play, PartitionsNamed(event=1, keys=("east",)))
    assert (made(play), play.partition_queue) == ([], {("reads", "east", 1)})
    produce(play, "b", "y")
    name(play, PartitionsNamed(event=2, keys=("east",)))
    assert made(play) == [("east", [1, 2])]


def test_code_is_asked_again_for_what_came_meanwhile_but_not_when_it_has_said_nothing(play: Play) -> None:
    play.load(by_code())
    produce(play, "a", "x", "y")
    asked = len(play.asked_for_partitions)
    name(play)
    assert len(play.asked_for_partitions) == asked
    name(play, PartitionsNamed(event=1, keys=("east",)))
    assert len(play.asked_for_partitions) == asked + 1
    name(play, PartitionsNamed(event=1, keys=("again",)), PartitionsNamed(event=99, keys=("odd",)))
    assert made(play) == [("east", [1])]
    assert play.partition_queue == {("reads", "", 2)}


def test_an_event_that_code_cannot_place_makes_no_run_and_is_in_the_event_log(play: Play) -> None:
    play.load(consumer(mappers={**partitions({**CODE, "most": 1})}))
    produce(play, "a", "x", "y")
    name(play, PartitionsNamed(event=1, error="ValueError: no"), PartitionsNamed(event=2, keys=("p", "q")))
    assert (made(play), play.partition_queue) == ([], set())
    said = [record.reason for record in play.records if record.name == "partition.unfit"]
    assert "partition 'x' of a is for none of the Dag's: ValueError: no." in said
    assert any("it is for 2 partitions, which is more than the 1 allowed" in text for text in said)


def test_what_was_named_while_the_dag_is_paused_waits(play: Play) -> None:
    play.load(by_code())
    produce(play, "a", "x")
    play.give(SetPaused(dag_id="reads", paused=True))
    name(play, PartitionsNamed(event=1, keys=("east",)))
    assert made(play) == []
    play.unpause("reads")
    play.advance(seconds=0)
    assert made(play) == [("east", [1])]


def test_a_dag_of_which_the_mapper_is_no_code_any_more_drops_what_waited_for_it(play: Play) -> None:
    play.load(by_code())
    produce(play, "a", "x")
    play.load(consumer())
    assert play.partition_queue == set()


# --- rollups over code of an author's own ---

GATHERS = {"kind": "custom", "name": "Own", "waits": True}
TWO = Needed(frozenset({"x", "y"}), 2)


def say(event: int, *keys: str, needed: Needed = TWO, of: str = "") -> PartitionsNamed:
    """What the code says of an event; `of` where it is asked again of what that partition is made."""
    return PartitionsNamed(event=event, keys=keys, needs=dict.fromkeys(keys or (of,), needed))


def gathering(**given: Any) -> Any:
    return consumer(mappers=partitions(GATHERS), **given)


def test_a_rollup_over_code_runs_when_all_has_come_of_what_the_code_says(play: Play) -> None:
    play.load(gathering())
    produce(play, "a", "x")
    name(play, say(1, "east"))
    assert (made(play), play.partition_queue) == ([], {("reads", "east", 1)})
    (reason,) = explain_dag(play.world, "reads")
    assert reason.sentence == "It waits for: east: a (1 of 2)."
    produce(play, "a", "x", "y")  # that of before counts once
    name(play, say(2, "east"))
    assert made(play) == []
    name(play, say(3, "east"))
    assert made(play) == [("east", [1, 2, 3])]
    assert "reads" not in play.world.assets.partitions


def test_as_many_as_the_policy_wants_are_enough(play: Play) -> None:
    play.load(gathering())
    produce(play, "a", "y")
    name(play, say(1, "east", needed=Needed(frozenset({"x", "y", "z"}), 1)))
    assert made(play) == [("east", [1])]


def test_a_partition_of_which_nothing_is_known_any_more_waits_until_its_code_is_asked(play: Play) -> None:
    play.load(gathering())
    produce(play, "a", "x", "y")
    name(play, say(1, "east"))
    queue = play.world.assets.partitions["reads"]
    queue.heard.clear()  # as after a restart: it is stored nowhere
    name(play, PartitionsNamed(event=2, keys=("east",)))
    assert made(play) == []
    assert "east: a (2 have come)" in explain_dag(play.world, "reads")[0].sentence
    asked = wanted_partitions(play.world, ["reads"])["reads"]
    assert asked == [[2, "a", "s3://a", "y", "east"]]
    name(play, say(2, of="east"))
    assert made(play) == [("east", [1, 2])]


def test_what_the_code_says_anew_counts_and_nobody_asks_for_ever(play: Play) -> None:
    play.load(gathering())
    produce(play, "a", "x", "z")
    name(play, say(1, "east"), say(2, "west"))
    asked = len(play.asked_for_partitions)
    for least in (5, 6, 7):  # it says something else each time
        name(play, say(1, of="east", needed=Needed(frozenset({"x"}), least)), PartitionsNamed(event=2, error="no"))
    assert (len(play.asked_for_partitions), made(play)) == (asked, [])
    name(play, say(1, of="east", needed=Needed(frozenset({"x"}), 1)), say(99, of="east"), say(1, of="nowhere"))
    assert made(play) == [("east", [1])]


def test_the_code_is_asked_on_while_it_gets_further(play: Play) -> None:
    play.load(gathering())
    produce(play, "a", "x", "z")
    name(play, say(1, "east"), say(2, "west"))
    play.world.assets.partitions["reads"].heard.clear()
    asked = len(play.asked_for_partitions)
    name(play, say(1, of="east"))
    assert len(play.asked_for_partitions) == asked + 1  # for `west`
    name(play, say(2, of="west"))
    assert len(play.asked_for_partitions) == asked + 1


def test_what_a_mapper_without_patience_is_said_to_need_does_not_count(play: Play) -> None:
    play.load(by_code())
    produce(play, "a", "x")
    name(play, say(1, "east"))
    assert made(play) == [("east", [1])]
