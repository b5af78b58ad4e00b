"""A worker's machine: the real Agent and the real Front of each code host; processes, signals and disk are ours."""

from __future__ import annotations

import json
import signal
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, Protocol

from tradewind.testing.simulation.asset_parts import sent
from tradewind.testing.simulation.kept_values import Keeping
from tradewind.testing.simulation.network import Calm, End, Weather, connect
from tradewind.testing.simulation.timeline import Actor, Timeline
from tradewind.testing.simulation.values import Values
from tradewind.testing.simulation.workload import Outcome
from tradewind.wire.messages import (
    Ack,
    AnyMessage,
    Deferral,
    DropTrigger,
    Finished,
    HostReady,
    HostStarted,
    Message,
    Offer,
    Parsed,
    Question,
    Refused,
    Request,
    Response,
    RunTrigger,
    Started,
    TriggerAnswer,
    WatcherFired,
    Welcome,
)
from tradewind.worker.agent import IMPORTS, Agent, Host, Link, Standby
from tradewind.worker.front import Front
from tradewind.worker.spool import WORTH_KEEPING_US
from tradewind.worker.trigger_keeper import TriggerHost

if TYPE_CHECKING:
    from collections.abc import Iterable

BEAT_SECONDS = 2.0
"""At most; an agent with a short lease beats more often."""
BEATS_IN_A_LEASE = 3
RECONNECT_SECONDS = 0.05
NEEDS_BYTES = 128 * 1024 * 1024
"""What every attempt takes that runs for a while."""
MOST_ASKING_SECONDS = 10.0
"""How long a child waits for an answer before it takes the question, or the answer, for lost."""

MOST_TIDYING_SECONDS = 4.0
"""What a task does at most between SIGTERM and its end."""


WITHOUT_ERROR = frozenset({"success", "skipped", "rescheduled", "deferred", "awaiting_input"})


class World(Protocol):
    """What a machine asks of the simulation that it is part of."""

    timeline: Timeline
    weather: Weather
    values: Values

    def clock_us(self, offset: float) -> int: ...
    def text_of(self, file: str) -> int:
        """Which text of its own a Dag file has now: how often it was edited."""
        ...

    def outcome(self, offer: Offer) -> Outcome: ...
    def keeping(self, offer: Offer, send: Callable[[Message], None]) -> Keeping | None:
        """What the attempt does about state that it keeps; None for one that keeps none."""
        ...

    def execution_timeout(self, offer: Offer) -> float | None: ...
    def dial(self, machine: Machine) -> End | None:
        """A connection to the scheduler that listens now; None while none does."""
        ...

    def began(self, offer: Offer, child: Child) -> None: ...
    def ended(self, offer: Offer, child: Child, how: str) -> None: ...
    def called_back(self, offer: Offer) -> None:
        """A callback was carried out."""
        ...

    def mailed(self, callback: Offer) -> None:
        """A mail was handed in."""
        ...

    def asks(self, offer: Offer, seconds: float) -> None:
        """A task asks people, who have so long to answer."""
        ...

    def gave_up(self, callback: Offer) -> None:
        """An agent says that a callback ended otherwise."""
        ...

    def cover(self, kind: str) -> None:
        """Something goes wrong inside a machine."""
        ...

    def acknowledged(self, report: Finished) -> None: ...

    @property
    def is_there_news(self) -> bool:
        """Whether anything happens yet to what is watched."""
        ...

    def watcher_says(self, watcher: str, said: str) -> None:
        """A watcher's trigger has something to say, under this name."""
        ...

    def news_acknowledged(self, said: str) -> None:
        """An agent may forget what a watcher has said."""
        ...

    def trigger_failed(self, attempt: str) -> None:
        """The trigger that this attempt deferred to has ended its process twice, or was killed with it."""
        ...


@dataclass(frozen=True, slots=True)
class Habits:
    """What goes wrong inside the machine, as probabilities."""

    child_dies: float = 0.0
    """An attempt's process dies in the middle, without a word."""
    ignores_sigterm: float = 0.0
    host_dies: float = 0.0
    """A code host dies when it has forked a child."""


