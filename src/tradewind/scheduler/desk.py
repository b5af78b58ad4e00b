"""Desk: what the scheduler says to agents and clients, and what it makes of what they say.

All methods are reactions; none waits, and none touches a socket.
"""

import json
from collections import ChainMap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from sqlalchemy.exc import OperationalError, SQLAlchemyError, TimeoutError

from tradewind.core.attempts import LOST_GRACE
from tradewind.core.dag_access import FIELD as ACCESS
from tradewind.core.deadlines import runtimes_wanted
from tradewind.core.decisions import (
    LookForRuns,
    NamePartitions,
    NameRuns,
    Operation,
    PutRow,
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
from tradewind.core.errors import InvalidInput
from tradewind.core.inputs import (
    AttemptFinished,
    AttemptStarted,
    DagLoaded,
    WorkerExpired,
    WorkerJoined,
    WorkerLeft,
)
from tradewind.core.soundness import LONGEST_ID, MOST
from tradewind.core.states import AttemptState
from tradewind.observability.tally import Tally
from tradewind.scheduler.alert_deliveries import Deliveries
from tradewind.scheduler.alerts import Alerts, AlertSource
from tradewind.scheduler.audit import rows_of_command
from tradewind.scheduler.callbacks import Callbacks
from tradewind.scheduler.commands import answer_of, wish_of
from tradewind.scheduler.execution import Endpoint
from tradewind.scheduler.gauges import gauges_of
from tradewind.scheduler.machines import Machines
from tradewind.scheduler.offers import Offers
from tradewind.scheduler.owner import Told
from tradewind.scheduler.peers import Peer, Waiting
from tradewind.scheduler.reports import attempt_finished, moment_said
from tradewind.scheduler.reruns import look_for_runs
from tradewind.scheduler.triggers import Triggers
from tradewind.scheduler.wishes import Context
from tradewind.store import queries
from tradewind.store.accounts import roles_unknown
from tradewind.store.checked import is_about_text
from tradewind.wire.events import FILE_PARSED, WORKER_MOVED
from tradewind.wire.measured import Measurements
from tradewind.wire.messages import (
    LEASE_SECONDS,
    PROTOCOL,
    SAY_AGAIN_SECONDS,
    SILENT_SECONDS,
    Ack,
    AnyMessage,
    Beat,
    BeatAck,
    Cancel,
    Command,
    CommandResult,
    Drain,
    Event,
    Finished,
    Hello,
    Measured,
    Message,
    Parse,
    Parsed,
    Progress,
    Refresh,
    Refused,
    Request,
    Response,
    Started,
    Subscribe,
    TriggerAnswer,
    Warm,
    WatcherFired,
    Welcome,
    Withdraw,
)

if TYPE_CHECKING:
    from tradewind.scheduler.scheduler import Scheduler

log = structlog.get_logger("scheduler")

SERIAL_BITS = 32
"""Of the serial of an import; above them stands its owner's epoch."""

GIVEN_UP_SECONDS = LEASE_SECONDS + LOST_GRACE.total_seconds()
"""When what a silent agent had counts as lost: its processes have been killed since its lease ended."""

MOST_MEASURED = 2_000
"""Series of what tasks have measured that are kept."""

MEASURED_SECONDS = 24 * 3600.0
"""A gauge that no task has renewed for so long is no longer shown."""

OF_MACHINES = ("cpu_usage_ratio", "memory_usage_ratio", "disk_usage_ratio", "load_average")
"""What the toolkit measures of a machine: each worker has its own."""

MOST_BACKLOG = 8 * 1024 * 1024
"""A subscriber that has not taken this many bytes is cut off."""


class DagFiles(Protocol):
    """The Dag files, as far as the desk has to do with them."""

    def want(self, path: str | None) -> int: ...
    def due(self) -> list[Parse]: ...
    def parsed(self, answer: Parsed, now: datetime, refuses: Callable[[str], str]) -> list[Any]: ...
    def agent_lost(self) -> None: ...
    def variable_changed(self, key: str) -> None: ...
    def connection_changed(self, conn_id: str) -> None: ...
    def status(self) -> dict[str, Any]: ...


class Observer(Protocol):
    """Somebody who counts what happens, and must not fail for it."""

    def committed(self, operations: Sequence[Operation], seconds: float) -> None: ...


class Vault(Protocol):
    """Encrypts what is secret."""

    def encrypt(self, text: str) -> str: ...
    def decrypt(self, text: str) -> str: ...


class _Wished:
    """How far a command has come."""

    __slots__ = ("is_decided", "is_withdrawn")

    def __init__(self) -> None:
        self.is_decided = False
        """It is in a batch: it may be in the database, whatever anybody says."""
        self.is_withdrawn = False


class Desk:
    """Speaks with the peers of one scheduler."""

    def __init__(
        self,
        scheduler: "Scheduler",
        *,
        files: DagFiles,
        vault: Vault,
        kill_grace_seconds: float,
        files_changed: Callable[[], None] = lambda: None,
        observers: Sequence[Observer] = (),
        alerts: AlertSource | None = None,
    ) -> None:
        self._scheduler = scheduler
        self.tally = Tally()
        self._observers = (self.tally, *observers)
        self.measured = Measurements(MOST_MEASURED)
        """What tasks have measured."""
        self.hosts: dict[str, tuple[int, int]] = {}
        """By agent, its code hosts and the children that stand by in them."""
        self._engine = scheduler.engine
        self.files = files
        self._files_changed = files_changed
        self._kill_grace_seconds = kill_grace_seconds
        self._serials: dict[str, int] = {}
        """Of each file's newest import that has been answered. Two imports of one file are told apart by it, also where
        its text is the same and what it imports is not."""
        self._offers = Offers(self._stored_xcoms, self._serial_of)
        self.peers: set[Peer] = set()
        self.agents: dict[str, Peer] = {}
        self.beats: dict[str, float] = {}
        self.usage: dict[str, tuple[int, int, float]] = {}
        self.held_back: dict[str, dict[str, tuple[int, int]]] = {}
        """By agent, the attempts that wait for memory there: the bytes that each needs, and those that are left."""
        self._silent: set[str] = set()
        """Connected workers that are late with their beats, which was told."""
        self.progress: dict[str, Progress] = {}
        self.parsing: dict[int, Parse] = {}
        self._greeted: dict[str, tuple[int, str]] = {}
        """Epoch and instance of each worker's newest greeting, stored or not."""
        self._fenced: set[str] = set()
        """Agents whose lease has ended, and whose processes have been killed."""
        self._told_at: dict[str, float] = {}
        """When a worker was last told to start or stop an attempt."""
        self._reports = Waiting()
        self._commands = Waiting()
        self._wished: dict[str, _Wished] = {}
        """Commands that are not applied yet, by key."""
        deliveries = Deliveries()
        self._triggers = Triggers(scheduler, self.agents, deliveries)
        self.alerts = Alerts(scheduler, alerts, deliveries, self._triggers) if alerts is not None else None
        self._machines = Machines(scheduler)
        self._callbacks = Callbacks(scheduler, self.agents, self._offers)
        self._endpoint = Endpoint(
            engine=scheduler.engine,
            world=lambda: scheduler.world,
            now=scheduler.now,
            decrypt=vault.decrypt,
            submit=scheduler.submit,
            command=self._apply,
            status=scheduler.status,
            metrics=self.metrics,
            alerts_firing=lambda most: self.alerts.firing(most) if self.alerts is not None else None,
            held_back=lambda: ChainMap(*self.held_back.values()),
        )
        self._context = Context(
            world=lambda: scheduler.world,
            engine=scheduler.engine,
            encrypt=vault.encrypt,
            decrypt=vault.decrypt,
            now=scheduler.now,
            reparse=self._reparse,
            alert_rules_file=alerts.rules_file if alerts is not None else None,
        )

    # --- what peers say ---

    def on_message(self, peer: Peer, message: AnyMessage) -> None:
        if not peer.role and not isinstance(message, Hello):
            log.warning("a peer was cut off: it has not said hello", kind=type(message).__name__)
            peer.close()
            return
        try:
            self._take(peer, message)
        except Exception as fault:
            if isinstance(fault, (OperationalError, TimeoutError)) and not is_about_text(fault):
                raise  # the database is away: whoever asks asks again
            log.warning("a message could not be handled", kind=type(message).__name__, worker=peer.name, exc_info=fault)
            self._answer_badly(peer, message, f"{type(fault).__name__}: {fault}")

    def _answer_badly(self, peer: Peer, message: AnyMessage, fault: str) -> None:
        """Whoever waits for an answer gets one."""
        match message:
            case Request():
                peer.send(Response(id=message.id, error=f"{message.method} cannot be answered: {fault}", kind="Fault"))
            case Command():
                refused = CommandResult(key=message.key, state="refused", error=f"It cannot be applied: {fault}")
                if message.key not in self._commands:
                    self._commands.add(message.key, peer)
                self._commands.tell(message.key, refused)
            case Hello():
                peer.send(Refused(reason=f"This greeting cannot be understood: {fault}"))
                peer.close()

    def _take(self, peer: Peer, message: AnyMessage) -> None:
        match message:
            case Finished():
                self._finished(peer, message)
            case Started():
                at = moment_said(message.start_us, self._scheduler.now())
                self._scheduler.submit_lazily(AttemptStarted(attempt=message.attempt, start_date=at))
            case Request(method="callback.begin"):
                self._callbacks.begin(peer, message.attempt, self._responder(peer, message.id))
            case Request():
                self._endpoint.answer(message, self._responder(peer, message.id))
            case TriggerAnswer():
                self._triggers.answered(peer, message)
            case WatcherFired():
                self._triggers.fired(peer, message)
            case Beat():
                self._beat(peer, message)
            case Parsed():
                self._parsed(peer, message)
            case Command():
                self._command(peer, message)
            case Withdraw():
                self._withdraw(peer, message.key)
            case Progress():
                self._progressed(message)
            case Measured(samples=samples):
                self.measured.merge(
                    samples, self._scheduler.uptime(), dict.fromkeys(OF_MACHINES, (("worker", peer.name),))
                )
            case Subscribe():
                peer.subscription = (message.dag_id, message.run_id)
            case Hello():
                # A connection greets once: a repeat would say again what its agent held then, not what it holds now.
                if not peer.role:
                    self._hello(peer, message)
            case Drain():
                if worker := self._scheduler.world.workers.get(peer.name):
                    worker.draining = True
                    self._worker_moved(peer.name)
            case _:
                log.warning("unexpected message", kind=type(message).__name__)

    def _hello(self, peer: Peer, hello: Hello) -> None:
        self.peers.add(peer)
        if hello.protocol != PROTOCOL:
            peer.send(Refused(reason=f"This scheduler speaks protocol {PROTOCOL}, not {hello.protocol}."))
            peer.close()
            return
        if fault := _fault_of(hello):
            peer.send(Refused(reason=fault))
            peer.close()
            return
        peer.role = hello.role
        epoch = self._scheduler.epoch
        if hello.role == "agent":
            try:
                epoch = self._agent_joins(peer, hello)
            except SQLAlchemyError:
                log.warning("a worker cannot join: the database is away", worker=hello.worker)
                peer.close()
                return
        peer.send(Welcome(epoch=epoch, lease_seconds=LEASE_SECONDS, server_id=self._scheduler.holder))

    def _agent_joins(self, peer: Peer, hello: Hello) -> int:
        with self._engine.connect() as connection:
            stored = queries.worker_epoch(connection, hello.worker)
            known = queries.workers_known(connection)
            waiting = queries.open_callbacks(connection)
        # What an earlier greeting asked for may not be stored yet.
        before, instance = self._greeted.get(hello.worker, (0, ""))
        epoch = max(stored, before) + 1
        fresh = instance != hello.instance and (hello.worker, hello.instance) not in known
        self._greeted[hello.worker] = (epoch, hello.instance)
        if old := self.agents.pop(hello.worker, None):
            old.close()
        peer.name, peer.instance, peer.epoch, peer.pid = hello.worker, hello.instance, epoch, hello.pid
        self.beats[peer.name] = self._scheduler.uptime()
        row = {
            "name": hello.worker,
            "instance": hello.instance,
            "epoch": epoch,
            "capacity": hello.capacity,
            "queues": hello.queues,
            "pid": hello.pid,
            "joined_at": self._scheduler.now(),
            "state": "up",
        }
        self._scheduler.submit(
            WorkerJoined(
                name=hello.worker,
                instance=hello.instance,
                epoch=epoch,
                capacity=hello.capacity,
                queues=tuple(hello.queues),
                holds=frozenset(hello.running) - {callback["id"] for callback in waiting},
                fresh=fresh,
            ),
            lambda _, error: self._agent_joined(peer, frozenset(hello.running)) if not error else None,
            # In one commit with what is decided about its predecessor: the row says that this instance is known.
            lambda _: (PutRow("worker", row),),
        )
        return epoch

    def _agent_joined(self, peer: Peer, holds: frozenset[str]) -> None:
        """The commit is durable that decided on what this instance has. Until then it was told nothing: an offer in
        between could be given up as its predecessor's, and run all the same."""
        if self._greeted.get(peer.name, (0, ""))[0] != peer.epoch:
            return  # it has greeted anew since
        if peer not in self.peers:
            self._scheduler.submit(WorkerLeft(name=peer.name, epoch=peer.epoch))
            return
        self.agents[peer.name] = peer
        self._worker_moved(peer.name)
        self._triggers.joined()
        self._callbacks.joined(peer, holds)
        self._files_changed()

    def on_gone(self, peer: Peer) -> None:
        self.peers.discard(peer)
        if peer.role == "agent" and self.agents.get(peer.name) is peer:
            del self.agents[peer.name]
            self.held_back.pop(peer.name, None)
            self.hosts.pop(peer.name, None)
            self._silent.discard(peer.name)
            self.files.agent_lost()
            self._triggers.left(peer.name)
            self._machines.gone(peer.name)
            self._worker_moved(peer.name)
            if not self._scheduler.is_closed:
                self._scheduler.submit(WorkerLeft(name=peer.name, epoch=peer.epoch))

    def _worker_moved(self, name: str) -> None:
        """Something about a worker is otherwise that no row tells."""
        self.publish([Event(seq=0, at_us=0, name=WORKER_MOVED, body={"worker": name})])

    def _beat(self, peer: Peer, beat: Beat) -> None:
        self.beats[peer.name] = self._scheduler.uptime()
        held = {attempt: (needs, left) for attempt, needs, left in beat.held}
        is_news = peer.name in self._silent or held != self.held_back.get(peer.name, {})
        self._silent.discard(peer.name)
        for attempt, now_bytes, peak, cpu in beat.usage:
            is_news = is_news or self.usage.get(attempt) != (now_bytes, peak, cpu)
            self.usage[attempt] = (now_bytes, peak, cpu)
        if self.agents.get(peer.name) is peer:
            self.held_back[peer.name] = held
            self.hosts[peer.name] = beat.hosts, beat.ready
            if is_news:
                self._worker_moved(peer.name)
            self._compare(peer, frozenset(beat.holds))
            self._triggers.compare(peer, frozenset(beat.triggers))
        self._machines.measured(peer.name, beat)
        if self.alerts is not None:
            self.alerts.machine(peer.name, beat.memory_percent, beat.disk_percent)
        peer.send(BeatAck(sent_us=beat.sent_us, epoch=peer.epoch))

    def _compare(self, peer: Peer, holds: frozenset[str]) -> None:
        """What a worker has and what it should have: messages that got lost on the way are sent again."""
        if not self._scheduler.is_durable:
            return
        world, now = self._scheduler.world, self._scheduler.uptime()
        again: list[Told] = []
        for attempt in world.attempts.values():
            if attempt.worker != peer.name or now - self._told_at.setdefault(attempt.id, now) < SAY_AGAIN_SECONDS:
                continue
            if attempt.cancel:
                again.append(StopAttempt(attempt, attempt.cancel))
            elif attempt.id not in holds and attempt.state is AttemptState.ASSIGNED:
                again.append(StartAttempt(attempt))
        again += [StartCallback(number) for number in self._callbacks.to_repeat(peer.name, holds, now)]
        self._look_for_what_came_back(peer, holds)
        known = world.attempts.keys() | world.unread | self._callbacks.ids() | self._reports.keys()
        again += [StopStray(peer.name, stray) for stray in sorted(holds - known)]
        self._told_at = {id: at for id, at in self._told_at.items() if id in world.attempts}
        self.tell(again)

    def _look_for_what_came_back(self, peer: Peer, holds: frozenset[str]) -> None:
        """Attempts of runs that stood aside: what this worker does not have any more is lost."""
        world = self._scheduler.world
        for id in sorted(world.came_back):
            attempt = world.attempts.get(id)
            if attempt is not None and attempt.worker != peer.name:
                continue
            world.came_back.discard(id)
            begun = attempt is not None and attempt.state is AttemptState.RUNNING  # else it is offered again
            if begun and id not in holds and id not in self._reports:
                gone = "its worker had given it up while its run was set aside"
                self._scheduler.submit(AttemptFinished(attempt=id, outcome="lost", error=gone))

    def _finished(self, peer: Peer, report: Finished) -> None:
        if report.attempt in self._scheduler.world.unread:
            return  # its run cannot be read now: the worker says it again, until it can or is deleted
        try:
            ended = self._callbacks.end_of(report) if self._callbacks.is_one(report) else None
        except SQLAlchemyError:
            return  # the database is away; what is not acknowledged is said again
        if not self._reports.add(report.attempt, peer):
            return

        def forget(*_: object) -> None:
            self._reports.tell(report.attempt, Ack(attempts=[report.attempt]))

        def acknowledge(_: object, error: Exception | None) -> None:
            if error is None:
                forget()
                return
            # What it brought cannot be stored: the attempt has ended all the same, and says why.
            text = f"Its report could not be stored: {error}"
            self._scheduler.submit(
                AttemptFinished(attempt=report.attempt, outcome="failed_for_good", error=text, died=True), forget
            )

        if ended is not None:
            if self._callbacks.goes_on(peer, report):
                forget()
            else:
                self._scheduler.submit(ended, acknowledge)
            return
        self.progress.pop(report.attempt, None)
        usage = self.usage.pop(report.attempt, (0, 0, 0.0))
        report.cpu_seconds, report.peak_bytes = max(report.cpu_seconds, usage[2]), usage[1] or report.peak_bytes
        lines = self.alerts.measured(report) if self.alerts is not None and report.metrics else ()
        self._scheduler.submit(attempt_finished(report), acknowledge, (lambda _: lines) if lines else None)

    def _progressed(self, message: Progress) -> None:
        self.progress[message.attempt] = message
        attempt = self._scheduler.world.attempts.get(message.attempt)
        if attempt is None:
            return
        run = self._scheduler.world.runs[attempt.key.run].run
        body = {"done": message.done, "total": message.total, "unit": message.unit}
        self.publish(
            [
                Event(
                    seq=0,
                    at_us=0,
                    name="progress",
                    dag_id=run.dag_id,
                    run_id=run.run_id,
                    task_id=attempt.key.task_id,
                    map_index=attempt.key.map_index,
                    try_number=attempt.try_number,
                    body=body,
                )
            ]
        )

    def _responder(self, peer: Peer, number: int) -> Callable[[Any, Exception | None], None]:
        def respond(value: Any, error: Exception | None) -> None:
            if error is None:
                peer.send(Response(id=number, value=value))
            else:
                peer.send(Response(id=number, error=str(error), kind=type(error).__name__))

        return respond

    # --- commands ---

    def _command(self, peer: Peer, command: Command) -> None:
        if command.key not in self._commands and (known := self._known_result(command.key)) is not None:
            peer.send(known)
            return
        if not self._commands.add(command.key, peer):
            return
        wished = self._wished[command.key] = _Wished()

        def reply(answer: Any, error: Exception | None) -> None:
            if error is None:
                result = CommandResult(key=command.key, state="applied", value=answer)
            else:
                kind = type(error).__name__
                result = CommandResult(key=command.key, state="refused", error=str(error), kind=kind)
            if not wished.is_withdrawn:
                self._wished.pop(command.key, None)
                self._commands.tell(command.key, result)

        self._apply(command.kind, command.body, command.actor, reply, key=command.key, wished=wished)

    def apply_own(self, kind: str, body: dict[str, Any], reply: Callable[[Any, Exception | None], None]) -> None:
        """Apply a command that the installation gives itself."""
        self._apply(kind, body, "tradewind", reply)

    def _withdraw(self, peer: Peer, key: str) -> None:
        """Answered at once unless it is being applied: then its result comes with the commit."""
        wished = self._wished.get(key)
        if wished is None:
            peer.send(self._known_result(key) or CommandResult(key=key, state="withdrawn"))
        elif not wished.is_decided:
            wished.is_withdrawn = True
            del self._wished[key]
            self._commands.tell(key, CommandResult(key=key, state="withdrawn"))

    def _known_result(self, key: str) -> CommandResult | None:
        """The outcome of a command that was applied before."""
        with self._engine.connect() as connection:
            known = queries.command_answer(connection, key)
        return CommandResult(key=key, state=known["state"], value=json.loads(known["value"])) if known else None

    def _apply(
        self,
        kind: str,
        body: dict[str, Any],
        actor: str,
        reply: Callable[[Any, Exception | None], None],
        key: str | None = None,
        wished: "_Wished | None" = None,
    ) -> None:
        number = key or self._scheduler.new_id()

        def wish() -> Any:
            if wished is not None:
                if wished.is_withdrawn:
                    raise InvalidInput("It was withdrawn.")
                wished.is_decided = True
            return wish_of(self._context, kind, body, actor)

        def also(answer: Any) -> tuple[PutRow] | tuple[PutRow, Record]:
            return rows_of_command(number, kind, body, actor, self._scheduler.now(), answer_of(kind, answer))

        def done(answer: Any, error: Exception | None) -> None:
            if error is None:
                self._after_command(kind, body)
            reply(answer_of(kind, answer), error)

        self._scheduler.submit(wish, done, also, urgent=True)

    def _after_command(self, kind: str, body: dict[str, Any]) -> None:
        if kind.startswith("variable."):
            self.files.variable_changed(body.get("key", ""))
            self._files_changed()
        elif kind.startswith("connection."):
            self.files.connection_changed(body.get("conn_id", ""))
            self._files_changed()
        elif kind == "pool.set":
            self._scheduler.kick()
        elif self.alerts is not None and kind.startswith("alert_rule."):
            self.alerts.read_again()
        elif self.alerts is not None and kind.startswith("alert_silence."):
            self.alerts.hushes_changed()

    def _reparse(self, path: str | None) -> int:
        count = self.files.want(path)
        self._files_changed()
        return count

    # --- what the owner tells ---

    def _stored_xcoms(self, run: int, task_id: str, key: str) -> list[tuple[str, int, str, bytes]]:
        with self._engine.connect() as connection:
            return queries.xcoms(connection, run, task_ids=[task_id], key=key)

    def tell(self, operations: list[Told]) -> None:
        """Messages after a commit, one write per agent."""
        out: dict[str, list[Message]] = {}
        for operation in operations:
            try:
                self._tell_one(operation, out)
            except SQLAlchemyError as away:
                log.warning("somebody is told later: the database is away", error=str(away))
            except Exception as fault:
                self._cannot_tell(operation, fault)
        for name, messages in out.items():
            if agent := self.agents.get(name):
                agent.send_all(messages)

    def _tell_one(self, operation: Told, out: dict[str, list[Message]]) -> None:
        match operation:
            case StartAttempt(attempt=attempt):
                self._told_at[attempt.id] = self._scheduler.uptime()
                offer = self._offers.offer(self._scheduler.world, attempt)
                if offer is not None:
                    out.setdefault(attempt.worker, []).append(offer)
            case StopAttempt(attempt=attempt, reason=reason):
                self._told_at[attempt.id] = self._scheduler.uptime()
                grace = self._kill_grace_seconds
                cancel = Cancel(attempt=attempt.id, reason=reason, grace_seconds=grace)
                out.setdefault(attempt.worker, []).append(cancel)
            case StopStray(worker=name, attempt=stray):
                cancel = Cancel(attempt=stray, reason="it is no longer current", grace_seconds=0.0)
                out.setdefault(name, []).append(cancel)
            case StartCallback(id=number):
                self._callbacks.start(number)
            case StartTrigger(deferral=deferral):
                self._triggers.start(deferral.id)
            case StartWatcher(watched=watched):
                self._triggers.start(watched.id)
            case StopTrigger(id=trigger):
                self._triggers.stop(trigger)
            case NameRuns(dag_id=dag_id) | NamePartitions(dag_id=dag_id):
                record = self._scheduler.world.dags.get(dag_id)
                if record is not None:
                    self._reparse(record.file)
            case LookForRuns(dag_id=dag_id):
                look_for_runs(self._context, dag_id, self._scheduler.submit)
            case WarmHost(dag_id=dag_id, children=children):
                record = self._scheduler.world.dags.get(dag_id)
                if record is not None and record.isolation != "spawn":
                    serial = self._serial_of(record.file)
                    warm = Warm(file=record.file, version=record.version, serial=serial, children=children)
                    for name in self.agents:
                        out.setdefault(name, []).insert(0, warm)

    def _cannot_tell(self, operation: Told, fault: Exception) -> None:
        """What cannot be put into words for a worker would be said again and again: its attempt has failed instead."""
        log.warning("a worker cannot be told", what=type(operation).__name__, error=str(fault), exc_info=fault)
        if isinstance(operation, StartAttempt):
            text = f"It cannot be offered to a worker: {type(fault).__name__}: {fault}"
            self._scheduler.submit(AttemptFinished(attempt=operation.attempt.id, outcome="failed_for_good", error=text))

    def publish(self, events: list[Event]) -> None:
        """Events to the alert rules, and to those who subscribed to them."""
        if self.alerts is not None:
            self.alerts.heard(events)
        for peer in list(self.peers):
            if peer.subscription is None:
                continue
            dag_id, run_id = peer.subscription
            chosen = [e for e in events if (not dag_id or e.dag_id == dag_id) and (not run_id or e.run_id == run_id)]
            if chosen:
                peer.send_all(chosen)
                if peer.backlog > MOST_BACKLOG:
                    peer.close()

    def committed(self, operations: Sequence[Operation], seconds: float) -> None:
        """These are durable: they are counted, for whoever asks for numbers."""
        for observer in self._observers:
            observer.committed(operations, seconds)

    # --- numbers ---

    def triggers_by_agent(self) -> dict[str, int]:
        """How many triggers each connected agent has."""
        return {name: self._triggers.load_of(name) for name in self.agents}

    def metrics(self) -> dict[str, Any]:
        """What happened since this scheduler became the owner, what is so now, and what tasks have measured."""
        self.measured.forget_gauges(self._scheduler.uptime() - MEASURED_SECONDS)
        return {
            "families": [*gauges_of(self._scheduler, self.tally), *self.tally.families(self._scheduler.world.dags)],
            "measured": [[each.name, each.labels, each.kind, each.value, each.buckets] for each in self.measured],
            "forgotten": self.measured.forgotten,
        }

    # --- Dag files ---

    def ask_for_parses(self) -> None:
        """Hand what is to be parsed to an agent."""
        if self.agents:
            for request in self.files.due():
                if request.aged:
                    request.serial = self._serial_of(request.file)
                else:
                    request.serial = self._first_serial + request.id
                self.parsing[request.id] = request
                next(iter(self.agents.values())).send(request)

    def _parsed(self, peer: Peer, answer: Parsed) -> None:
        request = self.parsing.pop(answer.id, None)
        if request and answer.specs:
            self._serials[answer.file] = max(request.serial, self._serial_of(answer.file))
            news = Refresh(file=answer.file, serial=request.serial, timeout_seconds=request.timeout_seconds)
            for other in self.agents.values():
                if other is not peer:
                    other.send(news)
        for event in self.files.parsed(answer, self._scheduler.now(), self._scheduler.world.refuses):
            if isinstance(event, DagLoaded) and (given := event.spec.extra.get(ACCESS)):
                self._look_for_roles(event.spec.dag_id, given)
            self._scheduler.submit(self._with_runtimes(event), partial(self._file_stored, answer.file))
        for problem in answer.problems:
            log.warning("import error", file=answer.file, line=problem.line, problem=problem.message)
        self._files_changed()

    @property
    def _first_serial(self) -> int:
        """Below it are those of earlier owners, whose imports may be from before a change that nobody has seen."""
        return self._scheduler.epoch << SERIAL_BITS

    def _serial_of(self, file: str) -> int:
        return self._serials.get(file, self._first_serial)

    def _file_stored(self, file: str, _: object, error: Exception | None) -> None:
        """What a file gave is durable, or some of it: whoever looks at files looks again."""
        if error is None:
            self.publish([Event(seq=0, at_us=0, name=FILE_PARSED, body={"file": file})])

    def _look_for_roles(self, dag_id: str, given: Mapping[str, Any]) -> None:
        """Rights of a role that there is not yet are kept for it; but its name may be a slip."""
        try:
            with self._engine.connect() as connection:
                unknown = roles_unknown(connection, given)
        except SQLAlchemyError:
            return  # the database is away; for a warning the news of the Dag is not given up
        for role in unknown:
            log.warning("access_control= names a role that there is not", dag_id=dag_id, role=role)

    def _with_runtimes(self, event: Any) -> Any:
        """News of a Dag whose deadlines look at its past runs bring how long those took, if that is not known yet."""
        most = runtimes_wanted(event.spec) if isinstance(event, DagLoaded) else 0
        if not most or len(self._scheduler.world.runtimes.get(event.spec.dag_id, ())) >= most:
            return event
        with self._engine.connect() as connection:
            return replace(event, runtimes=queries.runtimes(connection, event.spec.dag_id, most))

    # --- time ---

    def forgive(self, seconds: float) -> None:
        """The scheduler itself was away for so long: nobody's silence counts."""
        for name in self.beats:
            self.beats[name] += seconds

    def expire(self, now: float) -> None:
        """Agents that have been gone for longer than their lease, whose processes are killed, and those that have been
        gone for the grace as well, whose attempts are lost. A frozen agent's tasks run on without it: only when they
        are dead may others take their place, and itself it begins nothing without a lease. A connected one on this
        machine is alive by the kernel's word: one that is silent is frozen, not dead, and left alone."""
        held = {attempt.worker for attempt in self._scheduler.world.attempts.values()} | self._callbacks.agents()
        for name in sorted(held | set(self.beats)):
            silent = now - self.beats.setdefault(name, now)
            if name in self.agents:
                self._fenced.discard(name)
                if silent > SILENT_SECONDS and name not in self._silent:
                    self._silent.add(name)
                    self._worker_moved(name)
                continue
            if silent > LEASE_SECONDS and name in held and name not in self._fenced:
                self._fenced.add(name)
                self._scheduler.fence(name)
            if silent > GIVEN_UP_SECONDS:
                self._fenced.discard(name)
                del self.beats[name]
                if name in held:
                    worker = self._scheduler.world.workers.get(name)
                    expired = WorkerExpired(name=name, epoch=worker.epoch if worker else 0)
                    self._scheduler.submit(expired, partial(self._left_for_good, name))

    def _left_for_good(self, name: str, _: object, error: Exception | None) -> None:
        if error is None and name not in self.agents:
            self._callbacks.left_for_good(name)


def _fault_of(hello: Hello) -> str:
    """Why a greeting is refused; empty when it is not."""
    if hello.role not in ("agent", "client"):
        return f"Role {hello.role[:60]!r} is unknown; there are agent and client."
    if hello.role == "agent" and not 0 < len(hello.worker) <= LONGEST_ID:
        return f"A worker's name has 1 to {LONGEST_ID} characters, not {len(hello.worker)}."
    if not 0 <= hello.capacity <= MOST:
        return f"Worker {hello.worker!r} says that it has {hello.capacity} slots; give a number from 0 to {MOST}."
    if not 0 <= hello.pid <= MOST:
        return f"Worker {hello.worker!r} says that its process is {hello.pid}, which is none."
    return ""
