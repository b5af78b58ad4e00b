"""An API over a real database file and a real scheduler in one process, for tests, on a clock that stands still.

The scheduler's worker does what it is told; commands are applied while the request waits for them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Request
from fastapi.testclient import TestClient
from sqlalchemy import Engine

from tradewind.api.app import make_app
from tradewind.api.link import QUESTION_SECONDS, Refusal, SchedulerAway
from tradewind.config import Settings
from tradewind.core.access import BUILT_IN, Caller, Role
from tradewind.core.dag import DagSpec
from tradewind.core.inputs import DagLoaded
from tradewind.scheduler.alerts import AlertSource
from tradewind.scheduler.desk import Observer
from tradewind.scheduler.scheduler import Scheduler
from tradewind.store.engine import open_engine, open_reader
from tradewind.store.migrate import migrate
from tradewind.store.queries import version_number
from tradewind.store.specs import encode_spec, version_of
from tradewind.store.times import to_us
from tradewind.store.writer import Writer
from tradewind.testing.scheduler_stage import Agent, StillClock
from tradewind.testing.simulation.scheduler_process import Files, OpenVault
from tradewind.wire.messages import (
    AnyMessage,
    Command,
    CommandResult,
    Event,
    Finished,
    Hello,
    Message,
    Response,
    Started,
    Subscribe,
)  # fmt: skip
from tradewind.wire.messages import Request as Question


class NamedGate:
    """Whoever a test says: the caller of every request, until it says another."""

    def __init__(self) -> None:
        self.who = Caller("admin", (BUILT_IN["Admin"],))

    def caller(self, request: Request) -> Caller:
        return self.who

    def be(self, name: str, *roles: Role | str) -> None:
        self.who = Caller(name, tuple(BUILT_IN[role] if isinstance(role, str) else role for role in roles))


class _Listener(Agent):
    """Hands the events that it is told to another thread's loop."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()

    def send_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            if isinstance(message, Event):
                self._loop.call_soon_threadsafe(self._events.put_nowait, message)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._events.put_nowait, None)

    async def events(self) -> AsyncIterator[Event]:
        while (event := await self._events.get()) is not None:
            yield event


class ApiStage(StillClock):
    """An installation without processes. `client` speaks HTTP with its API."""

    def __init__(
        self, settings: Settings, *, with_login: bool = False, observers: Sequence[Observer] = (),
        alerts: AlertSource | None = None,
    ) -> None:  # fmt: skip
        """`with_login`: the gate is the settings' own, rather than whoever a test says. `observers` count what is
        committed. Without `alerts` the scheduler knows no alert rules."""
        super().__init__()
        url = settings.database.sql_alchemy_conn
        self._engine = open_engine(url)
        migrate(self._engine)
        self.scheduler = Scheduler(
            engine=self._engine, writer=Writer(self._engine), holder="me", ports=self, files=Files(), vault=OpenVault(),
            parallelism=50, default_pool_slots=20, max_retry_delay_seconds=9.0, kill_grace_seconds=1.0,
            observers=observers, alerts=alerts,
        )  # fmt: skip
        assert self.scheduler.try_to_own()
        self.agent, self._client = Agent(), Agent()
        self.say(Hello(role="agent", worker="local", instance="one", capacity=20, pid=1), self.agent)
        self.say(Hello(role="client"), self._client)
        self.play()
        self.is_away = False
        """The scheduler answers nobody."""
        self.listeners: list[_Listener] = []
        """Who is told of events now."""
        self.gate = NamedGate()
        self.reading: Engine = open_reader(url)
        gate = None if with_login else self.gate
        self.app = make_app(settings, self.reading, link=self, gate=gate, vault=OpenVault(), clock=self.now)
        self.app.state.late.add()
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def close(self) -> None:
        self.client.close()
        self.scheduler.step_down()
        self.reading.dispose()
        self._engine.dispose()

    # --- a Link ---

    async def command(self, command: Command) -> Any:
        result = self._answer(command, lambda m: isinstance(m, CommandResult) and m.key == command.key)
        if result.state != "applied":
            raise Refusal(result.error, result.kind)
        return result.value

    async def request(self, method: str, *, within_seconds: float = QUESTION_SECONDS, **args: Any) -> Any:
        number = int(self.new_id(), 16)
        response = self._answer(
            Question(id=number, method=method, args=args), lambda m: isinstance(m, Response) and m.id == number
        )
        if response.error:
            raise Refusal(response.error, response.kind)
        return response.value

    def _answer(self, message: AnyMessage, is_it: Any) -> Any:
        if self.is_away:
            raise SchedulerAway("No scheduler listens; start one, or wait for it.")
        self.say(message, self._client)
        self.play()
        return next(m for m in reversed(self._client.told) if is_it(m))

    @asynccontextmanager
    async def events(self, dag_id: str = "", run_id: str = "") -> AsyncIterator[AsyncIterator[Event]]:
        if self.is_away:
            raise SchedulerAway("No scheduler listens; start one, or wait for it.")
        listener = _Listener()
        self.say(Hello(role="client"), listener)
        self.say(Subscribe(dag_id=dag_id, run_id=run_id), listener)
        self.listeners.append(listener)
        try:
            yield listener.events()
        finally:
            self.listeners.remove(listener)
            self.scheduler.desk.on_gone(listener)

    # --- what happens meanwhile ---

    def say(self, message: AnyMessage, peer: Agent | None = None) -> None:
        self.scheduler.desk.on_message(peer or self.agent, message)

    def load(self, spec: DagSpec, source: str = "") -> None:
        """A Dag file was parsed."""
        digest = version_of(spec, source)
        with self.reading.connect() as connection:
            number = version_number(connection, spec.dag_id, digest)
        news = DagLoaded(
            spec=spec, version=digest, encoded=encode_spec(spec), digest=digest, number=number,
            paused_at_creation=False,
        )  # fmt: skip
        self.scheduler.submit(news)
        self.play()

    def create_run(self, dag_id: str, run_id: str, **body: Any) -> None:
        """A person creates a run."""
        key = self.new_id()
        body = {"dag_id": dag_id, "run_id": run_id, **body}
        result = self._answer(
            Command(key=key, kind="run.create", body=body), lambda m: isinstance(m, CommandResult) and m.key == key
        )
        assert result.state == "applied", result.error

    def finish(self, dag_id: str, run_id: str, task_id: str, outcome: str = "success", **report: Any) -> None:
        """The attempt of this task that was offered ends so."""
        (offer,) = [
            offer
            for offer in self.agent.offers()
            if (offer.run.dag_id, offer.run.run_id, offer.task_id) == (dag_id, run_id, task_id)
        ]
        self.agent.answered.add(offer.attempt)
        at = to_us(self.now())
        self.say(Started(attempt=offer.attempt, start_us=at))
        self.say(Finished(attempt=offer.attempt, outcome=outcome, start_us=at, end_us=at, **report))
        self.play()

    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.scheduler.kick()
        self.play()

    def play(self) -> None:
        """Until the scheduler has nothing to do."""
        while self._calls:
            self._calls.pop(0)()