class Process:
    """A process of the machine."""

    def __init__(self, machine: Machine, name: str, parent: Process | None) -> None:
        self.machine = machine
        self.pid = machine.new_pid()
        self.actor = Actor(f"{machine.name}/{name}{self.pid}")
        self.parent = parent
        self.ends: list[End] = []
        machine.processes[self.pid] = self

    def signal(self, number: int) -> None:
        """A signal arrives."""
        if number == signal.SIGKILL or number == signal.SIGTERM:
            self.die(number)

    def die(self, status: int) -> None:
        """The process ends, at once; `status` as waitpid gives it."""
        if not self.actor.alive:
            return
        self.actor.alive = False
        del self.machine.processes[self.pid]
        for end in self.ends:
            if end.open:
                end.broken()
        for child in [p for p in self.machine.processes.values() if p.parent is self]:
            self._orphaned(child)
        parent = self.parent
        if parent is not None and parent.actor.alive:
            self.machine.after(0.0001, parent.actor, f"SIGCHLD {self.pid}", lambda: parent.child_ended(self, status))

    def _orphaned(self, child: Process) -> None:
        """PDEATHSIG: the kernel kills it."""
        kernel = self.machine.kernel
        self.machine.after(0.001, kernel, f"PDEATHSIG {child.pid}", lambda: child.die(signal.SIGKILL))

    def child_ended(self, child: Process, status: int) -> None:
        """One of ours has ended."""


class HostProcess(Process):
    """A code host: imports for a while, then its Front decides."""

    def __init__(self, machine: Machine, host: Host) -> None:
        super().__init__(machine, f"host:{host.file}:", machine.template)
        self._host = host
        agent = machine.agent
        agent_end, own_end = machine.pipe(
            (machine.actor, lambda message: agent.from_host(host, message), lambda: agent.host_gone(host)),
            (self.actor, self._told, self._agent_gone),
        )
        self.link, self._end = agent_end, own_end
        self.ends.append(own_end)
        self._front = Front(own_end, self)
        self.text = 0
        """The text of its file that it has read."""
        rng = machine.rng
        machine.after(0.001 * rng.random(), self.actor, "fork", self._begin)
        machine.after(0.002 + 0.05 * rng.random(), self.actor, "imported", self._imported)

    def _begin(self) -> None:
        self.text = self.machine.world.text_of(self._host.file)
        self._end.send(HostStarted(pid=self.pid))

    def _imported(self) -> None:
        machine, order = self.machine, self._host.order
        if machine.import_dies(order.file):
            machine.world.cover("import dies")
            self.die(signal.SIGKILL)
            return
        self._end.send(Parsed(id=order.parse_id, file=order.file, digest=str(self.text), specs=[b"{}"]))
        if order.parse_id:  # what is measured and looked through before children can be forked
            machine.after(0.03, self.actor, "ready", lambda: self._end.send(HostReady(pid=self.pid)))
        else:
            self._end.send(HostReady(pid=self.pid))

    def _told(self, message: AnyMessage) -> None:
        self._front.ordered(message)
        if self._front.children and self.machine.rng.random() < self.machine.habits.host_dies:
            self.machine.world.cover("host dies")
            self.die(signal.SIGKILL)

    def _agent_gone(self) -> None:
        self._front.agent_gone()
        self.die(0)

    def child_ended(self, child: Process, status: int) -> None:
        self._front.ended(child.pid, status, 0.01, 1 << 20)

    # --- what the front asks ---

    def fork(self, reuse: bool, rehearse: bool) -> tuple[int, End]:  # type: ignore[override]
        child = Child(self.machine, self, reuse)
        return child.pid, child.agents_end  # type: ignore[return-value]

    def handed_over(self, end: object) -> None:
        """The descriptor travelled with the message."""

    def kill_session(self, pid: int) -> int:
        return 0

    def kill_child(self, pid: int) -> None:
        if process := self.machine.processes.get(pid):
            process.die(signal.SIGKILL)

    def kill_strays(self) -> None:
        """Nothing strays here: whatever a child starts dies with it."""


