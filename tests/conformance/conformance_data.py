"""Rows that the store's tests write, and a whole Owner on a real database."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import Engine, func, select

from tradewind.core.dag import DagSpec
from tradewind.core.decisions import LookForRuns, Operation, PutRow
from tradewind.core.inputs import DagLoaded, WorkerJoined
from tradewind.core.records import Attempt, DagRun, TaskInstance, TaskKey
from tradewind.core.states import AttemptState, RunState, RunType, TaskState
from tradewind.core.world import World
from tradewind.scheduler.commands import wish_of
from tradewind.scheduler.owner import Owner, Rows, Told
from tradewind.scheduler.reruns import look_for_runs
from tradewind.scheduler.wishes import Context
from tradewind.store import queries
from tradewind.store.loader import load_world
from tradewind.store.specs import encode_spec, version_of
from tradewind.store.tables import metadata
from tradewind.store.writer import Lease, Writer
from tradewind.wire.messages import Event

START = datetime(2024, 1, 1, tzinfo=UTC)
AT = datetime(2024, 1, 1, 6, 30, 0, 123456, tzinfo=UTC)
RUN = DagRun(
    number=1, dag_id="etl", run_id="manual__1", run_type=RunType.MANUAL, state=RunState.RUNNING, version="v",
    run_after=AT, logical_date=AT,
)  # fmt: skip


def task(task_id: str, state: TaskState = TaskState.NONE, map_index: int = -1) -> TaskInstance:
    return TaskInstance(key=TaskKey(1, task_id, map_index), state=state)


def attempt(task_id: str, state: AttemptState) -> Attempt:
    return Attempt(
        id=f"attempt-{task_id}", key=TaskKey(1, task_id), try_number=1, leg=0, state=state, worker="w1",
        pool="default_pool", pool_slots=1,
    )  # fmt: skip


def count_of(engine: Engine) -> dict[str, int]:
    """How many rows each table has."""
    with engine.connect() as connection:
        return {
            table.name: connection.execute(select(func.count()).select_from(table)).scalar() or 0
            for table in metadata.sorted_tables
        }


def commit(writer: Writer, lease: Lease, *operations: Operation, batch: str = "batch") -> list[Event]:
    return writer.commit(lease, batch, operations, START, lease.next_run_number)


@dataclass
class Installation:
    """An Owner on a real database, with a clock and a worker that only take notes."""

    engine: Engine
    writer: Writer
    lease: Lease
    now: datetime = START
    told: list[Told] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    logged: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    answers: list[tuple[Any, Exception | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        ids = count(1)
        self.loads = 0
        self.owner = Owner(
            writer=self.writer, lease=self.lease, world=self.load(1), load=self.load, outlet=self,
            clock=lambda: self.now, new_id=lambda: f"batch-{next(ids)}",
            log=lambda text, **facts: self.logged.append((text, facts)),
        )  # fmt: skip
        self.context = Context(
            world=lambda: self.owner.world, engine=self.engine, encrypt=lambda text: text[::-1],
            now=lambda: self.now, reparse=lambda path: 0, decrypt=lambda text: text[::-1],
        )  # fmt: skip
        pool = {"name": "default_pool", "slots": 100, "description": "", "include_deferred": False}
        self.owner.submit(Rows((PutRow("pool", pool),)))
        self.turn()
        self.owner.world = self.load(1)
        self.join()

    @property
    def world(self) -> World:
        return self.owner.world

    def load(self, next_run_number: int) -> World:
        self.loads += 1
        world = load_world(self.engine, parallelism=100, next_run_number=next_run_number, now=self.now)
        if hasattr(self, "owner"):
            world.workers = self.owner.world.workers
            for worker in world.workers.values():
                worker.used = sum(a.worker == worker.name for a in world.attempts.values())
        return world

    def tell(self, operations: list[Told]) -> None:
        self.told += operations
        for operation in operations:
            if isinstance(operation, LookForRuns):
                look_for_runs(self.context, operation.dag_id, self.owner.submit)

    def publish(self, events: list[Event]) -> None:
        self.events += events

    def committed(self, operations: list[Operation], seconds: float) -> None:
        """Nobody counts here."""

    def join(self, capacity: int = 100) -> None:
        self.give(
            WorkerJoined(name="w1", instance="i1", epoch=1, capacity=capacity, queues=("default",), holds=frozenset())
        )

    def add_dag(self, spec: DagSpec) -> None:
        version = version_of(spec, "digest")
        with self.engine.connect() as connection:
            number = queries.version_number(connection, spec.dag_id, version)
        self.give(
            DagLoaded(
                spec=spec, version=version, encoded=encode_spec(spec), digest="digest", number=number,
                paused_at_creation=False,
            )
        )  # fmt: skip

    def give(self, *events: Any) -> None:
        """All of them in one turn."""
        for event in events:
            self.owner.submit(event, lambda answer, error: self.answers.append((answer, error)))
        self.turn()

    def command(self, kind: str, **body: Any) -> Any:
        """A person's wish; raises what refused it."""
        got: list[tuple[Any, Exception | None]] = []
        self.owner.submit(lambda: wish_of(self.context, kind, body, "me"), lambda *answer: got.append(answer))
        self.turn()
        answer, error = got[0]
        if error is not None:
            raise error
        return answer

    def turn(self) -> None:
        """Turns until nothing is left to do now."""
        for _ in range(50):
            self.owner.turn()
            if not self.owner.has_work:
                return
        raise AssertionError("the owner never comes to rest")

    def advance(self, **duration: float) -> None:
        self.now += timedelta(**duration)
        self.turn()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(sql)]
