"""Callbacks between the scheduler and its agents, message by message: who is told, and what is begun once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from test_desk import Agent, Stage

from tradewind.core.dag import DeadlineSpec
from tradewind.core.inputs import AttemptFinished, CreateRun, DagLoaded, WorkerExpired
from tradewind.core.states import RunType
from tradewind.store.specs import encode_spec
from tradewind.store.times import to_us
from tradewind.testing.builders import dag
from tradewind.testing.simulation.database import Database
from tradewind.wire.messages import Ack, Beat, Finished, Hello, Offer, Parsed, Request, Response


@pytest.fixture
def stage() -> Iterator[Stage]:
    database = Database()
    yield Stage(database)
    database.close()


def mail(stage: Stage, agent: Agent) -> Offer:
    """A task has failed, and this agent is told to send the mail about it."""
    spec = dag("a", dag_id="mails", tasks={"a": {"callbacks": ("email_on_failure",), "retries": 0}})
    stage.give(DagLoaded(spec=spec, version="m", encoded=encode_spec(spec), digest="d", paused_at_creation=False))
    stage.give(CreateRun(dag_id="mails", run_type=RunType.MANUAL))
    (attempt,) = stage.scheduler.world.attempts
    stage.give(AttemptFinished(attempt=attempt, outcome="failed", error="why", end_date=stage.now()))
    (offer,) = [offer for offer in agent.offers() if offer.callback]
    return offer


def greet(stage: Stage, agent: Agent, worker: str = "local", running: tuple[str, ...] = ()) -> None:
    message = Hello(role="agent", worker=worker, instance=agent.own_instance, capacity=8, pid=1, running=list(running))
    stage.say(agent, message)
    stage.play()


def begin(stage: Stage, agent: Agent, number: str, id: int = 7) -> Any:
    stage.say(agent, Request(id=id, method="callback.begin", attempt=number))
    stage.play()
    answers = [message for message in agent.told if isinstance(message, Response) and message.id == id]
    return answers[-1] if answers else None


def rows(stage: Stage) -> list[tuple[Any, ...]]:
    with stage.scheduler.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT id, state, worker FROM callback")]


def offers(agent: Agent, number: str) -> int:
    return sum(offer.attempt == number for offer in agent.offers())


def test_a_mail_carries_what_its_text_needs(stage: Stage) -> None:
    agent = Agent("one")
    greet(stage, agent)
    offer = mail(stage, agent)
    assert (offer.callback, offer.reason, offer.task_id) == ("task:email_on_failure", "why", "a")
    assert (offer.try_number, offer.max_tries) == (1, 0)


def test_only_the_first_who_asks_may_begin_and_hears_so_after_the_commit(stage: Stage) -> None:
    agent = Agent("one")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    stage.writer.locked = True
    assert begin(stage, agent, number, 1) is None
    assert begin(stage, agent, number, 2).value == "it was begun before, and is not done twice"
    stage.writer.locked = False
    stage.scheduler.kick()
    stage.play()
    assert [message.value for message in agent.told if isinstance(message, Response) and message.id == 1] == [""]
    assert rows(stage) == [(number, "begun", "local")]
    assert begin(stage, agent, "nothing like it").value != ""


def test_what_has_begun_and_is_lost_is_over(stage: Stage) -> None:
    agent, next_life = Agent("one"), Agent("two")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    begin(stage, agent, number)
    stage.scheduler.desk.on_gone(agent)
    greet(stage, next_life)
    assert offers(next_life, number) == 0
    assert rows(stage) == []


def test_what_has_begun_goes_on_with_an_agent_that_comes_back_with_it(stage: Stage) -> None:
    agent, again = Agent("one"), Agent("one")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    begin(stage, agent, number)
    stage.scheduler.desk.on_gone(agent)
    greet(stage, again, running=(number,))
    assert rows(stage) == [(number, "begun", "local")]
    assert begin(stage, again, number).value != ""
    stage.say(again, Beat(sent_us=0, holds=[number]))
    assert offers(again, number) == 0
    stage.say(again, Finished(attempt=number, outcome="success"))
    stage.play()
    assert rows(stage) == []
    assert Ack(attempts=[number]) in again.told


def test_what_has_begun_and_is_said_to_be_lost_is_not_started_again(stage: Stage) -> None:
    agent = Agent("one")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    begin(stage, agent, number)
    stage.say(agent, Finished(attempt=number, outcome="lost"))
    stage.play()
    assert offers(agent, number) == 1
    assert rows(stage) == []


def test_what_never_began_is_started_again(stage: Stage) -> None:
    agent = Agent("one")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    stage.say(agent, Finished(attempt=number, outcome="not_started"))
    stage.play()
    assert Ack(attempts=[number]) in agent.told
    stage.say(agent, Beat(sent_us=0))
    assert offers(agent, number) == 1, "whatever kept it from being done may still be so"
    stage.seconds += 6
    stage.say(agent, Beat(sent_us=0))
    assert offers(agent, number) == 2
    assert begin(stage, agent, number).value == ""


def test_another_agent_carries_out_what_one_had_that_does_not_come_back(stage: Stage) -> None:
    agent, other = Agent("one"), Agent("two")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    greet(stage, other, worker="elsewhere")
    stage.scheduler.desk.on_gone(agent)
    stage.play()
    assert offers(other, number) == 0
    for second in range(1, 20):
        stage.seconds = second
        stage.scheduler.desk.expire(stage.uptime())
        stage.play()
    assert stage.fenced == ["local"]
    assert offers(other, number) == 1
    stage.say(other, Finished(attempt=number, outcome="success"))
    stage.play()
    assert rows(stage) == []


def test_a_report_that_comes_before_its_agent_is_known_ends_the_callback(stage: Stage) -> None:
    agent, again = Agent("one"), Agent("one")
    greet(stage, agent)
    number = mail(stage, agent).attempt
    stage.scheduler.desk.on_gone(agent)
    stage.give(WorkerExpired(name="local", epoch=0))
    stage.say(again, Hello(role="agent", worker="local", instance="one", capacity=8, pid=1, running=[number]))
    stage.say(again, Finished(attempt=number, outcome="success"))
    stage.play()
    assert rows(stage) == []
    assert offers(again, number) == 0


def test_a_dag_that_begins_to_look_at_its_past_runs_is_told_how_long_they_took(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent = Agent("one")
    greet(stage, agent)
    for seconds in (60, 120):
        stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
        stage.seconds += seconds
        (attempt,) = stage.scheduler.world.attempts
        stage.give(AttemptFinished(attempt=attempt, outcome="success", end_date=stage.now()))
    assert stage.scheduler.world.runtimes == {}
    late = DeadlineSpec(reference="average_runtime", interval_seconds=1, max_runs=10, min_runs=1)
    spec = dag("a", retries=2, deadlines=(late,))
    news = DagLoaded(spec=spec, version="w", encoded=encode_spec(spec), digest="e", number=2)
    monkeypatch.setattr(stage.scheduler.desk.files, "parsed", lambda *_: [news])
    stage.say(agent, Parsed(id=0, file="etl.py"))
    stage.play()
    assert stage.scheduler.world.runtimes == {"etl": (120.0, 60.0)}
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    (live,) = stage.scheduler.world.runs.values()
    assert live.deadlines == {"deadline:0": stage.now() + timedelta(seconds=91)}


def reference(stage: Stage, agent: Agent) -> Offer:
    """A run has begun, and this agent is asked for a deadline that code of the author's own works out."""
    deadline = DeadlineSpec(reference="custom", interval_seconds=60.0)
    spec = dag("a", dag_id="asks", deadlines=(deadline,))
    stage.give(DagLoaded(spec=spec, version="m", encoded=encode_spec(spec), digest="d", paused_at_creation=False))
    stage.give(CreateRun(dag_id="asks", run_type=RunType.MANUAL))
    (offer,) = [offer for offer in agent.offers() if offer.callback]
    return offer