class Child(Process):
    """A task child: takes an offer, does for a while what its script says, reports, and ends."""

    def __init__(self, machine: Machine, parent: Process | None, reuse: bool) -> None:
        super().__init__(machine, "child:", parent)
        self._reuse = reuse
        self.text = parent.text if isinstance(parent, HostProcess) else 0
        """The text of its file that it runs."""
        self.offer: Offer | None = None
        self.standby: Standby | None = None
        self._running = False
        self._asks_to_mail = False
        self._keeping: Keeping | None = None
        self._began_us = 0
        self._serial = 0
        # The agent's side is wired when the agent takes the descriptor out of the message.
        self.agents_end, self._end = machine.pipe(
            (machine.actor, self._to_agent, self._agent_sees_end), (self.actor, self._told, self._agent_gone)
        )
        self.ends.append(self._end)

    def _to_agent(self, message: AnyMessage) -> None:
        assert self.standby is not None
        self.machine.agent.from_child(self.standby, message)

    def _agent_sees_end(self) -> None:
        if self.standby is not None:
            self.machine.agent.child_gone(self.standby)

    def _agent_gone(self) -> None:
        if self._running:
            self._over("killed")
        self.die(0)

    def _told(self, message: AnyMessage) -> None:
        if isinstance(message, Response) and self._asks_to_mail:
            self._asks_to_mail = False
            self._mail(message)
        elif isinstance(message, Response) and self._running and self._keeping is not None:
            self._keeping.told(message)
        if not isinstance(message, Offer) or self.offer is not None:
            return
        self.offer = message
        rng = self.machine.rng
        self.machine.after(0.0005 + 0.004 * rng.random(), self.actor, "prepared", self._begin)

    def _begin(self) -> None:
        offer = self.offer
        assert offer is not None
        machine, world = self.machine, self.machine.world
        if isinstance(self.parent, _Spawner):
            self.text = world.text_of(offer.file)
        if offer.callback:
            self._call_back(offer)
            return
        self._running = True
        self._began_us = machine.clock_us()
        world.values.forget_earlier_tries(offer)
        world.began(offer, self)
        self._end.send(Started(attempt=offer.attempt, start_us=self._began_us, pid=self.pid))
        if (keeping := world.keeping(offer, self._end.send)) is not None:
            self._keeping = keeping
            keeping.go_on()
        outcome = Outcome(end="failed", lasts=timedelta(0)) if offer.resume_error else world.outcome(offer)
        lasts = outcome.lasts.total_seconds()
        self._serial += 1
        serial = self._serial
        if machine.rng.random() < machine.habits.child_dies:
            self._later(lasts * machine.rng.random(), "crash", serial, self._crash)
        limit = world.execution_timeout(offer)
        if outcome.end == "never":
            if limit is not None:
                self._later(
                    limit, "time limit", serial, lambda: self._finish(Outcome(end="failed", lasts=outcome.lasts))
                )
        else:
            self._later(lasts, outcome.end, serial, lambda: self._finish(outcome))

    def _crash(self) -> None:
        self.machine.world.cover("child dies")
        self.die(signal.SIGSEGV)

    def _call_back(self, offer: Offer) -> None:
        self.machine.world.called_back(offer)
        if "email_" in offer.callback:
            self._asks_to_mail = True
            self._end.send(Request(id=1, method="callback.begin", attempt=offer.attempt))
            # A real connection that loses a message breaks, and then the agent answers.
            away = Response(id=1, error="no answer")
            self.machine.after(MOST_ASKING_SECONDS, self.actor, "no answer", lambda: self._told(away))
        else:
            self._called_back("success")

    def _mail(self, answer: Response) -> None:
        """The engine has said whether the mail may go out now: it takes a while, or is not sent."""
        offer = self.offer
        assert offer is not None
        if answer.error or answer.value:
            self._called_back("not_started" if answer.error else "success")
            return
        self._end.send(Started(attempt=offer.attempt, start_us=self.machine.clock_us(), pid=self.pid))
        self.machine.world.mailed(offer)
        self.machine.after(self.machine.rng.random(), self.actor, "mailed", lambda: self._called_back("success"))

    def _called_back(self, outcome: str) -> None:
        assert self.offer is not None
        now = self.machine.clock_us()
        self._end.send(Finished(attempt=self.offer.attempt, outcome=outcome, start_us=now, end_us=now))
        self._go()

    def _later(self, seconds: float, what: str, serial: int, call: Callable[[], None]) -> None:
        def still() -> None:
            if self._running and self._serial == serial:
                call()

        self.machine.after(seconds, self.actor, what, still)

    def _finish(self, outcome: Outcome) -> None:
        assert self.offer is not None
        offer = self.offer
        report = Finished(
            attempt=offer.attempt,
            outcome=outcome.end,
            start_us=self._began_us,
            end_us=self.machine.clock_us(),
            error="" if outcome.end in WITHOUT_ERROR else f"it {outcome.end}",
            skip=list(outcome.skip),
            asset_events=sent(outcome.updates),
        )
        if outcome.length is not None:
            report.value, report.length = self.machine.world.values.left_by(offer), outcome.length
        if outcome.end == "rescheduled":
            report.reschedule_us = self.machine.clock_us() + outcome.again // timedelta(microseconds=1)
        if outcome.end == "deferred":
            report.defer = self._deferral(offer, outcome)
        if outcome.end == "awaiting_input":
            seconds = outcome.again.total_seconds()
            report.ask = Question(
                subject="go on?", options=["yes", "no"], defaults=["no"], method="go_on", timeout_seconds=seconds
            )
            self.machine.world.asks(offer, seconds)
        self._report(report)

    def _deferral(self, offer: Offer, outcome: Outcome) -> Deferral:
        """What it waits for. The event says which attempt is answered."""
        wait, event = outcome.again // timedelta(microseconds=1), json.dumps(offer.attempt).encode()
        if outcome.triggers:
            return Deferral(classpath="simulated.Wait", kwargs=json.dumps({"wait_us": wait}).encode(), method="go_on")
        at = self.machine.world.clock_us(0) + wait
        return Deferral(classpath="simulated.Moment", method="go_on", at_us=at, at_event=event)

    def _report(self, report: Finished) -> None:
        self._over(report.outcome)
        if (report.end_us or 0) - (report.start_us or 0) >= WORTH_KEEPING_US:
            self.machine.spool[report.attempt] = report
        self._end.send(report)
        self._go()

    def _go(self) -> None:
        self.offer = self._keeping = None
        if not self._reuse:
            self.machine.after(0.0003, self.actor, "exit", lambda: self.die(0))

    def _over(self, how: str) -> None:
        self._running = False
        assert self.offer is not None
        self.machine.world.ended(self.offer, self, how)

    def signal(self, number: int) -> None:
        if number == signal.SIGTERM and self._running:
            if self.machine.rng.random() >= self.machine.habits.ignores_sigterm:
                tidies_up = MOST_TIDYING_SECONDS * self.machine.rng.random() ** 4
                self.machine.after(0.001 + tidies_up, self.actor, "SIGTERM", self._stopped)
        else:
            super().signal(number)

    def _stopped(self) -> None:
        if self._running and self.offer is not None:
            self._report(
                Finished(
                    attempt=self.offer.attempt,
                    outcome="cancelled",
                    start_us=self._began_us,
                    end_us=self.machine.clock_us(),
                    error="The attempt was stopped on request.",
                )
            )

    def die(self, status: int) -> None:
        if self.actor.alive and self._running:
            self._over("killed")
        super().die(status)


