"""TriggerKeeper: the triggers of one worker. It decides and remembers; `trigger_host.py` is the process that runs them.

They run together in one process until that process dies. Which of them killed it nobody can say: each half then gets a
process of its own, until the one that kills is alone, and fails.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from tradewind.wire.messages import (
    SAY_AGAIN_SECONDS,
    AnyMessage,
    DropTrigger,
    HostStarted,
    Message,
    Request,
    RunTrigger,
    TriggerAnswer,
    TriggerBlocked,
    WatcherFired,
)

BLOCKED_SECONDS = 30.0
"""How long a trigger may keep the others of its process from going on."""

IDLE_SECONDS = 60.0


class Link(Protocol):
    """A connection to another process."""

    def send(self, message: Message, fd: int | None = None) -> None: ...
    def close(self) -> None: ...


class Ports(Protocol):
    """What the keeper asks of the outside."""

    def now(self) -> float: ...
    def tell_scheduler(self, message: Message) -> None: ...
    def start_trigger_host(self, host: "TriggerHost") -> Link: ...
    def kill_tree(self, pid: int) -> None: ...


@dataclass(eq=False, slots=True)
class TriggerHost:
    """A process that runs triggers."""

    link: Link | None = None
    pid: int = 0
    triggers: dict[str, RunTrigger] = field(default_factory=dict)
    idle_since: float = 0.0


class TriggerKeeper:
    """All methods are reactions; none waits. `ask` passes a question of a trigger on to the engine."""

    def __init__(self, ports: Ports, ask: Callable[[Link | None, Request], None]) -> None:
        self.hosts: list[TriggerHost] = []
        self.answers: dict[str, TriggerAnswer | WatcherFired] = {}
        """Answers, and what watchers said, that the scheduler has not acknowledged yet; in the order in which it came.
        What a watcher said has an id of its own."""
        self._died_alone: set[str] = set()
        """Triggers whose process has ended while they had it for themselves; somebody else may have killed it."""
        self._told_at: dict[str, float] = {}
        self._ports = ports
        self._ask = ask

    @property
    def holds(self) -> list[str]:
        """Triggers that run here, or whose answer is kept."""
        answered = (id for id, answer in self.answers.items() if isinstance(answer, TriggerAnswer))
        return [*(id for host in self.hosts for id in host.triggers), *answered]

    # --- the scheduler's side ---

    def run(self, order: RunTrigger) -> None:
        if order.id in self.answers:
            self._tell(self.answers[order.id])
        elif not any(order.id in host.triggers for host in self.hosts):
            self._start(self.hosts[-1] if self.hosts else self._new_host(), [order])

    def drop(self, order: DropTrigger) -> None:
        self.acknowledged(order.id)
        for host in self.hosts:
            if host.triggers.pop(order.id, None) is not None and host.link is not None:
                host.link.send(order)
        self._died_alone.discard(order.id)

    def acknowledged(self, id: str) -> None:
        """The scheduler has stored this answer."""
        self.answers.pop(id, None)
        self._told_at.pop(id, None)

    def connected(self) -> None:
        """The scheduler knows us (again)."""
        for answer in self.answers.values():
            self._tell(answer)

    def tick(self, now: float) -> None:
        """Once a second or two: answers that are overdue are said again, processes without work end."""
        for id, answer in self.answers.items():
            if now - self._told_at.get(id, now) >= SAY_AGAIN_SECONDS:
                self._tell(answer)
        for host in list(self.hosts):
            if host.triggers:
                host.idle_since = now
            elif now - host.idle_since >= IDLE_SECONDS:
                self._end(host)

    def _answer(self, answer: TriggerAnswer | WatcherFired) -> None:
        self._died_alone.discard(answer.id)
        self.answers[answer.id] = answer
        self._tell(answer)

    def _tell(self, answer: TriggerAnswer | WatcherFired) -> None:
        self._told_at[answer.id] = self._ports.now()
        self._ports.tell_scheduler(answer)

    # --- the processes' side ---

    def from_host(self, host: TriggerHost, message: AnyMessage) -> None:
        match message:
            case HostStarted(pid=pid):
                host.pid = pid
            case TriggerAnswer(id=id):
                # One that was dropped meanwhile has no answer any more.
                if host.triggers.pop(id, None) is not None:
                    self._answer(message)
            case WatcherFired(watcher=watcher):
                # It goes on. What it says when nobody listens any more means nothing.
                if watcher in host.triggers:
                    self._died_alone.discard(watcher)
                    self._answer(message)
            case TriggerBlocked(id=id, seconds=seconds) if seconds >= BLOCKED_SECONDS and host in self.hosts:
                self._blocked(host, id, seconds)
            case Request():
                self._ask(host.link, message)

    def host_gone(self, host: TriggerHost) -> None:
        """A process has ended without being told to."""
        if host not in self.hosts:
            return
        self.hosts.remove(host)
        orders = list(host.triggers.values())
        if len(orders) == 1 and orders[0].id in self._died_alone:
            self._answer(TriggerAnswer(id=orders[0].id, error="it ended the process that it ran in, twice"))
            return
        self._died_alone.update(order.id for order in orders if len(orders) == 1)
        middle = len(orders) // 2
        for half in (orders[:middle], orders[middle:]):
            if half:
                self._start(self._new_host(), half)

    def _blocked(self, host: TriggerHost, id: str, seconds: float) -> None:
        culprit = host.triggers.pop(id, None)
        if culprit is None:
            self._kill(host)
            return
        text = (
            f"it kept other triggers from going on for {seconds:.0f} s; use `await`, or a thread, for what takes time"
        )
        self._answer(TriggerAnswer(id=id, error=text))
        orders = list(host.triggers.values())
        self._end(host)
        self._kill(host)
        if orders:
            self._start(self._new_host(), orders)

    def _kill(self, host: TriggerHost) -> None:
        if host.pid:
            self._ports.kill_tree(host.pid)

    def _new_host(self) -> TriggerHost:
        host = TriggerHost(idle_since=self._ports.now())
        self.hosts.append(host)
        host.link = self._ports.start_trigger_host(host)
        return host

    def _start(self, host: TriggerHost, orders: Iterable[RunTrigger]) -> None:
        for order in orders:
            host.triggers[order.id] = order
            if host.link is not None:
                host.link.send(order)

    def _end(self, host: TriggerHost) -> None:
        """A process is not needed any more: it ends when its connection does."""
        self.hosts.remove(host)
        if host.link is not None:
            host.link.close()