def deadlines(stage: Stage) -> list[tuple[Any, ...]]:
    with stage.scheduler.engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql("SELECT name, at FROM deadline")]


def test_a_deadline_that_was_worked_out_is_set_with_the_end_of_the_question(stage: Stage) -> None:
    agent = Agent("one")
    greet(stage, agent)
    offer = reference(stage, agent)
    assert (offer.callback, offer.reason) == ("reference:0", "")
    in_an_hour = to_us(stage.now() + timedelta(hours=1))
    for _ in range(2):
        stage.say(agent, Finished(attempt=offer.attempt, outcome="success", moment_us=in_an_hour))
        stage.play()
    assert deadlines(stage) == [("deadline:0", in_an_hour)]
    assert rows(stage) == []


@pytest.mark.parametrize(
    ("said", "error"), [({"moment_us": 2**62}, ""), ({"outcome": "failed", "error": "no such day"}, "no such day")]
)
def test_a_moment_that_is_none_sets_no_deadline(stage: Stage, said: dict[str, Any], error: str) -> None:
    agent = Agent("one")
    greet(stage, agent)
    offer = reference(stage, agent)
    stage.say(agent, Finished(**{"attempt": offer.attempt, "outcome": "success", **said}))
    stage.play()
    assert (deadlines(stage), rows(stage)) == ([], [])
    with stage.scheduler.engine.connect() as connection:
        query = "SELECT reason FROM event WHERE name = 'run.deadline_unknown'"
        assert [reason for (reason,) in connection.exec_driver_sql(query)] == ([error] if error else [])