class TriggerProcess(Process):
    """A trigger host: each of its triggers waits as long as it was told to, and answers."""

    def __init__(self, machine: Machine, host: TriggerHost) -> None:
        super().__init__(machine, "triggers:", machine.template)
        triggers = machine.agent.triggers
        self.link, self._end = machine.pipe(
            (machine.actor, lambda message: triggers.from_host(host, message), lambda: triggers.host_gone(host)),
            (self.actor, self._told, lambda: self.die(0)),
        )
        self.ends.append(self._end)
        self._running: set[str] = set()
        self._serial = 0
        self._watching: dict[str, int] = {}
        """The newest order of each watcher: what an older one set in motion says nothing."""
        machine.after(
            0.001 * machine.rng.random(), self.actor, "fork", lambda: self._end.send(HostStarted(pid=self.pid))
        )

    def _told(self, message: AnyMessage) -> None:
        match message:
            case RunTrigger(id=id, keeps_on=True) if id not in self._watching:
                self._serial += 1
                self._watching[id] = self._serial
                self._watch(message, self._serial)
            case RunTrigger(id=id) if id not in self._running and not message.keeps_on:
                self._running.add(id)
                self.machine.after(
                    json.loads(message.kwargs)["wait_us"] / 1e6, self.actor, "fires", lambda: self._fires(id)
                )
            case DropTrigger(id=id):
                self._running.discard(id)
                self._watching.pop(id, None)

    def _watch(self, order: RunTrigger, serial: int) -> None:
        """It looks again after a while, and finds news each time; or its code fails."""
        rng, how = self.machine.rng, json.loads(order.kwargs)

        def look() -> None:
            if self._watching.get(order.id) != serial or not self.machine.world.is_there_news:
                return
            if rng.random() < how["ends"]:
                del self._watching[order.id]
                self._end.send(TriggerAnswer(id=order.id, error="what it watches is away"))
                return
            said = f"{rng.getrandbits(128):032x}"
            self.machine.world.watcher_says(order.id, said)
            self._end.send(WatcherFired(id=said, watcher=order.id, event=json.dumps(said).encode()))
            self._watch(order, serial)

        self.machine.after(how["every"] * (0.5 + rng.random()), self.actor, "looks", look)

    def _fires(self, id: str) -> None:
        if id in self._running:
            self._running.discard(id)
            self._end.send(TriggerAnswer(id=id, event=json.dumps(id.removesuffix(".trigger")).encode()))


