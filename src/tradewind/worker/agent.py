"""Agent: supervises attempts on one machine. It decides and remembers; `service.py` gives it sockets and time.

It keeps, per Dag file, a code host with children standing by; hands an offer to a child; keeps every report until the
scheduler has committed it; and makes sure that whatever was started is reported or killed.
"""

import os
import signal
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from tradewind.wire.measured import Measurements
from tradewind.wire.messages import (
    LEASE_SECONDS,
    SAY_AGAIN_SECONDS,
    Ack,
    AnyMessage,
    Beat,
    BeatAck,
    Cancel,
    Child,
    Drain,
    DropTrigger,
    Exited,
    Finished,
    Fork,
    Hello,
    HostReady,
    HostStarted,
    ImportProblem,
    Measured,
    Message,
    Offer,
    Parse,
    Parsed,
    Progress,
    Refresh,
    Request,
    Response,
    RunTrigger,
    Started,
    StartHost,
    Warm,
)
from tradewind.worker.lease import Lease
from tradewind.worker.memory_guard import SMALL_BYTES, MemoryGuard, TooLarge
from tradewind.worker.spool import WORTH_KEEPING_US
from tradewind.worker.trigger_keeper import Link, TriggerHost, TriggerKeeper

STAND_BY = 2
"""Children that stand by for a file in use."""

BURST = 16
"""Children that one burst asks for at a time."""

MOST_SERVED = 1000
MOST_REUSED_BYTES = 512 * 1024 * 1024
"""When a child that serves many attempts is replaced by a fresh one."""

CALLBACK_STARTS = 3
"""How often a callback is started whose process or host dies under it."""

IMPORTS = 3
"""How often a file is imported anew for an attempt when its host dies on the way: killed with a worker's lease, or for
want of memory."""

EXIT_NEWS_SECONDS = 1.0
"""After a child's channel closed: how long to wait for its exit status from its host."""

SILENCE_SECONDS = 10.0
"""A scheduler that has not answered for so long is frozen, or has forgotten us: the connection is made anew."""

NOT_REPEATED = frozenset({"run.create", "variable.delete"})
"""Requests that are not put again when their answer was lost: the repeat would do, or say, something else."""

MOST_MEASURED = 2_000
"""Series of what tasks measured that wait for the next beat."""

MOST_REMEMBERED = 10_000
"""Finished attempts whose ids are remembered."""

IDLE_SECONDS = 60.0
PARSED_ONLY_SECONDS = 10.0
"""A host that was only used to parse goes sooner than one that ran attempts."""

MOST_IDLE_HOSTS = 8
LONGEST_SILENT_SECONDS = 5.0
"""An agent that was not called for so long was stopped: it is called every second or two."""

HANG_SECONDS = 5.0
"""How long past its own time limit an import may go on before its host is killed."""


class Ports(Protocol):
    """What the agent asks of the outside."""

    def now(self) -> float: ...
    def clock_us(self) -> int: ...
    def tell_scheduler(self, message: Message) -> None: ...
    def hang_up(self) -> None: ...
    def start_host(self, host: "Host") -> Link: ...
    def start_trigger_host(self, host: TriggerHost) -> Link: ...
    def child_link(self, host: "Host", child: "Standby") -> Link: ...
    def spawn(self, child: "Standby") -> None: ...
    def kill(self, pid: int, number: int) -> None: ...
    def kill_tree(self, pid: int) -> None: ...
    def later(self, seconds: float, call: Callable[[], None]) -> None: ...
    def usage(self, pids: dict[str, int]) -> dict[str, tuple[int, float]]: ...
    def memory_of(self, pid: int) -> int: ...
    def available_memory(self) -> int: ...
    def machine_use(self) -> tuple[float, float]:
        """Percent of the machine's memory, and of the disk that holds the home folder, in use; 0: unknown."""
        ...

    def machine_cpu(self) -> tuple[float, float]:
        """Busy and all CPU seconds of the machine since its start; zeros: unknown."""
        ...

    def forget_report(self, attempt: str) -> None: ...
    def close_log(self, offer: Offer, reason: str) -> None: ...


@dataclass(eq=False, slots=True)
class Standby:
    """A child process that waits for an attempt, or runs one."""

    pid: int
    host: "Host | None"
    reuse: bool = False
    attempt: "Running | None" = None
    served: int = 0
    gone: bool = False
    conclude: Callable[[], None] | None = None
    """What is to be concluded from its death, once its channel has been read to the end."""
    link: Link = field(init=False)


