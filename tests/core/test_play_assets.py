"""Runs that assets start: which events they take, what waits meanwhile, and what is no event at all."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.core.explain_dag import explain_dag
from tradewind.core.inputs import AssetsUpdated, AssetUpdate
from tradewind.core.records import DagRun
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.world import Play


def asset(name: str) -> dict[str, Any]:
    return {"asset": {"name": name, "uri": f"s3://{name}", "group": "asset"}}


def update(name: str, **said: Any) -> AssetUpdate:
    return AssetUpdate(name=name, uri=f"s3://{name}", **said)


A, B, C = asset("a"), asset("b"), asset("c")


def consumer(condition: Any, dag_id: str = "reads", **given: Any) -> Any:
    return dag("use", dag_id=dag_id, assets=condition, **given)


def produce(play: Play, *names: str, **report: Any) -> None:
    """A run of `writes` updates these assets."""
    run = play.start("writes")
    play.succeed("make", run=run, asset_events=tuple(map(update, names)), **report)


def runs(play: Play, dag_id: str = "reads") -> list[DagRun]:
    return [run for run in play.runs.values() if run.dag_id == dag_id]


def taken(play: Play, run: DagRun) -> list[str]:
    """What the run was made for, in order."""
    return [play.asset_events[number].name for made, number in sorted(play.asset_runs) if made == run.number]


@pytest.fixture
def play(play: Play) -> Play:
    play.load(dag("make", dag_id="writes", retries=1, retry_delay_seconds=60))
    return play


def test_an_update_makes_a_run_of_whoever_waits_for_it_in_the_same_turn(play: Play) -> None:
    play.load(consumer(A))
    play.load(consumer(B, "other"))
    produce(play, "a")
    (run,) = runs(play)
    assert (run.run_type, run.triggered_by, run.logical_date, run.run_after) == (
        "asset_triggered", "asset", None, play.now,
    )  # fmt: skip
    assert run.run_id.startswith(f"asset_triggered__{play.now.isoformat()}_")
    assert play.state("use", run=run) == "queued"
    assert taken(play, run) == ["a"]
    assert runs(play, "other") == []
    assert play.asset_queue == set()


@pytest.mark.parametrize(
    ("condition", "updates", "expected"),
    [
        ({"all": [A, B]}, "ab", [["a", "b"]]),
        ({"all": [A, B]}, "aab", [["a", "a", "b"]]),
        ({"any": [A, B]}, "ab", [["a"], ["b"]]),
        ({"any": [{"all": [A, B]}, C]}, "ac", [["a", "c"]]),
        ({"all": [A, {"any": [B, C]}]}, "bc", []),
        ({"all": [A, {"any": [B, C]}]}, "bca", [["b", "c", "a"]]),
        ({"asset_ref": {"name": "a"}}, "ab", [["a"]]),
        ({"asset_ref": {"uri": "s3://b"}}, "ab", [["b"]]),
        ({"all": []}, "a", []),
        ({"nonsense": 3}, "a", []),
    ],
)
def test_a_condition_says_which_updates_are_enough(
    play: Play, condition: Any, updates: str, expected: list[list[str]]
) -> None:
    play.load(consumer(condition))
    for name in updates:
        produce(play, name)
    assert [taken(play, run) for run in runs(play)] == expected


def test_what_one_attempt_updated_is_taken_together(play: Play) -> None:
    play.load(consumer({"any": [A, B]}))
    produce(play, "a", "b")
    assert [taken(play, run) for run in runs(play)] == [["a", "b"]]


def test_an_alias_is_met_by_what_came_through_it(play: Play) -> None:
    play.load(consumer({"alias": {"name": "any"}}))
    produce(play, "a")
    assert runs(play) == []
    run = play.start("writes")
    play.succeed("make", run=run, asset_events=(update("a", aliases=("any", "more")),))
    assert [taken(play, run) for run in runs(play)] == [["a"]]


def test_a_reference_among_the_outlets_is_the_asset_that_the_dags_know(play: Play) -> None:
    play.load(consumer(A))
    run = play.start("writes")
    play.succeed(
        "make", run=run, asset_events=(AssetUpdate(name="a"), AssetUpdate(uri="s3://a"), AssetUpdate(name="x"))
    )
    assert [(e.name, e.uri) for e in play.asset_events.values()] == [("a", "s3://a"), ("a", "s3://a"), ("x", "x")]
    assert [taken(play, run) for run in runs(play)] == [["a", "a"]]


def test_only_the_successful_attempt_counts(play: Play) -> None:
    play.load(consumer(A))
    run = play.start("writes")
    play.fail("make", run=run, asset_events=(update("b"),))
    assert play.asset_events == {}
    play.advance(seconds=60)
    first = play.attempt("make", run=run)
    play.succeed("make", run=run, asset_events=(update("a"),))
    play.report(first, "success", asset_events=(update("a"),))  # again: it is not current any more
    assert [(e.name, e.id) for e in play.asset_events.values()] == [("a", f"{first.id}.0")]
    assert len(runs(play)) == 1


@pytest.mark.parametrize("outcome", ["failed_for_good", "skipped", "lost", "not_started"])
def test_what_did_not_succeed_updates_nothing(play: Play, outcome: str) -> None:
    run = play.start("writes")
    play.end("make", outcome, run=run, asset_events=(update("a"),))
    assert play.asset_events == {}


def test_a_task_that_was_cleared_or_marked_while_it_ran_updates_nothing(play: Play) -> None:
    run = play.start("writes")
    attempt = play.begin("make", run=run)
    play.clear(run=run)
    play.report(attempt, "success", asset_events=(update("a"),))
    again = play.begin("make", run=run)
    play.mark("make", "failed", run=run)
    play.report(again, "success", asset_events=(update("a"),))
    assert play.asset_events == {}


def test_a_producer_that_runs_again_updates_again(play: Play) -> None:
    play.load(consumer(A))
    produce(play, "a")
    play.clear(run=runs(play, "writes")[0])
    play.succeed("make", run=runs(play, "writes")[0], asset_events=(update("a"),))
    assert [taken(play, run) for run in runs(play)] == [["a"], ["a"]]


def test_each_instance_of_a_mapped_task_updates(play: Play) -> None:
    play.load(consumer(A, max_active_runs=1))
    run = play.start(dag("make", dag_id="mapped", tasks={"make": {"map": expand(x=3)}}))
    for index in (2, 0, 1):
        play.succeed("make", index, run=run, asset_events=(update("a"),))
    assert [e.map_index for e in play.asset_events.values()] == [2, 0, 1]
    assert len(runs(play)) == 1


def test_while_the_dag_may_have_no_further_run_events_gather_for_the_next_one(play: Play) -> None:
    play.load(consumer(A, max_active_runs=1))
    for _ in range(4):
        produce(play, "a")
    (first,) = runs(play)
    assert (len(taken(play, first)), len(play.asset_queue)) == (1, 3)
    play.succeed("use", run=first)
    play.advance(seconds=0)
    assert [len(taken(play, run)) for run in runs(play)] == [1, 3]
    assert play.asset_queue == set()


def test_a_run_for_each_event_if_the_dag_says_so(play: Play) -> None:
    play.load(consumer(A, max_active_runs=2, asset_policy="each"))
    for _ in range(3):
        produce(play, "a")
    assert [taken(play, run) for run in runs(play)] == [["a"], ["a"]]
    play.succeed("use", run=runs(play)[0])
    play.advance(seconds=0)
    assert [sorted(n for r, n in play.asset_runs if r == run.number) for run in runs(play)] == [[1], [2], [3]]


def test_each_joins_the_oldest_of_what_it_needs_and_leaves_the_rest(play: Play) -> None:
    play.load(consumer({"any": [{"all": [A, B]}, C]}, asset_policy="each"))
    for name in "aacb":
        produce(play, name)
    assert [taken(play, run) for run in runs(play)] == [["c"], ["a", "b"]]
    assert {play.asset_events[n].name for _, n in play.asset_queue} == {"a"}


def test_the_latest_stands_for_all_before_it_if_the_dag_says_so(play: Play) -> None:
    play.load(consumer({"all": [A, B]}, asset_policy="latest"))
    for name in "aaab":
        produce(play, name)
    assert sorted(number for _, number in play.asset_runs) == [3, 4]
    assert play.asset_queue == set()


def test_a_paused_dag_hears_nothing_and_takes_later_what_waited_before(play: Play) -> None:
    play.load(consumer({"all": [A, B]}))
    produce(play, "a")
    play.pause("reads")
    produce(play, "b")
    play.unpause("reads")
    play.advance(seconds=0)
    assert runs(play) == []
    produce(play, "b")
    assert [taken(play, run) for run in runs(play)] == [["a", "b"]]


def test_a_dag_that_may_have_a_run_when_it_is_unpaused_gets_it(play: Play) -> None:
    play.load(consumer(A, max_active_runs=1))
    produce(play, "a")
    produce(play, "a")
    play.pause("reads")
    play.mark_run("success", run=runs(play)[0])
    play.advance(seconds=0)
    assert len(runs(play)) == 1
    play.unpause("reads")
    play.advance(seconds=0)
    assert [taken(play, run) for run in runs(play)] == [["a"], ["a"]]


def test_a_changed_condition_keeps_what_it_names(play: Play) -> None:
    play.load(consumer({"all": [A, B, C]}))
    produce(play, "a")
    produce(play, "b")
    play.load(consumer({"all": [B, C]}))
    assert {play.asset_events[n].name for _, n in play.asset_queue} == {"b"}
    play.load(consumer(B))
    play.advance(seconds=0)
    assert [taken(play, run) for run in runs(play)] == [["b"]]
    play.load(consumer({}))
    produce(play, "b")
    assert len(runs(play)) == 1


def test_assets_and_a_timetable_both_make_runs(play: Play) -> None:
    play.load(consumer(A, timetable=every(hours=1)))
    produce(play, "a")
    play.advance(hours=1)
    assert {run.run_type for run in runs(play)} == {"asset_triggered", "scheduled"}


def test_code_of_airflow_2_gets_the_time_of_the_event_as_its_logical_date(play: Play) -> None:
    play.load(consumer(A, generation=2))
    produce(play, "a")
    produce(play, "a")  # in the same moment
    dates = [run.logical_date for run in runs(play)]
    assert dates == [event.at for event in play.asset_events.values()]
    assert len(set(dates)) == 2
    assert [run.data_interval_end for run in runs(play)] == dates


def test_a_person_may_say_that_an_asset_was_updated(play: Play) -> None:
    play.load(consumer(A))
    events = play.give(AssetsUpdated(id="mine", updates=(AssetUpdate(name="a", extra=b'{"x": 1}'),), actor="ann"))
    assert [(e.id, e.uri, e.actor) for e in events] == [("mine.0", "s3://a", "ann")]
    assert len(runs(play)) == 1


def test_what_is_not_updated_yet_has_a_sentence(play: Play) -> None:
    play.load(consumer({"all": [A, B]}))
    assert explain_dag(play.world, "writes") == []
    produce(play, "a")
    (reason,) = explain_dag(play.world, "reads")
    assert reason.code == "assets"
    assert reason.sentence == (
        "It waits for: a (updated 2024-01-01 00:00:00 UTC), b (not since the last run)."
    )  # fmt: skip
    play.pause("reads")
    assert [reason.code for reason in explain_dag(play.world, "reads")] == ["paused", "assets"]


def test_an_event_costs_nothing_of_dags_that_do_not_wait_for_it(play: Play) -> None:
    for number in range(50):
        play.load(consumer(asset(f"x{number}"), f"d{number}"))
    produce(play, "x7")
    assert [run.dag_id for run in play.runs.values() if run.dag_id != "writes"] == ["d7"]
    assert set(play.world.assets.queues) == set()


def test_each_joins_no_events_that_are_not_enough_together(play: Play) -> None:
    """The oldest update of an asset may have come without the alias that a newer one of the same asset came through."""
    play.load(consumer({"all": [{"alias": {"name": "any"}}, {"any": [A, B]}]}, asset_policy="each"))
    produce(play, "a")
    run = play.start("writes")
    play.succeed("make", run=run, asset_events=(update("a", aliases=("any",)),))
    assert sorted(play.asset_runs) == [(runs(play)[0].number, 2)]
    run = play.start("writes")
    play.succeed("make", run=run, asset_events=(update("c", aliases=("any",)),))
    assert [sorted(n for r, n in play.asset_runs if r == run.number) for run in runs(play)] == [[2], [1, 3]]
    assert play.asset_queue == set()


def test_a_name_stands_for_the_asset_that_the_dags_know_now(play: Play) -> None:
    """Not for one that an edit has dropped: after a restart nobody would know that one either."""
    play.load(consumer(A))
    play.load(consumer({"any": [A, B]}, "other"))
    play.load(consumer(C))
    for name in "abc":
        play.give(AssetsUpdated(id=f"said {name}", updates=(AssetUpdate(name=name),), actor="ann"))
    play.load(consumer(B, "other"))
    play.give(AssetsUpdated(id="said again", updates=(AssetUpdate(name="a"), AssetUpdate(uri="s3://a")), actor="ann"))
    known = [(event.name, event.uri) for event in play.asset_events.values()]
    assert known[:3] == [("a", "s3://a"), ("b", "s3://b"), ("c", "s3://c")]
    assert known[3:] == [("a", "a"), ("s3://a", "s3://a")]
    assert play.world.assets.names == {("b", "s3://b"), ("c", "s3://c")}
    assert (play.world.assets.known("a", ""), play.world.assets.known("", "s3://b")) == (None, ("b", "s3://b"))
