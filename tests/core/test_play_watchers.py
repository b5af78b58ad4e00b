"""Watchers of assets: when their triggers run, what their events make, and what a failure leads to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tradewind.core.dag import WatcherSpec
from tradewind.core.explain_dag import explain_dag
from tradewind.core.ids import watcher_id
from tradewind.core.inputs import DagGone, WatcherFailed, WatcherFired
from tradewind.core.records import DagRun
from tradewind.testing.builders import dag
from tradewind.testing.world import Play

PATH = "provider.triggers.QueueTrigger"


def asset(name: str) -> dict[str, Any]:
    return {"asset": {"name": name, "uri": f"s3://{name}", "group": "asset"}}


def watcher(asset: str = "a", kwargs: str = "{}", name: str = "queue") -> WatcherSpec:
    return WatcherSpec(name=name, asset=asset, uri=f"s3://{asset}", classpath=PATH, kwargs=kwargs)


QUEUE = watcher_id(PATH, "{}")
A, B = asset("a"), asset("b")


def consumer(condition: Any = A, dag_id: str = "reads", *watchers: WatcherSpec, **given: Any) -> Any:
    return dag("use", dag_id=dag_id, assets=condition, watchers=watchers or (watcher(),), **given)


def fires(play: Play, number: int = 1, payload: Any = None, id: str = QUEUE) -> None:
    play.give(WatcherFired(watcher=id, id=f"said{number}", event=json.dumps(payload).encode()))


def fails(play: Play, error: str = "ConnectionError: refused", id: str = QUEUE) -> None:
    play.give(WatcherFailed(id=id, error=error))


def runs(play: Play, dag_id: str = "reads") -> list[DagRun]:
    return [run for run in play.runs.values() if run.dag_id == dag_id]


def test_it_runs_while_a_dag_that_is_not_paused_waits_for_its_asset(play: Play) -> None:
    play.load(consumer(), paused=True)
    assert play.watching == {}
    play.unpause("reads")
    assert [watched.classpath for watched in play.watching.values()] == [PATH]
    play.pause("reads")
    assert play.watching == {}
    assert play.watchers == {}
    play.unpause("reads")
    play.give(DagGone(dag_id="reads"))
    assert play.watching == {}
    play.load(consumer())
    assert list(play.watching) == [QUEUE]


def test_each_event_is_an_asset_event_and_it_goes_on(play: Play) -> None:
    play.load(consumer())
    for number in range(3):
        fires(play, number, {"file": number})
    assert list(play.watching) == [QUEUE]
    events = list(play.asset_events.values())
    assert [json.loads(event.extra) for event in events] == [
        {"from_trigger": True, "payload": {"file": number}} for number in range(3)
    ]
    assert [(event.id, event.name, event.uri, event.actor, event.dag_id) for event in events][:1] == [
        ("said0.0", "a", "s3://a", "watcher QueueTrigger", "")
    ]
    assert len(runs(play)) == 3
    assert runs(play)[0].run_type == "asset_triggered"


def test_what_it_said_comes_into_the_ledger_once(play: Play) -> None:
    """The scheduler asks the ledger before it hands the same event in again; that there are no two, the ledger sees."""
    play.load(consumer())
    fires(play, 1)
    with pytest.raises(AssertionError, match="came twice"):
        fires(play, 1)


def test_dags_that_name_the_same_watcher_share_one_trigger(play: Play) -> None:
    play.load(consumer())
    play.load(consumer(A, "also"))
    assert list(play.watching) == [QUEUE]
    fires(play)
    assert len(play.asset_events) == len(runs(play)) == len(runs(play, "also")) == 1
    play.pause("reads")
    assert list(play.watching) == [QUEUE]
    play.pause("also")
    assert play.watching == {}


def test_one_trigger_may_watch_several_assets_as_long_as_each_is_waited_for(play: Play) -> None:
    play.load(consumer())
    play.load(consumer(B, "other", watcher("b", name="another name")))
    (watched,) = play.world.watchers.active.values()
    assert [name for name, _, _ in watched.assets] == ["a", "b"]
    fires(play)
    assert [event.name for event in play.asset_events.values()] == ["a", "b"]
    play.pause("other")
    fires(play, 2)
    assert [event.name for event in play.asset_events.values()] == ["a", "b", "a"]


def test_other_arguments_are_another_trigger_and_an_edit_replaces_it(play: Play) -> None:
    play.load(consumer())
    play.load(consumer(A, "reads", watcher(kwargs='{"queue": "x"}')))
    assert list(play.watching) == [watcher_id(PATH, '{"queue": "x"}')]
    play.load(dag("use", dag_id="reads", assets=A))
    assert play.watching == {}


def test_a_watcher_may_be_declared_where_the_asset_is_made_and_waited_for_elsewhere(play: Play) -> None:
    play.load(dag("make", dag_id="writes", watchers=(watcher(),)))
    assert play.watching == {}
    play.load(dag("use", dag_id="by_name", assets={"asset_ref": {"name": "a"}}))
    assert list(play.watching) == [QUEUE]
    play.pause("writes")
    assert list(play.watching) == [QUEUE]
    play.load(dag("use", dag_id="by_name", assets=B))
    assert play.watching == {}


def test_one_that_fails_starts_again_after_pauses_that_grow_and_says_why(play: Play) -> None:
    play.load(consumer(A, "reads", watcher(), watcher(kwargs="[]", name="other")))
    pauses = []
    for _ in range(13):
        fails(play)
        assert QUEUE not in play.watching
        assert len(play.watching) == 1  # the other is not disturbed
        retry_at = play.world.watchers.active[QUEUE].retry_at
        assert retry_at is not None
        pauses.append((retry_at - play.now).total_seconds())
        play.advance(seconds=pauses[-1])
        assert QUEUE in play.watching
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]
    assert [record.reason for record in play.records if record.name == "watcher.failed"] == [
        "ConnectionError: refused"
    ] * 13
    fails(play)
    waits, why = explain_dag(play.world, "reads")
    assert (waits.code, why.code) == ("assets", "watcher")
    assert why.sentence.startswith(
        "The watcher QueueTrigger of a has failed 14 times in a row (ConnectionError: refused); it starts again at "
    )


def test_an_event_ends_the_count_of_failures(play: Play) -> None:
    play.load(consumer())
    for _ in range(4):
        fails(play)
        play.advance(seconds=10)
    fires(play)
    watched = play.world.watchers.active[QUEUE]
    assert (watched.failures, watched.error) == (0, "")
    fails(play, "it came to its end")
    play.advance(seconds=1)
    assert list(play.watching) == [QUEUE]


def test_a_failure_that_is_told_twice_counts_once(play: Play) -> None:
    play.load(consumer())
    fails(play)
    fails(play)
    assert play.world.watchers.active[QUEUE].failures == 1


def test_what_nobody_waits_for_any_more_is_noted_and_makes_nothing(play: Play) -> None:
    play.load(consumer())
    play.pause("reads")
    fires(play)
    fails(play)
    assert play.asset_events == {}
    assert [record.name for record in play.records if record.name.startswith("watcher")] == ["watcher.stale_event"]


def test_one_that_pauses_after_a_failure_may_be_given_up_and_begun_anew(play: Play) -> None:
    play.load(consumer())
    fails(play)
    play.pause("reads")
    play.advance(seconds=5)
    assert play.watching == {}
    play.unpause("reads")
    assert play.world.watchers.active[QUEUE].failures == 0
    assert list(play.watching) == [QUEUE]


def test_a_change_of_one_dag_costs_nothing_of_other_watchers(play: Play) -> None:
    for number in range(20):
        play.load(consumer(asset(f"x{number}"), f"d{number}", watcher(f"x{number}", kwargs=f"[{number}]")))
    before = dict(play.watching)
    play.load(consumer())
    assert play.world.watchers.touched_by(consumer()) == {QUEUE: None}
    assert play.watching.items() - before.items() == {(QUEUE, play.watching[QUEUE])}