@dataclass(eq=False, slots=True)
class Running:
    """An offer on this machine, until its report is made."""

    offer: Offer
    child: Standby | None = None
    starts: int = 1
    imports: int = 1
    """How many hosts have begun to import its file for it."""
    started_us: int | None = None
    assigned_at: float = 0.0
    cancelled: str = ""
    peak: int = 0
    now_bytes: int = 0
    cpu: float = 0.0


@dataclass(slots=True)
class Question:
    """A request that waits for its answer: from whom, and under which number there."""

    link: Link
    number: int
    request: Request
    is_told: bool = False


@dataclass(eq=False, slots=True)
class Host:
    """A code host and its children."""

    file: str
    order: StartHost
    serial: int = 0
    """Of the import: it has seen every change that one with a smaller serial has."""
    link: Link | None = None
    pid: int = 0
    parsed: bool = False
    ready: bool = False
    retired: bool = False
    standby: deque[Standby] = field(default_factory=deque)
    standby_reuse: deque[Standby] = field(default_factory=deque)
    forking: int = 0
    forking_reuse: int = 0
    waiting: deque[Running] = field(default_factory=deque)
    busy: dict[int, Standby] = field(default_factory=dict)
    begun_at: float = 0.0
    """In seconds that its agent was awake."""
    last_used: float = 0.0
    used: bool = False
    wanted_until: float = 0.0

    def is_newer_than(self, other: "Host") -> bool:
        """Whether its import is: of one serial, the one that began later."""
        return (self.serial, self.begun_at) > (other.serial, other.begun_at)


