"""What a scheduler says to a worker that dies and comes back, message by message."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest

from tradewind.core.inputs import CreateRun, DagLoaded
from tradewind.core.states import RunType
from tradewind.scheduler import owner
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store.specs import encode_spec
from tradewind.store.writer import StoreUnavailable, Writer
from tradewind.testing import scheduler_stage
from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import StillClock
from tradewind.testing.simulation.database import Database
from tradewind.testing.simulation.scheduler_process import Files, OpenVault
from tradewind.wire.events import WORKER_MOVED
from tradewind.wire.messages import (
    SILENT_SECONDS,
    Ack,
    Beat,
    Command,
    CommandResult,
    Event,
    Finished,
    Hello,
    Message,
    Started,
    Subscribe,
    Withdraw,
)


class LockedWriter(Writer):
    """Cannot commit while it is `locked`."""

    locked = False

    def commit(self, *arguments: Any, **named: Any) -> Any:
        if self.locked:
            raise StoreUnavailable("the database is locked")
        return super().commit(*arguments, **named)


class Agent(scheduler_stage.Agent):
    """With an instance of its own to greet with."""

    def __init__(self, instance: str) -> None:
        super().__init__()
        self.own_instance = instance


class Stage(StillClock):
    """A scheduler on a database in memory, with a clock that stands still until it is told to go on."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self.fenced: list[str] = []
        self._database = database
        database.clear(lambda: int(self.seconds * 1e6))
        self._begin()
        spec = dag("a", retries=2)
        self.give(
            DagLoaded(spec=spec, version="v", encoded=encode_spec(spec), digest="d", paused_at_creation=False)
        )  # fmt: skip

    def _begin(self) -> None:
        self.writer = LockedWriter(self._database.engine)
        self.scheduler = Scheduler(
            engine=self._database.engine, writer=self.writer, holder="me", ports=self, files=Files(), vault=OpenVault(),
            parallelism=8, default_pool_slots=8, max_retry_delay_seconds=9.0, kill_grace_seconds=1.0,
        )  # fmt: skip
        assert self.scheduler.try_to_own()

    def restart(self) -> None:
        """Another scheduler takes over, which knows the database alone."""
        self.scheduler.step_down()
        self._calls.clear()
        self._begin()

    def give(self, event: Any) -> None:
        self.scheduler.submit(event)
        self.play()

    def say(self, agent: Agent, message: Message) -> None:
        self.scheduler.desk.on_message(agent, message)

    def greet(self, agent: Agent) -> None:
        self.say(agent, Hello(role="agent", worker="local", instance=agent.own_instance, capacity=8, pid=1))

    def play(self) -> None:
        while self.step():
            pass

    def step(self) -> bool:
        """The next thing that is to happen. False when there is none."""
        if self._calls:
            self._calls.pop(0)()
            return True
        return False

    def fence(self, worker: str) -> None:
        self.fenced.append(worker)


@pytest.fixture
def stage() -> Iterator[Stage]:
    database = Database()
    yield Stage(database)
    database.close()


def test_an_agent_that_replaces_another_is_offered_only_what_was_not_given_up(stage: Stage) -> None:
    first, second = Agent("first"), Agent("second")
    stage.greet(first)
    stage.play()
    stage.writer.locked = True
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    assert first.offers() == []
    stage.scheduler.desk.on_gone(first)
    stage.greet(second)
    stage.writer.locked = False
    stage.scheduler.kick()
    stage.play()
    stage.seconds += 1
    stage.scheduler.kick()
    stage.play()
    assert [offer.try_number for offer in second.offers()] == [2]


def test_a_beat_that_comes_with_the_greeting_repeats_nothing_of_the_predecessor(stage: Stage) -> None:
    first, second = Agent("first"), Agent("second")
    stage.greet(first)
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    assert [offer.try_number for offer in first.offers()] == [1]
    stage.seconds += 6
    stage.scheduler.desk.on_gone(first)
    stage.greet(second)
    stage.say(second, Beat(sent_us=0))
    stage.play()
    stage.seconds += 1
    stage.scheduler.kick()
    stage.play()
    assert [offer.try_number for offer in second.offers()] == [2]


def test_an_offer_that_got_lost_is_repeated_after_a_while(stage: Stage) -> None:
    agent = Agent("only")
    stage.greet(agent)
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    offer = agent.offers()[0]
    stage.say(agent, Beat(sent_us=0))
    assert len(agent.offers()) == 1
    stage.seconds += 6
    stage.say(agent, Beat(sent_us=0, holds=[offer.attempt]))
    assert len(agent.offers()) == 1
    stage.say(agent, Beat(sent_us=0))
    assert [again.attempt for again in agent.offers()] == [offer.attempt] * 2


def test_a_report_that_comes_twice_is_applied_once_and_acknowledged_after_its_commit(stage: Stage) -> None:
    agent = Agent("only")
    stage.greet(agent)
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    attempt = agent.offers()[0].attempt
    stage.writer.locked = True
    for _ in range(2):
        stage.say(agent, Finished(attempt=attempt, outcome="success"))
    stage.play()
    assert not any(isinstance(message, Ack) for message in agent.told)
    stage.writer.locked = False
    stage.scheduler.kick()
    stage.play()
    assert [m.attempts for m in agent.told if isinstance(m, Ack)] == [[attempt]] * 2
    assert not stage.scheduler.world.runs


