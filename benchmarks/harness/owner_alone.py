"""The scheduler's owner loop and its database alone, in this process: what the engine decides and stores costs so much.

A worker that does nothing stands in for the agents: what it is told to start has ended when the next turn begins.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tradewind.core.dag import DagSpec
from tradewind.core.decisions import Operation, PutRow, StartAttempt
from tradewind.core.inputs import AttemptFinished, AttemptStarted, CreateRun, DagLoaded, WorkerJoined
from tradewind.core.records import Attempt, Pool
from tradewind.core.states import RunType
from tradewind.core.world import World
from tradewind.scheduler.owner import Owner, Rows
from tradewind.store.engine import open_engine
from tradewind.store.loader import load_world
from tradewind.store.migrate import migrate
from tradewind.store.specs import encode_spec, version_of
from tradewind.store.writer import Writer
from tradewind.wire.messages import Event

MANY = 2**30


@dataclass(frozen=True)
class Cost:
    """What one input cost: SQL statements, rows that they changed, Python calls and CPU."""

    statements: int
    rows: int
    calls: int
    milliseconds: float


class CountingWriter(Writer):
    """Knows how many rows of an SQLite database it has changed."""

    @property
    def rows_changed(self) -> int:
        return int(self._connection.total_changes)


class OwnerAlone:
    """An Owner on an empty, migrated database. `parallelism` is how many tasks run at once."""

    def __init__(self, url: str, *, parallelism: int) -> None:
        self.engine = open_engine(url)
        migrate(self.engine)
        self.transitions = 0
        self.running: dict[str, Attempt] = {}
        self._parallelism = parallelism
        self._ids = count(1)
        self._writer = CountingWriter(self.engine)
        self._writer.connect()
        lease = self._writer.acquire("benchmark", "benchmark")
        assert lease is not None
        self._owner = Owner(
            writer=self._writer, lease=lease, world=self.load(1), load=self.load, outlet=self, clock=_now,
            new_id=lambda: f"{next(self._ids):032x}", log=_shout,
        )  # fmt: skip
        self.set_pool("default_pool", MANY)
        self.give(
            WorkerJoined(
                name="w", instance="w", epoch=1, capacity=MANY, queues=("default",), holds=frozenset(), fresh=False
            )
        )

    @property
    def world(self) -> World:
        return self._owner.world

    def load(self, next_run_number: int) -> World:
        """Memory, built again from the database."""
        return load_world(self.engine, parallelism=self._parallelism, next_run_number=next_run_number, now=_now())

    def close(self) -> None:
        self._writer.close()
        self.engine.dispose()

    # --- what the owner tells ---

    def tell(self, operations: list[Any]) -> None:
        for operation in operations:
            if isinstance(operation, StartAttempt):
                self.running[operation.attempt.id] = operation.attempt

    def publish(self, events: list[Event]) -> None:
        self.transitions += sum(event.name == "task.moved" for event in events)

    def committed(self, operations: list[Operation], seconds: float) -> None:
        """Nobody counts here what happens."""

    # --- what it is given ---

    def give(self, *inputs: Any) -> None:
        """All of them in one go, and turns until nothing more follows."""
        for one in inputs:
            self._owner.submit(one)
        while self._owner.has_work:
            self._owner.turn()

    def set_pool(self, name: str, slots: int) -> None:
        row: Operation = PutRow("pool", {"name": name, "slots": slots, "description": "", "include_deferred": False})
        self.give(Rows((row,)))
        self.world.set_pool(Pool(name=name, slots=slots))

    def add_dags(self, specs: list[DagSpec]) -> None:
        self.give(
            *(
                DagLoaded(
                    spec=spec, version=version_of(spec, "d"), encoded=encode_spec(spec), digest="d", number=1,
                    paused_at_creation=False,
                )
                for spec in specs
            )
        )  # fmt: skip

    def create_run(self, dag_id: str) -> None:
        self.give(CreateRun(dag_id=dag_id, run_type=RunType.MANUAL))

    def finish(self, attempts: list[Attempt]) -> None:
        """Their worker reports that they have started and succeeded."""
        now = _now()
        for attempt in attempts:
            del self.running[attempt.id]
        self.give(*(AttemptStarted(attempt=attempt.id, start_date=now) for attempt in attempts))
        self.give(*(_finished(attempt, now) for attempt in attempts))

    def run_to_the_end(self) -> None:
        while self.running:
            self.finish(list(self.running.values()))

    def cost_of(self, attempt: Attempt) -> Cost:
        """Have one running attempt succeed, and say what the report of it cost."""
        self.give(AttemptStarted(attempt=attempt.id, start_date=_now()))
        del self.running[attempt.id]
        report = _finished(attempt, _now())
        statements, rows = self._writer.statements_run, self._writer.rows_changed
        began = time.process_time()
        calls = _counted(lambda: self.give(report))
        return Cost(
            statements=self._writer.statements_run - statements,
            rows=self._writer.rows_changed - rows,
            calls=calls,
            milliseconds=(time.process_time() - began) * 1e3,
        )


@contextmanager
def owner_alone(url: str, *, parallelism: int) -> Iterator[OwnerAlone]:
    """An owner while it lasts."""
    owner = OwnerAlone(url, parallelism=parallelism)
    try:
        yield owner
    finally:
        owner.close()


def _finished(attempt: Attempt, now: datetime) -> AttemptFinished:
    return AttemptFinished(attempt=attempt.id, outcome="success", start_date=now, end_date=now)


def _counted(call: Callable[[], None]) -> int:
    """How many functions, Python's and C's, a call calls."""
    found = 0

    def look(frame: object, event: str, argument: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    sys.setprofile(look)
    try:
        call()
    finally:
        sys.setprofile(None)
    return found


def _now() -> datetime:
    return datetime.now(UTC)


def _shout(text: str, **facts: Any) -> None:
    raise RuntimeError(f"{text}: {facts}")