class Agent:
    """One worker. All methods are reactions; none waits."""

    def __init__(
        self,
        *,
        name: str,
        instance: str,
        capacity: int,
        queues: list[str],
        dags_folder: str,
        pid: int,
        ports: Ports,
        host_memory: int = 2**62,
        memory: MemoryGuard | None = None,
    ) -> None:
        self.name = name
        self.capacity = capacity
        self.attempts: dict[str, Running] = {}
        self.reports: dict[str, Finished] = {}
        """Reports that the scheduler has not acknowledged yet."""
        self.hosts: dict[str, Host] = {}
        """The host of each file that serves its offers."""
        self.parsing: dict[str, Host] = {}
        """Hosts that have not finished their import."""
        self.all_hosts: set[Host] = set()
        self.children: dict[int, Standby] = {}
        self.draining = False
        self._instance = instance
        self._queues = queues
        self._folder = dags_folder
        self._pid = pid
        self._host_memory = host_memory
        self._ports = ports
        self._memory = memory or MemoryGuard(reserve_bytes=0)
        self.held: dict[str, TooLarge] = {}
        """Attempts that wait for memory, in their order, and why."""
        self.measured = Measurements(MOST_MEASURED)
        """What tasks have measured and the scheduler has not been told."""
        self.triggers = TriggerKeeper(ports, self._ask)
        self._requests: dict[int, Question] = {}
        self._next_request = 0
        self._is_connected = False
        self._lease = Lease(ports.now(), LEASE_SECONDS)
        self._unsure: dict[str, Running] = {}
        """Attempts that were offered when nobody had answered for a lease: others may have them by now."""
        self._heard_at = 0.0
        self._seen_at = ports.now()
        self._asleep = 0.0
        """For how long in all it was stopped, as far as it has noticed."""
        self._told_at: dict[str, float] = {}
        """When each report that is not acknowledged was told last."""
        self._given_back: set[str] = set()
        """Callbacks that were not carried out, whose report is not acknowledged: the same may be offered again."""
        self._done: dict[str, None] = {}
        """Attempts whose report was acknowledged: a late repeat of their offer starts nothing."""

    # --- the scheduler's side ---

    def hello(self) -> Hello:
        return Hello(
            role="agent",
            worker=self.name,
            instance=self._instance,
            capacity=self.capacity,
            queues=self._queues,
            pid=self._pid,
            running=[*self.attempts, *self.reports],
        )

    def dialled(self) -> Hello:
        """There is a connection: what to say on it first. Its silence counts from now on.

        What nobody is sure about is forgotten: it is offered again if it is still ours.
        """
        self._heard_at = self._ports.now()
        self._lease.dialled(self._heard_at)
        for attempt in self._unsure:
            del self.attempts[attempt]
        self._unsure.clear()
        return self.hello()

    def connected(self, lease_seconds: float = LEASE_SECONDS) -> None:
        """The scheduler knows us (again): it gets every report that it has not acknowledged."""
        self._heard_at = self._ports.now()
        self._lease.welcomed(lease_seconds)
        for report in self.reports.values():
            self._tell(report)
        self.triggers.connected()
        for running in self.attempts.values():
            if running.started_us is not None:
                self._ports.tell_scheduler(Started(attempt=running.offer.attempt, start_us=running.started_us))
        self._is_connected = True
        for question in self._requests.values():
            self._put(question)

    def from_scheduler(self, message: AnyMessage) -> None:
        self._heard_at = self._ports.now()
        match message:
            case Offer():
                self._offered(message)
            case Ack(attempts=attempts):
                for attempt in attempts:
                    self.triggers.acknowledged(attempt)
                    report = self.reports.pop(attempt, None)
                    self._told_at.pop(attempt, None)
                    if attempt in self._given_back:
                        self._given_back.discard(attempt)
                    elif report is not None:  # else it was acknowledged before, and may be offered again since
                        self._done[attempt] = None
                    if len(self._done) > MOST_REMEMBERED:
                        del self._done[next(iter(self._done))]
                    if report is not None and (report.end_us or 0) - (report.start_us or 0) >= WORTH_KEEPING_US:
                        self._ports.forget_report(attempt)
            case Cancel():
                self._cancel(message)
            case RunTrigger():
                self.triggers.run(message)
            case DropTrigger():
                self.triggers.drop(message)
            case Parse():
                self._parse(message)
            case Refresh():
                self._refresh(message)
            case Warm(file=file, serial=serial, children=children):
                self._warm(file, serial, children)
            case Response(id=number):
                question = self._requests.pop(number, None)
                if question is not None:
                    message.id = question.number
                    question.link.send(message)
            case BeatAck(sent_us=sent_us):
                self._lease.answered(sent_us)
                self._begin_unsure()
            case Drain():
                self.draining = True

    def _report(self, report: Finished) -> None:
        self.reports[report.attempt] = report
        self._tell(report)
        if self.held:
            self._ports.later(0, self._let_in)

    def _tell(self, report: Finished) -> None:
        self._told_at[report.attempt] = self._ports.now()
        self._ports.tell_scheduler(report)

    # --- offers ---

    def _offered(self, offer: Offer) -> None:
        if offer.attempt in self.attempts or offer.attempt in self._done:
            return
        if offer.attempt in self.reports:
            self._tell(self.reports[offer.attempt])
            return
        if self.draining:
            self._report(Finished(attempt=offer.attempt, outcome="not_started", error="the worker is shutting down"))
            return
        running = Running(offer)
        if (reason := self._too_large(offer)) is not None:
            self.attempts[offer.attempt], self.held[offer.attempt] = running, reason
            return
        self._begin(running)

    def _too_large(self, offer: Offer) -> TooLarge | None:
        """Why the machine has no room for an attempt now; None when it has, or when nothing else runs."""
        if offer.callback or self._memory.expects(offer.run.dag_id, offer.task_id) <= SMALL_BYTES:
            return None
        running = [
            (other.offer.run.dag_id, "" if other.offer.callback else other.offer.task_id, other.now_bytes)
            for attempt, other in self.attempts.items()
            if attempt not in self.held
        ]
        return self._memory.too_large(offer.run.dag_id, offer.task_id, running, self._ports.available_memory())

    def _let_in(self) -> None:
        """Memory may have come free: those that wait for it start in their order, as far as there is room."""
        for attempt in list(self.held):
            running = self.attempts[attempt]
            reason = self._too_large(running.offer)
            if reason is not None:
                self.held[attempt] = reason
                return
            del self.held[attempt]
            self._begin(running)

    def _is_sure(self, running: Running) -> bool:
        """Whether an attempt may begin at this moment. One that may not waits for the scheduler's word."""
        if self._lease.holds(self._ports.now()):
            return True
        if not self._unsure:
            self._ports.later(0, lambda: self._ports.tell_scheduler(self.tick()))
        self._unsure[running.offer.attempt] = running
        return False

    def _begin_unsure(self) -> None:
        """The scheduler has answered on the connection on which it offered these: they are still ours."""
        if self._lease.holds(self._ports.now()):
            waiting, self._unsure = list(self._unsure.values()), {}
            for running in waiting:
                self._begin(running)

    def _begin(self, running: Running) -> None:
        offer = running.offer
        self.attempts[offer.attempt] = running
        if not self._is_sure(running):
            return
        if offer.isolation == "spawn":
            self._spawn(running)
            return
        host = self._host_for(offer.file, offer.serial)
        host.last_used, host.used = self._ports.now(), True
        child = self._take_standby(host, reuse=offer.isolation == "reuse")
        if child is not None:
            # Its successor is forked when it has started: until then the processor is its own.
            self._give(child, running)
        else:
            host.waiting.append(running)
            self._keep_standby(host)

    def _take_standby(self, host: Host, *, reuse: bool) -> Standby | None:
        ready = host.standby_reuse if reuse else host.standby
        while ready:
            child = ready.pop()
            if not child.gone:
                return child
        return None

    def _give(self, child: Standby, running: Running) -> None:
        child.attempt = running
        running.child = child
        running.assigned_at = self._ports.now()
        if child.host is not None:
            child.host.busy[child.pid] = child
        child.link.send(running.offer)

    def _keep_standby(self, host: Host) -> None:
        """Ask for as many children as are waited for, and two to stand by."""
        if not host.ready or host.retired:
            return
        waiting_reuse = sum(r.offer.isolation == "reuse" for r in host.waiting)
        waiting = len(host.waiting) - waiting_reuse
        wanted = min(waiting + (STAND_BY if host.used or host.wanted_until > self._ports.now() else 0), BURST)
        count = wanted - len(host.standby) - host.forking
        if count > 0:
            host.forking += count
            self._send_host(host, Fork(count=count, rehearse=not host.waiting))
        running_reuse = sum(child.reuse for child in host.busy.values())
        wanted_reuse = min(waiting_reuse, max(1, self._reuse_limit() - running_reuse))
        count = wanted_reuse - len(host.standby_reuse) - host.forking_reuse
        if waiting_reuse and count > 0 and running_reuse + host.forking_reuse < self._reuse_limit():
            host.forking_reuse += count
            self._send_host(host, Fork(count=count, reuse=True))

    def _reuse_limit(self) -> int:
        return max(2, min(self.capacity, 4))

    def _send_host(self, host: Host, message: Message) -> None:
        if host.link is not None:
            host.link.send(message)

    def _spawn(self, running: Running) -> None:
        child = Standby(0, None)
        try:
            self._ports.spawn(child)
        except OSError as error:
            self._end(running, "not_started", f"no process could be started: {error}")
            return
        self.children[child.pid] = child
        child.attempt, running.child = running, child
        running.assigned_at = self._ports.now()
        child.link.send(running.offer)

    def _cancel(self, order: Cancel) -> None:
        running = self.attempts.get(order.attempt)
        if running is None:
            if order.attempt not in self.reports:
                self._report(Finished(attempt=order.attempt, outcome="lost", error="the worker does not have it"))
            return
        running.cancelled = order.reason
        if running.child is None:
            self._unsure.pop(order.attempt, None)
            for host in self.hosts.values():
                if running in host.waiting:
                    host.waiting.remove(running)
            self._end(running, "cancelled", order.reason)
            return
        pid = running.child.pid
        self._ports.kill(pid, signal.SIGTERM)
        self._ports.later(order.grace_seconds, lambda: self._kill_if_running(running))

    def _kill_if_running(self, running: Running) -> None:
        if self.attempts.get(running.offer.attempt) is running and running.child is not None:
            self._ports.kill_tree(running.child.pid)

    # --- hosts ---

    def _host_for(self, file: str, serial: int) -> Host:
        """The host that serves a file now, of an import that is not older than this."""
        host = self.hosts.get(file)
        if host is None or host.serial < serial:
            importing = self.parsing.get(file)
            if importing is None or importing.serial < serial:
                importing = self._start_host(self._order(file, 300.0), serial)
            self._install(importing)
            return importing
        return host

    def _start_host(self, order: StartHost, serial: int) -> Host:
        host = Host(order.file, order, serial, last_used=self._ports.now())
        self.all_hosts.add(host)
        self.parsing[order.file] = host
        host.link = self._ports.start_host(host)
        host.begun_at = self._awake()
        self._ports.later(order.timeout_seconds + HANG_SECONDS, lambda: self._kill_if_hanging(host))
        return host

    def _kill_if_hanging(self, host: Host) -> None:
        if host.parsed or host not in self.all_hosts:
            return
        left = host.order.timeout_seconds + HANG_SECONDS - (self._awake() - host.begun_at)
        if left > 0:  # while the machine slept the import slept as well
            self._ports.later(left, lambda: self._kill_if_hanging(host))
            return
        if host.pid:
            self._ports.kill_tree(host.pid)
        if host.link is not None:
            host.link.close()

    def _awake(self) -> float:
        """Seconds that go on only while this agent does: not while it is stopped, or its machine suspended."""
        now = self._ports.now()
        if now - self._seen_at > LONGEST_SILENT_SECONDS:
            self._asleep += now - self._seen_at
        self._seen_at = now
        return now - self._asleep

    def _order(self, file: str, timeout_seconds: float, digest: str = "", parse_id: int = 0) -> StartHost:
        path = f"{self._folder}/{file}"
        return StartHost(file=file, path=path, digest=digest, parse_id=parse_id, timeout_seconds=timeout_seconds)

    def _parse(self, order: Parse) -> None:
        self._start_host(self._order(order.file, order.timeout_seconds, order.digest, order.id), order.serial)

    def _refresh(self, order: Refresh) -> None:
        serving, importing = self.hosts.get(order.file), self.parsing.get(order.file)
        if serving is None or (importing is not None and importing.serial >= order.serial):
            return
        fresh = self._start_host(self._order(order.file, order.timeout_seconds), order.serial)
        if serving.serial < order.serial:
            self._install(fresh)

    def _warm(self, file: str, serial: int, children: int) -> None:
        host = self._host_for(file, serial)
        host.wanted_until = self._ports.now() + 30.0
        host.last_used = self._ports.now()
        self._keep_standby(host)

    def from_host(self, host: Host, message: AnyMessage) -> None:
        """A host spoke. A Child brings its connection with it."""
        match message:
            case Parsed():
                host.parsed = True
                if self.parsing.get(host.file) is host:
                    del self.parsing[host.file]
                host.last_used = self._ports.now()
                if message.specs and message.isolation == "fork":
                    # Before the scheduler hears of the new version, whose offers wait until this host is ready.
                    self._install(host)
                if message.id:
                    self._ports.tell_scheduler(message)
            case HostStarted(pid=pid):
                host.pid = pid
            case HostReady():
                host.ready = True
                self._install(host)
            case Child(pid=pid, reuse=reuse):
                child = Standby(pid, host, reuse)
                child.link = self._ports.child_link(host, child)
                self._child_ready(host, child)
            case Exited():
                self._child_exited(message)
            case Request():
                self._ask(host.link, message)

    def _install(self, host: Host) -> None:
        """A host takes over its file; the one before serves what it has and goes. Not for one of a newer import."""
        before = self.hosts.get(host.file)
        if before is not None and before.is_newer_than(host):
            self._retire(host)
            return
        if host.retired:
            self._end_if_idle(host)
            return
        self.hosts[host.file] = host
        if before is not None and before is not host:
            host.waiting.extend(before.waiting)
            host.used, host.wanted_until = before.used, before.wanted_until
            before.waiting.clear()
            self._retire(before)
        self._keep_standby(host)

    def _retire(self, host: Host) -> None:
        """No new attempts for this host; it ends when its last one has."""
        host.retired = True
        if self.hosts.get(host.file) is host:
            del self.hosts[host.file]
        for child in (*host.standby, *host.standby_reuse):
            child.gone = True
            child.link.close()
        host.standby.clear()
        host.standby_reuse.clear()
        self._end_if_idle(host)

    def _end_if_idle(self, host: Host) -> None:
        if host.retired and not host.busy and host.link is not None:
            host.link.close()

    def host_gone(self, host: Host) -> None:
        """A host's connection ended: it could not be forked, was retired, or was killed."""
        self.all_hosts.discard(host)
        if self.parsing.get(host.file) is host:
            del self.parsing[host.file]
        waiting = list(host.waiting)
        host.waiting.clear()
        host.link = None
        if self.hosts.get(host.file) is host:
            del self.hosts[host.file]
        if not host.pid and not host.retired:
            self._start_again(host, waiting)
            return
        if not host.parsed and host.order.parse_id:
            self._ports.tell_scheduler(self._parse_failed(host))
        for child in list(host.busy.values()):
            self._lost_with_host(child)
        for child in (*host.standby, *host.standby_reuse):
            child.gone = True
            child.link.close()
        for running in waiting:
            if host.parsed and not host.ready:
                # The import worked and said why it cannot be forked: the attempt gets a process of its own.
                self._spawn(running)
            elif host.ready:
                del self.attempts[running.offer.attempt]
                self._offered(running.offer)
            elif running.imports < IMPORTS and not self._took_too_long(host):
                running.imports += 1
                self._begin(running)
            else:
                self._end(running, "failed", f"{host.file} could not be imported: {self._how_import_ended(host)}")

    def _start_again(self, host: Host, waiting: list[Running]) -> None:
        """The template process died before it had forked this host: a new one does it."""

        def again() -> None:
            self._start_host(host.order, host.serial)
            for running in waiting:
                if self.attempts.get(running.offer.attempt) is running:
                    self._begin(running)

        self._ports.later(0.1, again)

    def _lost_with_host(self, child: Standby) -> None:
        running = child.attempt
        if running is None or self.attempts.get(running.offer.attempt) is not running:
            self.children.pop(child.pid, None)
            return

        def conclude() -> None:
            if self.attempts.get(running.offer.attempt) is running:
                outcome = "lost" if running.started_us is not None else "not_started"
                self._end(running, outcome, "its code host was killed")
            self.children.pop(child.pid, None)

        self._ports.kill_tree(child.pid)
        self._once_silent(child, conclude)

    def _parse_failed(self, host: Host) -> Parsed:
        message = f"{host.file}: {self._how_import_ended(host)}"
        problem = ImportProblem(file=host.file, kind="ImportDied", message=message)
        return Parsed(id=host.order.parse_id, file=host.file, digest=host.order.digest, problems=[problem])

    def _took_too_long(self, host: Host) -> bool:
        return self._awake() - host.begun_at >= host.order.timeout_seconds

    def _how_import_ended(self, host: Host) -> str:
        if self._took_too_long(host):
            return f"its import took longer than {host.order.timeout_seconds:g} s and was stopped"
        return "the import ended its process (os._exit, a crash in native code, or a kill)"

    # --- children ---

    def _child_ready(self, host: Host, child: Standby) -> None:
        self.children[child.pid] = child
        if child.reuse:
            host.forking_reuse = max(0, host.forking_reuse - 1)
        else:
            host.forking = max(0, host.forking - 1)
        self._idle(host, child)

    def _idle(self, host: Host, child: Standby) -> None:
        """A child has nothing to do: it takes what waits, or stands by."""
        if host.retired or child.gone:
            child.gone = True
            child.link.close()
            return
        for running in list(host.waiting):
            if (running.offer.isolation == "reuse") is child.reuse:
                host.waiting.remove(running)
                if not self._is_sure(running):
                    continue
                self._give(child, running)
                if not child.reuse:
                    self._keep_standby(host)
                return
        (host.standby_reuse if child.reuse else host.standby).append(child)

    def from_child(self, child: Standby, message: AnyMessage) -> None:
        running = child.attempt
        match message:
            case Started(attempt=attempt, start_us=start_us):
                if running is not None and running.offer.attempt == attempt:
                    running.started_us = start_us
                    self._ports.tell_scheduler(message)
                    if child.host is not None:
                        self._keep_standby(child.host)
            case Finished(attempt=attempt):
                # One that was given up meanwhile (shutdown) has its report already.
                if running is not None and self.attempts.get(attempt) is running:
                    self._child_finished(child, running, message)
            case Request():
                self._ask(child.link, message)
            case Progress():
                self._ports.tell_scheduler(message)
            case Measured(samples=samples):
                self.measured.merge(samples)

    def _child_finished(self, child: Standby, running: Running, report: Finished) -> None:
        report.peak_bytes = running.peak or report.peak_bytes
        report.cpu_seconds = max(report.cpu_seconds, running.cpu)
        if running.cancelled and report.outcome == "cancelled":
            report.error = running.cancelled
        del self.attempts[report.attempt]
        self._learn(running)
        self._note_given_back(running, report.outcome)
        self._report(report)
        child.attempt = None
        child.served += 1
        host = child.host
        if host is None:
            return
        host.last_used = self._ports.now()
        if child.reuse and child.served < MOST_SERVED and not self._has_grown(child):
            host.busy.pop(child.pid, None)
            self._idle(host, child)
        elif child.reuse:
            child.gone = True
            child.link.close()
            host.busy.pop(child.pid, None)
            self._keep_standby(host)

    def _learn(self, running: Running) -> None:
        if running.peak and not running.offer.callback:
            self._memory.learn(running.offer.run.dag_id, running.offer.task_id, running.peak)

    def _has_grown(self, child: Standby) -> bool:
        return child.served % 50 == 0 and self._ports.memory_of(child.pid) > MOST_REUSED_BYTES

    def child_gone(self, child: Standby) -> None:
        """A child's channel closed. If it owes a report, its host will say how it ended, or nobody will."""
        child.gone = True
        if child.conclude is not None:
            self._conclude(child)
            return
        running = child.attempt
        if running is not None and running.offer.attempt in self.attempts and child.host is not None:
            self._ports.later(EXIT_NEWS_SECONDS, lambda: self._give_up_on(child, running))
        if child.host is not None and running is None:
            self._forget_child(child)

    def _give_up_on(self, child: Standby, running: Running) -> None:
        if self.attempts.get(running.offer.attempt) is running:
            self._ports.kill_tree(child.pid)
            self._died(child, running, "its process is gone")

    def _once_silent(self, child: Standby, conclude: Callable[[], None]) -> None:
        """Conclude from a child's death when its channel has been read to the end: news of the death may overtake its
        last words, and those say whether it started and how it ended."""
        if child.gone:
            conclude()
            return
        child.conclude = conclude
        self._ports.later(EXIT_NEWS_SECONDS, lambda: self._conclude(child))

    def _conclude(self, child: Standby) -> None:
        conclude, child.conclude = child.conclude, None
        if conclude is not None:
            conclude()

    def _child_exited(self, news: Exited) -> None:
        child = self.children.get(news.pid)
        if child is None:
            return
        running = child.attempt
        if running is None or running.offer.attempt not in self.attempts:
            self._forget_child(child)
            return

        def conclude() -> None:
            if self.attempts.get(running.offer.attempt) is running:
                running.peak = running.peak or news.peak_bytes
                running.cpu = max(running.cpu, news.cpu_seconds)
                self._died(child, running, how_it_ended(news.status))
            self._forget_child(child)

        self._once_silent(child, conclude)

    def spawned_exited(self, pid: int, status: int) -> None:
        """A process that the agent itself started has ended."""
        child = self.children.pop(pid, None)
        running = child.attempt if child is not None else None
        if child is None or running is None:
            return

        def conclude() -> None:
            if self.attempts.get(running.offer.attempt) is running:
                self._died(child, running, how_it_ended(status))

        self._once_silent(child, conclude)

    def _died(self, child: Standby, running: Running, how: str) -> None:
        if running.cancelled:
            outcome, how = "cancelled", running.cancelled
        elif running.started_us is None:
            outcome = "not_started"
        else:
            outcome = "failed"
        self._end(running, outcome, how)
        child.attempt = None

    def _forget_child(self, child: Standby) -> None:
        self.children.pop(child.pid, None)
        host = child.host
        if host is not None:
            host.busy.pop(child.pid, None)
            child.gone = True
            if child in host.standby:
                host.standby.remove(child)
            if child in host.standby_reuse:
                host.standby_reuse.remove(child)
            if host.retired:
                self._end_if_idle(host)
            else:
                self._keep_standby(host)

    def _note_given_back(self, running: Running, outcome: str) -> None:
        if running.offer.callback and outcome in ("not_started", "lost"):
            self._given_back.add(running.offer.attempt)

    def _end(self, running: Running, outcome: str, error: str) -> None:
        """Report an attempt that cannot report itself."""
        self.attempts.pop(running.offer.attempt, None)
        self.held.pop(running.offer.attempt, None)
        self._unsure.pop(running.offer.attempt, None)
        self._learn(running)
        if outcome in ("not_started", "lost") and running.offer.callback and not self.draining:
            # A callback has no tries of its own: who has it starts it again, also when nobody knows how far it came.
            if running.starts < CALLBACK_STARTS:
                self._begin(Running(running.offer, starts=running.starts + 1))
                return
            outcome = "failed"
        self._note_given_back(running, outcome)
        if outcome != "not_started":
            self._ports.close_log(running.offer, error)
        self._report(
            Finished(
                attempt=running.offer.attempt,
                outcome=outcome,
                start_us=running.started_us,
                end_us=self._ports.clock_us(),
                error=error,
                died=True,
                peak_bytes=running.peak,
                cpu_seconds=running.cpu,
            )
        )

    # --- requests ---

    def _ask(self, link: Link | None, request: Request) -> None:
        if link is None:
            return
        self._next_request += 1
        question = self._requests[self._next_request] = Question(link, request.id, request)
        request.id = self._next_request
        if self._is_connected:
            self._put(question)

    def _put(self, question: Question) -> None:
        question.is_told = True
        self._ports.tell_scheduler(question.request)

    # --- shutting down ---

    def drain(self) -> None:
        """Take nothing new; what runs goes on."""
        self.draining = True
        self._ports.tell_scheduler(Drain(reason="the worker is shutting down"))

    @property
    def idle(self) -> bool:
        """Nothing runs, and every report has been acknowledged."""
        return not self.attempts and not self.reports

    def stop_everything(self) -> None:
        """The patience is over: what still runs is stopped. It counts as lost, which consumes no retry."""
        for running in list(self.attempts.values()):
            if running.child is not None:
                self._ports.kill(running.child.pid, signal.SIGTERM)
                self._ports.later(1.0, lambda pid=running.child.pid: self._ports.kill_tree(pid))  # type: ignore[misc]
            outcome = "lost" if running.started_us is not None else "not_started"
            self._end(running, outcome, "the worker was shut down")

    def scheduler_gone(self) -> None:
        """Questions wait for the next connection, and are put again there: a task that noted the job which it has
        submitted must not fail for want of an answer. Only what would do a thing twice is given back to its asker."""
        self._is_connected = False
        for number, question in list(self._requests.items()):
            if question.is_told and question.request.method in NOT_REPEATED:
                del self._requests[number]
                error = f"The scheduler went away before it answered {question.request.method}; it may have been done."
                question.link.send(Response(id=question.number, error=error, kind="SchedulerAway"))

    # --- time ---

    def tick(self) -> Beat:
        """Once a second or two: measure what runs, let idle hosts go, and beat."""
        self._awake()
        now = self._ports.now()
        pids = {
            running.offer.attempt: running.child.pid
            for running in self.attempts.values()
            if running.child is not None and now - running.assigned_at >= 1.0
        }
        usage = []
        for attempt, (private, cpu) in self._ports.usage(pids).items():
            running = self.attempts[attempt]
            running.now_bytes, running.cpu = private, max(running.cpu, cpu)
            running.peak = max(running.peak, private)
            usage.append((attempt, private, running.peak, running.cpu))
        self._retire_idle(now)
        self._let_in()
        self._memory.keep()
        self._say_again(now)
        self.triggers.tick(now)
        if self._is_connected and len(self.measured):
            self._ports.tell_scheduler(Measured(samples=self.measured.take()))
        ready = sum(len(host.standby) for host in self.hosts.values())
        holds = [*self.attempts, *self.reports]
        sent_us = self._ports.clock_us()
        self._lease.said(sent_us, now)
        memory_percent, disk_percent = self._ports.machine_use()
        return Beat(
            sent_us=sent_us,
            memory_percent=memory_percent,
            disk_percent=disk_percent,
            machine_cpu=self._ports.machine_cpu(),
            holds=holds,
            triggers=self.triggers.holds,
            usage=usage,
            held=[(attempt, *reason) for attempt, reason in self.held.items()],
            hosts=len(self.all_hosts),
            ready=ready,
        )

    def _say_again(self, now: float) -> None:
        """Reports whose acknowledgement is overdue; and a scheduler that answers no beat is called anew."""
        for attempt, report in self.reports.items():
            # One that was found in the spool is told when we are welcomed: that may have got lost as well.
            if now - self._told_at.setdefault(attempt, now) >= SAY_AGAIN_SECONDS:
                self._tell(report)
        if now - self._heard_at >= SILENCE_SECONDS:
            self._heard_at = now
            self._ports.hang_up()

    def _retire_idle(self, now: float) -> None:
        idle = [
            host
            for host in self.hosts.values()
            if host.ready and not host.busy and not host.waiting and host.wanted_until < now
        ]
        idle.sort(key=lambda host: host.last_used)
        held = sum(self._ports.memory_of(host.pid) for host in self.hosts.values() if host.pid)
        while idle and held > self._host_memory:
            held -= self._ports.memory_of(idle[0].pid)
            self._retire(idle.pop(0))
        for position, host in enumerate(idle):
            patience = IDLE_SECONDS if host.used else PARSED_ONLY_SECONDS
            too_many = len(idle) - position > MOST_IDLE_HOSTS
            if too_many or now - host.last_used > patience:
                self._retire(host)


def how_it_ended(status: int) -> str:
    """A waitpid status as a person reads it."""

    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            name = signal.Signals(number).name
        except ValueError:
            name = f"signal {number}"
        hint = " (the kernel does this when memory runs out)" if number == signal.SIGKILL else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended with exit code {os.waitstatus_to_exitcode(status)} before it reported"
