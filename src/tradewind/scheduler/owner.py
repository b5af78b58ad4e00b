"""Owner: one turn after another: take what has come in, decide, commit once, then tell.

Nothing here waits: what arrived during a commit is the next turn. Memory is ahead of the database only inside `turn`;
when a commit fails for its data, memory is thrown away and built again, and the inputs are tried one by one, so that
the one run that cannot be stored is set aside and all others go on.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from tradewind.core.dag import DagSpec
from tradewind.core.decide import admit_ready, decide
from tradewind.core.decisions import (
    LookForRuns,
    NamePartitions,
    NameRuns,
    Operation,
    PutRun,
    Record,
    StartAttempt,
    StartCallback,
    StartTrigger,
    StartWatcher,
    StopAttempt,
    StopStray,
    StopTrigger,
    WarmHost,
)
from tradewind.core.errors import CannotStart, TradewindError
from tradewind.core.inputs import (
    AssetStoreChanged,
    AttemptFinished,
    AttemptStarted,
    DagLoaded,
    Input,
    TaskStoreChanged,
    TimerFired,
    XComPushed,
)
from tradewind.core.records import SetAside
from tradewind.core.world import World
from tradewind.store.writer import EpochLost, Lease, StoreMismatch, StoreUnavailable, Writer
from tradewind.wire.messages import Event

MOST_INPUTS = 500
"""Inputs that one commit takes at most."""

Told = (
    StartAttempt | StopAttempt | StopStray | StartTrigger | StartWatcher | StopTrigger | StartCallback | WarmHost
    | NameRuns | NamePartitions | LookForRuns
)  # fmt: skip
Reply = Callable[[Any, Exception | None], None]
"""Called after the commit with the answer, or with the error that refused the wish."""
Also = Callable[[Any], "tuple[Operation, ...]"]
"""Given the answer, further rows of the same commit: the record of a command beside its effect."""


@dataclass(frozen=True, slots=True)
class Item:
    """Something in the inbox. A callable `event` gives its input inside the turn."""

    event: Any
    reply: Reply | None = None
    also: Also | None = None


class Outlet(Protocol):
    """Where the owner's messages go after a commit."""

    def tell(self, operations: list[Told]) -> None: ...
    def publish(self, events: list[Event]) -> None: ...

    def committed(self, operations: list[Operation], seconds: float) -> None:
        """These are durable, so long after they were begun with: for those who count what happens."""
        ...


@dataclass(slots=True)
class Batch:
    """A turn's work until its commit is durable."""

    id: str
    now: datetime
    inputs: list[Item]
    operations: list[Operation] = field(default_factory=list)
    replies: list[tuple[Reply, Any, Exception | None]] = field(default_factory=list)
    tries: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """An input that needs no deciding: rows to store as they are (variables, import errors, beats).

    `reads_again`: what was set aside because of these rows is read once they are stored.
    """

    operations: tuple[Operation, ...]
    reads_again: bool = False