class Machine:
    """One machine with one agent that comes back whenever it dies. What is on its disk stays."""

    def __init__(
        self, world: World, name: str, *, capacity: int, lease: float, rng: Random, habits: Habits,
        memory_bytes: int = 2**40,
    ) -> None:  # fmt: skip
        self.world, self.name, self.rng, self.habits = world, name, rng, habits
        self._fate_of_imports = Random()
        self._fate_of_imports.setstate(rng.getstate())
        self._imports_died: Counter[str] = Counter()
        self._beats_every = min(BEAT_SECONDS, lease / BEATS_IN_A_LEASE)
        self._capacity = capacity
        self._memory_bytes = memory_bytes
        self.kernel = Actor(f"{name}/kernel")
        self.spool: dict[str, Finished] = {}
        self._callbacks: dict[str, Offer] = {}
        self.processes: dict[int, Process] = {}
        self.clock_offset = 0.0
        self.unplugged_until = 0
        """Before this moment nobody can be dialled."""
        self.template: Process | None = None
        self._pids = 0
        self._lives = 0
        self.link: End | None = None
        self._is_up = False
        self.start()

    def import_dies(self, file: str) -> bool:
        """Whether a host dies of the import that it is about to end; not as often in a row as an agent begins one."""
        if self._imports_died[file] == IMPORTS - 1 or self._fate_of_imports.random() >= self.habits.host_dies:
            self._imports_died[file] = 0
            return False
        self._imports_died[file] += 1
        return True

    def new_pid(self) -> int:
        self._pids += 1
        return self._pids

    def after(self, seconds: float, actor: Actor, what: str, call: Callable[[], None]) -> None:
        self.world.timeline.after(seconds, actor, what, call)

    def pipe(self, first: tuple[Actor, Callable[[AnyMessage], None], Callable[[], None]],
             second: tuple[Actor, Callable[[AnyMessage], None], Callable[[], None]]) -> tuple[End, End]:  # fmt: skip
        """A socket pair between two processes of this machine: nothing is lost on it."""
        timeline, calm = self.world.timeline, Calm()
        a, b = End(timeline, self.rng, calm, *first), End(timeline, self.rng, calm, *second)
        connect(a, b)
        return a, b

    # --- life ---

    def start(self) -> None:
        """A new agent process: nothing of the one before is left when it connects."""
        self._lives += 1
        self._is_up = True
        self.actor = Actor(f"{self.name}/agent{self._lives}")
        for process in list(self.processes.values()):
            process.parent = None
            process.die(signal.SIGKILL)
        self.template = Process(self, "template:", None)
        self.agent = Agent(
            name=self.name,
            instance=f"{self.name}-{self._lives}",
            capacity=self._capacity,
            queues=["default"],
            dags_folder="/dags",
            pid=self.new_pid(),
            ports=self,
        )
        self.agent.reports = dict(self.spool)
        self.after(0.001, self.actor, "dial", self._dial)
        self.after(self._beats_every, self.actor, "tick", self._tick)

    def crash(self, back_after: float) -> None:
        """kill -9 of the agent; its supervisor starts another."""
        if not self._is_up:
            return
        self._is_up = False
        self.actor.alive = False
        ends = [end for process in self.processes.values() for end in process.ends if end.peer.owner is self.actor]
        for end in ends:
            end.peer.broken()
        if self.link is not None:
            self.link.broken()
            self.link = None
        self.after(back_after, self.kernel, "restart", self.start)

    def kill_hosts(self) -> None:
        """The scheduler kills what the agent started, but for the template, which the agent would start again."""
        for process in list(self.processes.values()):
            if process is not self.template:
                process.die(signal.SIGKILL)

    def power_cut(self, back_after: float) -> None:
        """Every process is gone at once; the disk stays."""
        for process in list(self.processes.values()):
            process.parent = None
            process.die(signal.SIGKILL)
        self.crash(back_after)

    def actors(self) -> Iterable[Actor]:
        """Every process now, to be frozen together; none is started or killed meanwhile."""
        return [self.actor, self.kernel, *(process.actor for process in self.processes.values())]

    # --- the scheduler ---

    def _dial(self) -> None:
        if self.link is not None:
            return
        self.link = self.world.dial(self)
        if self.link is None:
            self.after(RECONNECT_SECONDS, self.actor, "dial", self._dial)
        else:
            self.link.send(self.agent.dialled())

    def from_scheduler(self, message: AnyMessage) -> None:
        match message:
            case Welcome():
                self.agent.connected(message.lease_seconds)
            case Refused():
                raise AssertionError(f"the scheduler refused {self.name}: {message.reason}")
            case _:
                if isinstance(message, Offer) and message.callback:
                    self._callbacks[message.attempt] = message
                if isinstance(message, Ack):
                    for attempt in message.attempts:
                        if attempt in self.agent.reports:
                            self.world.acknowledged(self.agent.reports[attempt])
                        elif isinstance(self.agent.triggers.answers.get(attempt), WatcherFired):
                            self.world.news_acknowledged(attempt)
                self.agent.from_scheduler(message)

    def scheduler_gone(self) -> None:
        self.link = None
        self.agent.scheduler_gone()
        self.after(RECONNECT_SECONDS, self.actor, "dial", self._dial)

    def _tick(self) -> None:
        self.after(self._beats_every, self.actor, "tick", self._tick)
        self.tell_scheduler(self.agent.tick())

    # --- the agent's ports ---

    def now(self) -> float:
        return self.world.timeline.now / 1e6

    def clock_us(self) -> int:
        return self.world.clock_us(self.clock_offset)

    def tell_scheduler(self, message: Message) -> None:
        if isinstance(message, Finished) and message.outcome != "success" and message.attempt in self._callbacks:
            self.world.gave_up(self._callbacks[message.attempt])
        if isinstance(message, TriggerAnswer) and message.error:
            self.world.trigger_failed(message.id.removesuffix(".trigger"))
        if self.link is not None:
            self.link.send(message)

    def hang_up(self) -> None:
        if self.link is not None:
            self.link.close()

    def start_host(self, host: Host) -> Link:
        return HostProcess(self, host).link

    def start_trigger_host(self, host: TriggerHost) -> Link:
        return TriggerProcess(self, host).link

    def child_link(self, host: Host, child: Standby) -> Link:
        assert isinstance(host.link, End)
        end = host.link.take_fd()
        process = self.processes.get(child.pid)
        if isinstance(process, Child):
            process.standby = child
        else:  # it died on the way: what it said is still to be read
            self._adopt(end, child)
        return end  # type: ignore[no-any-return]

    def _adopt(self, end: End, child: Standby) -> None:
        end._on_gone = lambda: self.agent.child_gone(child)
        if not end.open:
            self.after(0, self.actor, "eof", lambda: self.agent.child_gone(child))

    def spawn(self, child: Standby) -> None:
        process = Child(self, None, reuse=False)
        child.pid, child.link, process.standby = process.pid, process.agents_end, child
        process.parent = _Spawner(self)

    def kill(self, pid: int, number: int) -> None:
        if process := self.processes.get(pid):
            self.after(0.0001, self.kernel, f"signal {number} {pid}", lambda: process.signal(number))

    def kill_tree(self, pid: int) -> None:
        if process := self.processes.get(pid):
            process.die(signal.SIGKILL)

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self.after(seconds, self.actor, "later", call)

    def usage(self, pids: dict[str, int]) -> dict[str, tuple[int, float]]:
        return dict.fromkeys(pids, (NEEDS_BYTES, 0.01))

    def memory_of(self, pid: int) -> int:
        return 1 << 20

    def machine_use(self) -> tuple[float, float]:
        return 0.0, 0.0

    def machine_cpu(self) -> tuple[float, float]:
        return 0.0, 0.0

    def available_memory(self) -> int:
        return self._memory_bytes

    def forget_report(self, attempt: str) -> None:
        self.spool.pop(attempt, None)

    def close_log(self, offer: Offer, reason: str) -> None:
        """Logs are not part of the play."""


class _Spawner(Process):
    """Stands for the agent as the parent of what it spawned."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.actor = machine, machine.actor

    def child_ended(self, child: Process, status: int) -> None:
        self.machine.agent.spawned_exited(child.pid, status)