def test_what_a_vanished_agent_left_running_is_killed_once_before_its_attempts_are_lost(stage: Stage) -> None:
    agent = Agent("first")
    stage.greet(agent)
    stage.play()
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    stage.scheduler.desk.on_gone(agent)
    seen = []
    for second in range(1, 16):
        stage.seconds = second
        stage.scheduler.desk.expire(stage.uptime())
        stage.play()
        seen.append((second, len(stage.fenced), len(stage.scheduler.world.attempts)))
    assert [entry[:2] for entry in seen if entry[0] in (10, 11)] == [(10, 0), (11, 1)]
    assert [second for second, _, attempts in seen if attempts == 0] == [14, 15]
    assert stage.fenced == ["local"]


def test_an_agent_that_comes_back_in_time_is_not_fenced(stage: Stage) -> None:
    agent = Agent("first")
    stage.greet(agent)
    stage.play()
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    stage.scheduler.desk.on_gone(agent)
    stage.seconds = 9
    stage.scheduler.desk.expire(stage.uptime())
    stage.greet(Agent("first"))
    stage.play()
    stage.seconds = 30
    stage.scheduler.desk.expire(stage.uptime())
    assert stage.fenced == []


def test_a_greeting_that_comes_twice_on_one_connection_gives_nothing_up(stage: Stage) -> None:
    agent = Agent("only")
    stage.greet(agent)
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    attempt = agent.offers()[0].attempt
    stage.say(agent, Started(attempt=attempt, start_us=0))
    stage.scheduler.kick()
    stage.play()
    stage.greet(agent)  # says that it holds nothing, as was true when it was sent
    stage.play()
    assert list(stage.scheduler.world.attempts) == [attempt]


def test_the_offer_of_a_callback_that_got_lost_is_repeated_after_a_while(stage: Stage) -> None:
    agent = Agent("only")
    stage.greet(agent)
    spec = dag("a", dag_id="calling", callbacks=("on_success",))
    stage.give(DagLoaded(spec=spec, version="c", encoded=encode_spec(spec), digest="d", paused_at_creation=False))
    stage.give(CreateRun(dag_id="calling", run_type=RunType.MANUAL))
    stage.say(agent, Finished(attempt=agent.offers()[0].attempt, outcome="success"))
    stage.play()
    (callback,) = [offer for offer in agent.offers() if offer.callback]
    stage.seconds += 6
    stage.say(agent, Beat(sent_us=0, holds=[callback.attempt]))
    assert len(agent.offers()) == 2
    stage.say(agent, Beat(sent_us=0))
    assert [offer.attempt for offer in agent.offers()[2:]] == [callback.attempt]


def test_an_instance_is_known_only_with_what_was_decided_about_its_predecessor(stage: Stage) -> None:
    """Else one that greets again after a crash in between would be taken for its predecessor, which has begun."""
    first, second = Agent("first"), Agent("second")
    stage.greet(first)
    stage.give(CreateRun(dag_id="etl", run_type=RunType.MANUAL))
    (attempt,) = stage.scheduler.world.attempts
    stage.scheduler.desk.on_gone(first)
    stage.greet(second)
    with patch.object(owner, "MOST_INPUTS", 1):
        while stage.step():
            with stage.scheduler.engine.connect() as connection:
                (known,) = connection.exec_driver_sql("SELECT instance FROM worker").one()
            assert known == "first" or attempt not in stage.scheduler.world.attempts
    assert known == "second"


def test_a_command_is_withdrawn_unless_it_is_being_applied(stage: Stage) -> None:
    client = Agent("client")
    stage.say(client, Hello(role="client"))
    stage.writer.locked = True
    for key, slots in (("first", 1), ("second", 2)):
        stage.say(client, Command(key=key, kind="pool.set", body={"name": "p", "slots": slots}))
        stage.play()
    for key in ("second", "first", "never"):
        stage.say(client, Withdraw(key=key))
    answers = {m.key: m.state for m in client.told if isinstance(m, CommandResult)}
    assert answers == {"second": "withdrawn", "never": "withdrawn"}, "the first may be in the database"
    stage.writer.locked = False
    stage.scheduler.kick()
    stage.play()
    assert stage.scheduler.world.pools["p"].slots == 1
    answers = {m.key: m.state for m in client.told if isinstance(m, CommandResult)}
    assert answers == {"first": "applied", "second": "withdrawn", "never": "withdrawn"}
    stage.say(client, Command(key="second", kind="pool.set", body={"name": "p", "slots": 3}))
    stage.play()
    assert stage.scheduler.world.pools["p"].slots == 3, "withdrawn is not refused for ever"
    stage.say(client, Withdraw(key="first"))
    assert client.told[-1] == CommandResult(key="first", state="applied", value={})


def test_who_listens_hears_what_no_row_says_of_a_worker(stage: Stage) -> None:
    agent, listener = Agent("only"), Agent("listener")
    stage.say(listener, Hello(role="client"))
    stage.say(listener, Subscribe())

    def news() -> int:
        told = [message for message in listener.told if isinstance(message, Event) and message.name == WORKER_MOVED]
        listener.told.clear()
        assert all(event.seq == 0 and event.body == {"worker": "local"} for event in told)
        return len(told)

    stage.greet(agent)
    stage.play()
    assert news() == 1
    stage.say(agent, Beat(sent_us=0))
    assert news() == 0, "a beat like the one before is no news"
    stage.say(agent, Beat(sent_us=0, usage=[("attempt", 10, 20, 0.5)]))
    stage.say(agent, Beat(sent_us=0, usage=[("attempt", 10, 20, 0.5)]))
    assert news() == 1
    stage.seconds += SILENT_SECONDS + 1
    for _ in range(3):
        stage.scheduler.desk.expire(stage.scheduler.uptime())
    assert news() == 1, "it is told once that a worker is late"
    stage.say(agent, Beat(sent_us=0))
    assert news() == 1
    stage.scheduler.desk.on_gone(agent)
    assert news() == 1