class Owner:
    """The single writer. `turn()` is called whenever there may be something to do."""

    def __init__(
        self,
        *,
        writer: Writer,
        lease: Lease,
        world: World,
        load: Callable[[int], World],
        outlet: Outlet,
        clock: Callable[[], datetime],
        new_id: Callable[[], str],
        log: Callable[..., None] = lambda *_, **__: None,
    ) -> None:
        self.world = world
        self.lease = lease
        self.pending: Batch | None = None
        """A batch whose commit could not be made yet: the database is away."""
        self.turns = 0
        self.inputs_taken = 0
        self._writer = writer
        self._load = load
        self._outlet = outlet
        self._clock = clock
        self._new_id = new_id
        self._log = log
        self._inbox: deque[Item] = deque()
        self._urgent: deque[Item] = deque()
        self._broken: set[tuple[str, object]] = set()
        """Timers whose input could not be applied; they rest until their Dag changes, instead of firing for ever."""
        self._said: set[SetAside] = set()
        """What the event log says already that the World does without."""
        self._reads_again = False
        """A Dag is as it should be again: what was set aside with it is read after this commit."""
        self._say_what_was_set_aside()

    def submit(
        self,
        event: Input | Rows | Callable[[], Any],
        reply: Reply | None = None,
        also: Also | None = None,
        *,
        urgent: bool = False,
    ) -> None:
        """Hand in an input. A callable is asked for its input inside the turn, when everything before is stored.

        Somebody waits for an `urgent` one: it is taken before a backlog of reports, in order among its like.
        """
        (self._urgent if urgent else self._inbox).append(Item(event, reply, also))

    @property
    def backlog(self) -> int:
        """Inputs that are to be taken."""
        return len(self._inbox) + len(self._urgent)

    @property
    def has_work(self) -> bool:
        """Whether a turn would do something at this moment."""
        due = self.world.next_timer()
        return (
            bool(self._inbox or self._urgent) or self.pending is not None or (due is not None and due <= self._clock())
        )

    def turn(self) -> bool:
        """One turn. True when it committed or had nothing to do; False when the database is away (call again).

        Raises EpochLost when another owner has taken over.
        """
        batch = self.pending or self._begin()
        if not batch.inputs and not batch.operations:
            return True
        if self.pending is None:
            self._decide(batch)
        return self._commit(batch)

    def _begin(self) -> Batch:
        now = self._clock()
        fired = [timer for timer in self.world.due(now) if timer not in self._broken]
        inputs = self._first_wish()
        inputs += [Item(TimerFired(kind=kind, subject=subject)) for kind, subject in fired]
        for waiting in (self._urgent, self._inbox):
            while waiting and len(inputs) < MOST_INPUTS and not callable(waiting[0].event):
                inputs.append(waiting.popleft())
        return Batch(self._new_id(), now, inputs)

    def _first_wish(self) -> list[Item]:
        """A wish that asks the database is the first of its batch, and the only one: later memory would be ahead of
        what it reads, and bring a run back as it was before this batch."""
        for waiting in (self._urgent, self._inbox):
            if waiting and callable(waiting[0].event):
                return [waiting.popleft()]
        return []

    def _decide(self, batch: Batch) -> None:
        for position, item in enumerate(batch.inputs):
            try:
                operations, answer = self._react(item, batch.now)
            except TradewindError as refused:
                if item.reply:
                    batch.replies.append((item.reply, None, refused))
                continue
            except (EpochLost, StoreUnavailable):
                raise
            except Exception as fault:
                self._set_aside(batch, position, fault)
                return
            batch.operations += operations
            if item.reply:
                batch.replies.append((item.reply, answer, None))
        try:
            batch.operations += admit_ready(self.world, batch.now)
        except CannotStart as fault:
            self._inbox.extendleft(reversed(batch.inputs))
            batch.inputs, batch.operations, batch.replies = [], [], []
            self._log("a task could not be started", run=fault.run, error=str(fault), exc_info=fault)
            self._set_run_aside(fault.run, fault)

    def _react(self, item: Item, now: datetime) -> tuple[list[Operation], Any]:
        event = item.event() if callable(item.event) else item.event
        if isinstance(event, Rows):
            operations, answer = list(event.operations), None
            self._reads_again |= event.reads_again
        else:
            if isinstance(event, DagLoaded) and event.spec.dag_id in self.world.unplanned:
                self._reads_again = True
            operations, answer = decide(self.world, event, now)
            match event:
                case DagLoaded(spec=DagSpec(dag_id=dag_id)) | TimerFired(kind="schedule_taken", subject=(dag_id, _)):
                    self._broken -= {(kind, dag_id) for kind, _ in self._broken}
        if item.also is not None:
            operations += item.also(answer)
        return operations, answer

    # --- commit ---

    def _commit(self, batch: Batch) -> bool:
        told: list[Told] = [o for o in batch.operations if isinstance(o, Told)]
        if any(not isinstance(o, Told) for o in batch.operations):
            try:
                events = self._write(batch)
            except StoreUnavailable as away:
                batch.tries += 1
                self.pending = batch
                self._log("database is away", error=str(away), tries=batch.tries)
                return False
            except StoreMismatch as fault:
                self.pending = None
                self._replay(batch, fault)
                return True
        else:
            events = []
        self.pending = None
        self._conclude(batch, told, events)
        return True

    def _conclude(self, batch: Batch, told: list[Told], events: list[Event]) -> None:
        """The batch is durable: answer, tell, publish."""
        self.turns += 1
        self.inputs_taken += len(batch.inputs)
        for reply, answer, error in batch.replies:
            self._safely(lambda reply=reply, answer=answer, error=error: reply(answer, error))  # type: ignore[misc]
        if told:
            self._safely(lambda: self._outlet.tell(told))
        if events:
            self._safely(lambda: self._outlet.publish(events))
        if batch.operations:
            took = (self._clock() - batch.now).total_seconds()
            self._safely(lambda: self._outlet.committed(batch.operations, took))
        if self._reads_again:
            self._reads_again = False
            self._read_again()

    def _read_again(self) -> None:
        """What was set aside with a Dag is in memory again: its triggers run on, and its attempts are looked for."""
        before, waited = self.world.attempts.keys(), self.world.deferrals.keys()
        self._reload()
        self.world.came_back |= self.world.attempts.keys() - before
        fresh = [held for key, held in self.world.deferrals.items() if key not in waited and held.needs_triggerer]
        self._safely(lambda: self._outlet.tell([StartTrigger(deferral) for deferral in fresh]))

    def _safely(self, call: Callable[[], None]) -> None:
        """What was committed stands, whoever cannot be told of it."""
        try:
            call()
        except Exception as fault:
            self._log("somebody could not be told", error=f"{type(fault).__name__}: {fault}", exc_info=fault)

    def _write(self, batch: Batch) -> list[Event]:
        if batch.tries:
            # The connection broke, perhaps inside COMMIT: ask whether it happened before doing it again.
            self._writer.connect()
            if self._writer.committed(batch.id):
                self._writer.events_committed(sum(isinstance(o, Record) for o in batch.operations))
                return []
        return self._writer.commit(self.lease, batch.id, batch.operations, batch.now, self.world.next_run_number)

    # --- faults ---

    def _replay(self, batch: Batch, fault: Exception) -> None:
        """The batch cannot be stored as a whole: store its inputs one by one; what fails alone is set aside."""
        self._log("a batch was refused by the database", error=str(fault), inputs=len(batch.inputs))
        self._reload()
        for position, item in enumerate(batch.inputs):
            if not self._alone(item, batch.now):
                self._inbox.extendleft(reversed(batch.inputs[position + 1 :]))
                return
        self._admit_one_by_one(batch.now)

    def _alone(self, item: Item, now: datetime) -> bool:
        """One input in a batch of its own. False when the database went away: the batch is pending."""
        single = Batch(self._new_id(), now, [item])
        try:
            single.operations, answer = self._react(item, now)
        except TradewindError as refused:
            if item.reply:
                item.reply(None, refused)
            return True
        except Exception as fault:
            self._quarantine(item, fault)
            return True
        if item.reply:
            single.replies.append((item.reply, answer, None))
        return self._store_alone(single, lambda fault: self._quarantine(item, fault))

    def _admit_one_by_one(self, now: datetime) -> None:
        """Start ready tasks in batches of one; a run whose attempt cannot be stored is set aside."""
        while operations := self._admit_one(now):
            run = next((o.attempt.key.run for o in operations if isinstance(o, StartAttempt)), None)
            single = Batch(self._new_id(), now, [], operations)
            if not self._store_alone(single, lambda fault, run=run: self._set_run_aside(run, fault)):  # type: ignore[misc]
                return

    def _admit_one(self, now: datetime) -> list[Operation]:
        try:
            return admit_ready(self.world, now, most=1)
        except CannotStart as fault:
            self._set_run_aside(fault.run, fault)
            return []  # the next turn goes on with the others

    def _store_alone(self, single: Batch, refused: Callable[[StoreMismatch], None]) -> bool:
        events: list[Event] = []
        try:
            if any(not isinstance(o, Told) for o in single.operations):
                events = self._write(single)
        except StoreUnavailable as away:
            single.tries = 1
            self.pending = single
            self._log("database is away", error=str(away), tries=1)
            return False
        except StoreMismatch as fault:
            refused(fault)
        else:
            self._conclude(single, [o for o in single.operations if isinstance(o, Told)], events)
        return True

    def _set_aside(self, batch: Batch, position: int, fault: Exception) -> None:
        """Deciding one input failed, which is our bug: forget this turn, set its run aside, take the others again."""
        for item in reversed(batch.inputs[:position] + batch.inputs[position + 1 :]):
            self._inbox.appendleft(item)
        guilty = batch.inputs[position]
        batch.inputs, batch.operations, batch.replies = [], [], []
        self._quarantine(guilty, fault)

    def _quarantine(self, item: Item, fault: Exception) -> None:
        event, reply = item.event, item.reply
        self._reload()
        number = self._run_of(event)
        reason = f"{type(fault).__name__}: {fault}"
        self._log("an input was set aside", input=type(event).__name__, run=number, error=reason, exc_info=fault)
        if reply:
            reply(None, TradewindError(f"This could not be applied: {reason}"))
        if isinstance(event, TimerFired):
            self._broken.add((event.kind, event.subject))
            if event.kind == "schedule" and isinstance(fault, StoreMismatch):
                # The run that is due cannot be stored, most likely because there is one for its date already.
                self._pass_over(event.subject)
        self._mark_run(number, reason)

    def _pass_over(self, dag_id: Any) -> None:
        record = self.world.dags.get(dag_id)
        if record is not None and record.next_due is not None:
            taken = (dag_id, record.next_due.run_after)
            self._inbox.appendleft(Item(TimerFired(kind="schedule_taken", subject=taken)))

    def _set_run_aside(self, number: int | None, fault: Exception) -> None:
        """Build memory again, and have the run that cannot go on marked with the reason."""
        self._reload()
        self._mark_run(number, str(fault) if isinstance(fault, CannotStart) else f"{type(fault).__name__}: {fault}")

    def _mark_run(self, number: int | None, reason: str) -> None:
        operations: list[Operation] = []
        live = self.world.runs.get(number) if number is not None else None
        if live is not None:
            live.run = live.run._replace(quarantine=reason)
            operations.append(PutRun(live.run, live.run.state))
            operations.append(Record("quarantined", live.run.dag_id, live.run.run_id, reason=reason))
        # Even without rows: the next turn gives slots to what is ready.
        self._inbox.appendleft(Item(Rows(tuple(operations))))

    def _reload(self) -> None:
        self.world = self._load(self.world.next_run_number)
        self._say_what_was_set_aside()

    def _say_what_was_set_aside(self) -> None:
        """What could not be read is in the event log, once, and a run in memory that stands still bears the reason."""
        found = set(self.world.set_aside.values())
        operations: list[Operation] = []
        for left in sorted(found - self._said):
            self._log("something stored was set aside", table=left.table, row=left.name, reason=left.reason)
            operations.append(
                Record(
                    "quarantined", left.dag_id, left.run_id, reason=left.reason,
                    body={"table": left.table, "row": left.name},
                )
            )  # fmt: skip
        for left in found:
            if not left.is_out and left.run in self.world.runs:
                run = self.world.runs[left.run].run
                operations.append(PutRun(run, run.state))
        self._said = found
        if operations:
            self._inbox.appendleft(Item(Rows(tuple(operations))))

    def _run_of(self, event: Any) -> int | None:
        match event:
            case (
                AttemptStarted(attempt=attempt)
                | AttemptFinished(attempt=attempt)
                | TaskStoreChanged(attempt=attempt)
                | AssetStoreChanged(attempt=attempt)
            ):
                known = self.world.attempts.get(attempt)
                return known.key.run if known else None
            case XComPushed(run=number):
                return number
            case TimerFired(kind="run_timeout", subject=number) if isinstance(number, int):
                return number
            case TimerFired(kind="task" | "deferral" | "question", subject=key):
                return getattr(key, "run", None)
            case _:
                return getattr(event, "run", None)
