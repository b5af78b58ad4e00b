"""What a scheduler says to agents about watchers, and makes of what those say, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from test_desk import Agent, Stage

from tradewind.core.dag import WatcherSpec
from tradewind.core.inputs import DagLoaded, SetPaused
from tradewind.store.specs import encode_spec
from tradewind.testing.builders import dag
from tradewind.testing.simulation.database import Database
from tradewind.wire.messages import Ack, Beat, DropTrigger, Hello, Message, RunTrigger, TriggerAnswer, WatcherFired

WATCHER = WatcherSpec(name="queue", asset="a", uri="s3://a", classpath="p.Queue", kwargs='{"n": 1}')
CONDITION = {"asset": {"name": "a", "uri": "s3://a", "group": "asset"}}


@pytest.fixture
def stage() -> Iterator[Stage]:
    database = Database()
    stage = Stage(database)
    load(stage)
    yield stage
    database.close()


def load(stage: Stage, *, watched: bool = True) -> None:
    spec = replace(dag("use", dag_id="reads", assets=CONDITION), watchers=(WATCHER,) if watched else ())
    version, encoded, number = f"v{watched}", encode_spec(spec), 1 if watched else 2
    stage.give(
        DagLoaded(
            spec=spec, version=version, encoded=encoded, digest="d", number=number, paused_at_creation=False
        )
    )  # fmt: skip


def join(stage: Stage, name: str = "one") -> Agent:
    agent = Agent(f"{name}-instance")
    stage.say(agent, Hello(role="agent", worker=name, instance=agent.own_instance, capacity=8, pid=1))
    stage.play()
    return agent


def orders(agent: Agent) -> list[RunTrigger]:
    return [message for message in agent.told if isinstance(message, RunTrigger)]


def said(agent: Agent, kind: type[Message]) -> list[Any]:
    return [message for message in agent.told if isinstance(message, kind)]


def events(stage: Stage) -> list[str]:
    with stage.scheduler.engine.connect() as connection:
        return [row[0] for row in connection.exec_driver_sql("SELECT id FROM asset_event ORDER BY number")]


def fire(stage: Stage, agent: Agent, id: str) -> None:
    watcher = next(iter(stage.scheduler.world.watchers.active), "gone")
    stage.say(agent, WatcherFired(id=id, watcher=watcher, event=b"7"))
    stage.play()


def test_the_agent_that_joins_is_told_to_run_it_for_no_task(stage: Stage) -> None:
    (order,) = orders(join(stage))
    assert (order.classpath, order.kwargs, order.keeps_on, order.task_id) == ("p.Queue", b'{"n": 1}', True, "")
    assert order.id == next(iter(stage.scheduler.world.watchers.active))


def test_what_it_says_is_acknowledged_when_it_is_stored_and_a_repeat_is_no_event(stage: Stage) -> None:
    agent = join(stage)
    stage.writer.locked = True
    fire(stage, agent, "said1")
    fire(stage, agent, "said1")
    assert said(agent, Ack) == []
    stage.writer.locked = False
    stage.scheduler.kick()
    stage.play()
    assert {id for ack in said(agent, Ack) for id in ack.attempts} == {"said1"}
    fire(stage, agent, "said1")  # the acknowledgement got lost
    fire(stage, agent, "said2")
    assert events(stage) == ["said1.0", "said2.0"]
    assert [ack.attempts for ack in said(agent, Ack)][-2:] == [["said1"], ["said2"]]


def test_a_new_scheduler_hears_the_same_event_once_and_hands_the_watcher_out_again(stage: Stage) -> None:
    agent = join(stage)
    fire(stage, agent, "said1")
    stage.restart()
    same = join(stage)
    assert len(orders(same)) == 1
    fire(stage, same, "said1")
    fire(stage, same, "said2")
    assert events(stage) == ["said1.0", "said2.0"]


def test_a_watcher_moves_on_when_its_agent_is_gone(stage: Stage) -> None:
    one, two = join(stage, "one"), join(stage, "two")
    assert (len(orders(one)), len(orders(two))) == (1, 0)
    stage.scheduler.desk.on_gone(one)
    stage.play()
    assert len(orders(two)) == 1


def test_an_agent_that_still_runs_what_another_one_has_now_is_told_to_stop_it(stage: Stage) -> None:
    one = join(stage, "one")
    (order,) = orders(one)
    two = join(stage, "two")
    stage.say(two, Beat(sent_us=0, triggers=[order.id]))
    stage.say(one, Beat(sent_us=0, triggers=[order.id]))
    assert [drop.id for drop in said(two, DropTrigger)] == [order.id]
    assert said(one, DropTrigger) == []


def test_one_that_fails_is_run_again_after_its_pause(stage: Stage) -> None:
    agent = join(stage)
    (order,) = orders(agent)
    stage.say(agent, TriggerAnswer(id=order.id, error="refused"))
    stage.play()
    assert [ack.attempts for ack in said(agent, Ack)] == [[order.id]]
    watched = stage.scheduler.world.watchers.active[order.id]
    assert (watched.failures, watched.error) == (1, "refused")
    stage.say(agent, Beat(sent_us=0))
    assert len(orders(agent)) == 1
    stage.seconds += 1
    stage.scheduler.kick()
    stage.play()
    assert len(orders(agent)) == 2


def test_the_failure_of_a_watcher_that_another_agent_runs_counts_nothing(stage: Stage) -> None:
    one, two = join(stage, "one"), join(stage, "two")
    (order,) = orders(one)
    stage.say(two, TriggerAnswer(id=order.id, error="refused"))
    stage.play()
    assert [ack.attempts for ack in said(two, Ack)] == [[order.id]]
    assert stage.scheduler.world.watchers.active[order.id].failures == 0


def test_an_order_that_got_lost_is_given_again(stage: Stage) -> None:
    agent = join(stage)
    stage.seconds += 6
    stage.say(agent, Beat(sent_us=0))
    assert len(orders(agent)) == 2


@pytest.mark.parametrize("how", ["paused", "edited"])
def test_one_that_nobody_waits_for_is_stopped_and_says_nothing_any_more(stage: Stage, how: str) -> None:
    agent = join(stage)
    (order,) = orders(agent)
    if how == "paused":
        stage.give(SetPaused(dag_id="reads", paused=True))
    else:
        load(stage, watched=False)
    assert [drop.id for drop in said(agent, DropTrigger)] == [order.id]
    stage.say(agent, WatcherFired(id="late", watcher=order.id, event=b"7"))
    stage.play()
    assert events(stage) == []
    assert said(agent, Ack)[-1].attempts == ["late"]
