"""Simulation: the whole engine in one thread, on virtual time, with everything that goes wrong drawn from one seed.

Scheduler, Desk, Owner, store, Agent and Front are the classes that production drives; time, network, disk, processes
and the database's moods are ours.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from tradewind.core.dag import DagSpec
from tradewind.core.inputs import DagLoaded
from tradewind.core.states import RUN_FINISHED
from tradewind.scheduler import owner as owner_module
from tradewind.scheduler.peers import Peer
from tradewind.scheduler.scheduler import TICK_SECONDS, Scheduler
from tradewind.store import tables
from tradewind.store.loader import load_world
from tradewind.store.specs import encode_spec, version_of
from tradewind.store.times import to_us
from tradewind.testing.simulation.checks import (
    Broken,
    Ledger,
    check_events,
    check_limits,
    check_memory,
    check_silence,
)
from tradewind.testing.simulation.database import Crash, Database, FaultyWriter
from tradewind.testing.simulation.faults import LASTS_SECONDS, Fault, Plan, draw_plan
from tradewind.testing.simulation.machine import Child, Machine
from tradewind.testing.simulation.network import TYPICAL_SECONDS, End, connect
from tradewind.testing.simulation.reference import differences, final_states
from tradewind.testing.simulation.timeline import Actor, Timeline
from tradewind.testing.simulation.workload import (
    BEGIN,
    Clear,
    Edit,
    Mark,
    Outcome,
    Pause,
    Resize,
    RunKey,
    Trigger,
    Workload,
    draw_workload,
)
from tradewind.wire.messages import (
    AnyMessage,
    Command,
    CommandResult,
    Event,
    Finished,
    Hello,
    Message,
    Offer,
    Parse,
    Parsed,
    Welcome,
)

HEALING_SECONDS = 4 * 3600.0
"""After the last fault: in so much virtual time every run is over, or nothing moves any more."""

COMPARE_EVERY = 25
"""Turns between two comparisons of memory with the database; as many as there are tasks where these are more."""

UPTIME_AT_BEGIN = 1000.0


class Files:
    """The Dag files as the scheduler sees them: they change when the workload says so, and need no parsing."""

    def want(self, path: str | None) -> int:
        return 0

    def due(self) -> list[Parse]:
        return []

    def parsed(self, answer: Parsed, now: datetime) -> list[Any]:
        return []

    def agent_lost(self) -> None: ...
    def variable_changed(self, key: str) -> None: ...
    def connection_changed(self, conn_id: str) -> None: ...

    def status(self) -> dict[str, Any]:
        return {}


class OpenVault:
    """Keeps nothing secret."""

    def encrypt(self, text: str) -> str:
        return text

    def decrypt(self, text: str) -> str:
        return text


class SimPeer(Peer):
    """The scheduler's end of a connection."""

    def __init__(self) -> None:
        super().__init__()
        self.end: End

    def send_all(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.end.send(message)

    @property
    def backlog(self) -> int:
        return 0

    def close(self) -> None:
        self.end.close()


class SchedulerProcess:
    """A scheduler process and its supervisor: whatever ends it, another one follows."""

    def __init__(self, sim: Simulation, name: str) -> None:
        self.sim, self.name = sim, name
        self.clock_offset = 0.0
        self.kernel = Actor(f"{name}/kernel")
        self.lives = 0
        self.peers: list[SimPeer] = []
        self.start()

    def start(self) -> None:
        self.lives += 1
        self.actor = Actor(f"{self.name}{self.lives}")
        self.rng = Random(f"{self.sim.seed}/{self.actor.name}")
        self.peers = []
        self.writer = FaultyWriter(self.sim.database, self._commit_fault)
        plan = self.sim.plan
        self.scheduler = Scheduler(
            engine=self.sim.database.engine,
            writer=self.writer,
            holder=self.actor.name,
            ports=self,
            files=Files(),
            vault=OpenVault(),
            parallelism=plan.parallelism,
            default_pool_slots=128,
            max_retry_delay_seconds=86400.0,
            kill_grace_seconds=plan.kill_grace_seconds,
        )
        self._publish = self.scheduler.desk.publish
        self.scheduler.desk.publish = self._published  # type: ignore[method-assign]
        self._do("start", self._try_to_own, 0.0)

    # --- life ---

    def _try_to_own(self) -> None:
        try:
            owns = self.scheduler.try_to_own()
        except OperationalError:  # the database went away in the middle of loading: the process dies of it
            self.crash(0.2)
            return
        if not owns:
            self._do("try", self._try_to_own, TICK_SECONDS)
            return
        self.sim.listens(self)
        for spec in self.sim.specs.values():
            self.load(spec)
        self._do("tick", self._tick, TICK_SECONDS)

    def _tick(self) -> None:
        self._do("tick", self._tick, TICK_SECONDS)
        self.scheduler.tick()

    def crash(self, back_after: float) -> None:
        """kill -9; its supervisor starts another one."""
        if not self.actor.alive:
            return
        self.actor.alive = False
        self.scheduler.is_closed = True
        self.writer.close()
        for peer in self.peers:
            if peer.end.open:
                peer.end.broken()
        if self.sim.listening is self:
            self.sim.listening = None
        self.sim.timeline.after(back_after, self.kernel, "restart", self.start)

    def load(self, spec: DagSpec) -> None:
        """The Dag processor has a Dag for the owner."""
        if not self.scheduler.is_closed and self.scheduler.owner is not None:
            version = version_of(spec, "digest")
            number = self.sim.version_numbers.setdefault(version, len(self.sim.version_numbers) + 1)
            self.scheduler.submit(
                DagLoaded(
                    spec=spec, version=version, encoded=encode_spec(spec), digest="digest", number=number,
                    paused_at_creation=False,
                )
            )  # fmt: skip

    # --- connections ---

    def accept(self, caller: Actor, rng: Random, on_message: Callable[[AnyMessage], None],
               on_gone: Callable[[], None]) -> End:  # fmt: skip
        """A new connection to the private socket; the caller's end."""
        peer, desk = SimPeer(), self.scheduler.desk
        timeline, weather = self.sim.timeline, self.sim
        theirs = End(timeline, rng, weather, caller, on_message, on_gone)
        peer.end = End(timeline, rng, weather, self.actor, lambda m: self._said(peer, m), lambda: desk.on_gone(peer))
        connect(theirs, peer.end)
        self.peers = [p for p in self.peers if p.end.open] + [peer]
        return theirs

    def _said(self, peer: SimPeer, message: AnyMessage) -> None:
        try:
            self.scheduler.desk.on_message(peer, message)
        except OperationalError:
            pass  # as on a real socket: one message that cannot be handled does not cost its sender the connection

    # --- ports ---

    def now(self) -> datetime:
        return BEGIN + timedelta(microseconds=self.sim.timeline.now, seconds=self.clock_offset)

    def uptime(self) -> float:
        return UPTIME_AT_BEGIN + self.sim.timeline.now / 1e6

    def new_id(self) -> str:
        return f"{self.rng.getrandbits(128):032x}"

    def soon(self, call: Callable[[], None]) -> None:
        self._do("turn", lambda: self._turn(call), 0.0)

    def later(self, seconds: float, call: Callable[[], None]) -> Any:
        return self._do("timer", call, seconds)

    def fence(self, worker: str) -> None:
        self.sim.kill_processes_of(worker)

    def overthrown(self) -> None:
        self.crash(0.5)

    def _do(self, what: str, call: Callable[[], None], seconds: float) -> Any:
        return self.sim.timeline.after(seconds, self.actor, what, call)

    # --- turns ---

    def _turn(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Crash:
            self.crash(0.05 + self.rng.random())
            return
        except OperationalError:  # reading failed in the middle of a turn
            self.crash(0.2)
            return
        if self.actor.alive and not self.scheduler.is_closed:
            self.sim.after_turn(self)

    def _commit_fault(self) -> str:
        if self.sim.healed or self.rng.random() >= self.sim.plan.commit:
            return ""
        return self.rng.choice(["crash before", "crash after", "fail before", "fail after", "busy"])

    def _published(self, events: list[Event]) -> None:
        check_events(events)
        self._publish(events)


class Person:
    """Sends commands, and asks again with the same key until there is an answer."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.actor = Actor("person")
        self.rng = Random(f"{sim.seed}/person")
        self.waiting: dict[str, Command] = {}
        self.answers: dict[str, CommandResult] = {}
        self._asked: set[str] = set()
        self._end: End | None = None

    def wish(self, key: str, kind: str, **body: Any) -> None:
        """Send a command until it is answered; what concerns the same Dag or pool waits for that answer."""
        self.waiting[key] = Command(key=key, kind=kind, body=body, actor="person")
        self._next()

    def _next(self) -> None:
        subjects = {self._subject(key) for key in self._asked}
        for key in self.waiting:
            if key not in self._asked and (subject := self._subject(key)) not in subjects:
                subjects.add(subject)
                self._asked.add(key)
                self._ask(key)

    def _subject(self, key: str) -> str:
        body = self.waiting[key].body
        return str(body.get("dag_id") or body.get("name"))

    def _ask(self, key: str) -> None:
        if key not in self.waiting:
            return
        if self._end is None or not self._end.open:
            listening = self.sim.listening
            if listening is not None and listening.actor.alive:
                self._end = listening.accept(self.actor, self.rng, self._answered, lambda: None)
                self._end.send(Hello(role="client"))
        if self._end is not None:
            self._end.send(self.waiting[key])
        self.sim.timeline.after(1.0, self.actor, "ask again", lambda: self._ask(key))

    def _answered(self, message: AnyMessage) -> None:
        if isinstance(message, CommandResult) and message.key in self.waiting:
            del self.waiting[message.key]
            self._asked.discard(message.key)
            self.answers[message.key] = message
            self._next()
        elif not isinstance(message, (CommandResult, Welcome)):
            raise Broken(f"a client was told {type(message).__name__}")


@dataclass(frozen=True, slots=True)
class Result:
    """One simulation: what broke (empty when nothing), how many calls it took, and their hash."""

    seed: int
    broken: str
    played: int
    trace: str
    attempts: int = 0
    """How many began."""
    covered: frozenset[tuple[str, str]] = frozenset()
    """Pairs of (fault, state of a task at that moment)."""


class Simulation:
    """One installation, one workload, one plan of faults."""

    def __init__(self, seed: int, database: Database, *, workload: Workload | None = None, plan: Plan | None = None):
        self.seed = seed
        self.database = database
        self.workload = workload if workload is not None else draw_workload(Random(f"{seed}/workload"))
        self.plan = plan if plan is not None else draw_plan(Random(f"{seed}/faults"))
        self.rng = Random(f"{seed}/network")
        self.timeline = Timeline(Random(f"{seed}/ties"))
        self.weather = self
        self.healed = False
        self.ledger = Ledger()
        self.specs = {spec.dag_id: spec for spec in self.workload.dags}
        self.version_numbers: dict[str, int] = {}
        self.pool_sizes = {**dict(self.workload.pools), "default_pool": 128}
        self.listening: SchedulerProcess | None = None
        self.covered: set[tuple[str, str]] = set()
        self._turns = 0
        self._nature = Actor("nature")
        database.clear(lambda: self.timeline.now)

    # --- the play ---

    def run(self) -> Result:
        """Play until everything is over. Never raises for what the engine does: that is in the result."""
        before, logging_as = owner_module.MOST_INPUTS, structlog.get_config()
        owner_module.MOST_INPUTS = self.plan.most_inputs
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        broken = ""
        try:
            self._play()
        except Broken as error:
            broken = str(error)
        except AssertionError as error:
            broken = f"assertion: {error}"
        except Exception as error:
            broken = f"{type(error).__name__}: {error}"
            if self.timeline.story is not None:
                raise
        finally:
            owner_module.MOST_INPUTS = before
            structlog.configure(**logging_as)
        timeline, attempts = self.timeline, len(self.ledger.starts)
        return Result(self.seed, broken, timeline.played, timeline.trace, attempts, frozenset(self.covered))

    def _play(self) -> None:
        timeline, plan = self.timeline, self.plan
        self.schedulers = [SchedulerProcess(self, "scheduler")]
        if plan.standby:
            self.schedulers.append(SchedulerProcess(self, "standby"))
        self.machines = [
            Machine(self, f"w{n}", capacity=plan.capacity, rng=Random(f"{self.seed}/w{n}"), habits=plan.habits)
            for n in range(plan.machines)
        ]
        for machine, offset in zip(self.machines, plan.offsets, strict=False):
            machine.clock_offset = offset
        self.person = Person(self)
        for n, (name, slots) in enumerate(self.workload.pools):
            self._wish(timedelta(0), f"pool{n}", "pool.set", name=name, slots=slots)
        for n, action in enumerate(self.workload.actions):
            self._schedule(n, action)
        for fault in plan.events:
            timeline.at(round(fault.at * 1e6), self._nature, fault.kind, lambda fault=fault: self._strike(fault))  # type: ignore[misc]
        heal_at = max([LASTS_SECONDS, *(f.at + f.lasts for f in plan.events)]) if plan != Plan() else 0.0
        timeline.at(round(heal_at * 1e6), self._nature, "heal", self._heal)
        end = round((heal_at + HEALING_SECONDS) * 1e6)
        while timeline.now <= end and timeline.step():
            if self.healed and timeline.played % 64 == 0 and self._is_over():
                break
        self._judge()

    def _is_over(self) -> bool:
        scheduler = self.listening.scheduler if self.listening else None
        if scheduler is None or scheduler.owner is None or self.person.waiting:
            return False
        last = max((a.at for a in self.workload.actions), default=timedelta(0)) + timedelta(seconds=200)
        if self.timeline.now < last / timedelta(microseconds=1):
            return False
        world = scheduler.world
        quiet = all(live.run.state in RUN_FINISHED for live in world.runs.values())
        due = [record for record in world.dags.values() if record.next_due is not None]
        return quiet and not due and not scheduler.owner.has_work and all(m.agent.idle for m in self.machines)

    def _schedule(self, n: int, action: Any) -> None:
        match action:
            case Trigger():
                body = {"dag_id": action.dag_id, "run_id": action.run_id}
                self._wish(action.at, f"action{n}", "run.create", **body)
            case Clear():
                ways = {"upstream": action.upstream, "downstream": action.downstream}
                body = {"dag_id": action.dag_id, "run_id": action.run_id, "task_ids": list(action.tasks), **ways}
                self._wish(action.at, f"action{n}", "task.clear", **body)
            case Mark():
                body = {"dag_id": action.dag_id, "run_id": action.run_id, "state": action.state}
                if action.task_id:
                    body["task_id"] = action.task_id
                self._wish(action.at, f"action{n}", "task.mark" if action.task_id else "run.mark", **body)
            case Pause():
                self._wish(action.at, f"action{n}", "dag.pause", dag_id=action.dag_id)
                self._wish(action.until, f"action{n}b", "dag.unpause", dag_id=action.dag_id)
            case Resize():
                sizes = dict(self.workload.pools)
                self.pool_sizes[action.pool] = max(self.pool_sizes[action.pool], action.slots)
                self._wish(action.at, f"action{n}", "pool.set", name=action.pool, slots=action.slots)
                self._wish(action.until, f"action{n}b", "pool.set", name=action.pool, slots=sizes[action.pool])
            case Edit():
                self._at(action.at, "edit", lambda: self._edit(action))

    def _at(self, at: timedelta, what: str, call: Callable[[], None]) -> None:
        self.timeline.at(at // timedelta(microseconds=1), self._nature, what, call)

    def _wish(self, at: timedelta, key: str, kind: str, **body: Any) -> None:
        self._at(at + timedelta(milliseconds=100), kind, lambda: self.person.wish(key, kind, **body))

    def _edit(self, edit: Edit) -> None:
        spec = next(s for at, s in reversed(self.workload.versions(edit.dag_id)) if at <= edit.at)
        self.specs[edit.dag_id] = spec
        if self.listening is not None:
            self._let(self.listening.actor, "new version", lambda: self._load(spec))

    def _load(self, spec: DagSpec) -> None:
        if self.listening is not None:
            self.listening.load(spec)

    def _let(self, actor: Actor, what: str, call: Callable[[], None]) -> None:
        self.timeline.after(TYPICAL_SECONDS, actor, what, call)

    # --- faults ---

    def _strike(self, fault: Fault) -> None:
        self._cover(fault.kind)
        machine = self.machines[fault.target % len(self.machines)]
        scheduler = self.listening or self.schedulers[0]
        match fault.kind:
            case "database away":
                self.database.away = True
                self._after(fault.lasts, "database back", self._database_back)
            case "scheduler crash":
                scheduler.crash(fault.lasts)
            case "scheduler freeze":
                self._freeze([scheduler.actor], fault.lasts)
            case "agent crash":
                machine.crash(fault.lasts)
            case "power cut":
                machine.power_cut(fault.lasts)
            case "agent freeze":
                self._freeze([machine.actor], fault.lasts)
            case "machine freeze":
                self._freeze(machine.actors(), fault.lasts)
            case "suspend":
                everyone = [a for m in self.machines for a in m.actors()] + [s.actor for s in self.schedulers]
                self._freeze(everyone, fault.lasts)
            case "disconnect":
                machine.unplugged_until = self.timeline.now + round(fault.lasts * 1e6)
                if machine.link is not None:
                    machine.link.close()
            case "partition up":
                self._block(machine.link, fault.lasts)
            case "partition down":
                self._block(machine.link.peer if machine.link else None, fault.lasts)
            case "clock jump":
                whose = [*self.machines, scheduler][fault.target % (len(self.machines) + 1)]
                whose.clock_offset += fault.lasts
            case _:
                raise ValueError(fault.kind)

    def _after(self, seconds: float, what: str, call: Callable[[], None]) -> None:
        self.timeline.after(seconds, self._nature, what, call)

    def _database_back(self) -> None:
        self.database.away = False

    def _freeze(self, actors: Iterable[Actor], seconds: float) -> None:
        frozen = [actor for actor in actors if actor.alive and not actor.frozen]
        for actor in frozen:
            actor.frozen = True
        self._after(seconds, "thaw", lambda: self._thaw(frozen))

    def _thaw(self, actors: list[Actor]) -> None:
        self.rng.shuffle(actors)
        for actor in actors:
            if actor.frozen:
                self.timeline.thaw(actor)

    def _block(self, end: End | None, seconds: float) -> None:
        if end is not None and not end.blocked:
            end.blocked = True
            self._after(seconds, "unblock", end.unblock)

    def _heal(self) -> None:
        self.healed = True
        self.database.away = False
        for machine in self.machines:
            machine.habits = replace(machine.habits, child_dies=0.0, host_dies=0.0)

    # --- weather ---

    def delay(self) -> float:
        if self.healed or self.rng.random() >= self.plan.delay:
            return 0.0
        return self.plan.delay_seconds * self.rng.random()

    def loses(self) -> bool:
        return not self.healed and self.plan.loss > 0 and self.rng.random() < self.plan.loss

    def doubles(self) -> bool:
        return not self.healed and self.plan.double > 0 and self.rng.random() < self.plan.double

    # --- what machines and schedulers ask ---

    def kill_processes_of(self, worker: str) -> None:
        for machine in self.machines:
            if machine.name == worker:
                machine.kill_hosts()

    def clock_us(self, offset: float) -> int:
        return to_us(BEGIN) + self.timeline.now + round(offset * 1e6)

    def outcome(self, offer: Offer) -> Outcome:
        return self.workload.outcome(
            offer.run.dag_id, offer.run.run_id, offer.task_id, offer.map_index, offer.try_number
        )

    def execution_timeout(self, offer: Offer) -> float | None:
        spec = self.specs[offer.run.dag_id].tasks.get(offer.task_id)
        return spec.execution_timeout_seconds if spec is not None else None

    def dial(self, machine: Machine) -> End | None:
        listening = self.listening
        if listening is None or not listening.actor.alive or self.timeline.now < machine.unplugged_until:
            return None
        return listening.accept(machine.actor, machine.rng, machine.from_scheduler, machine.scheduler_gone)

    def listens(self, process: SchedulerProcess) -> None:
        """A new owner listens at the socket's path, in the place of whoever did before."""
        self.listening = process

    def began(self, offer: Offer, child: Child) -> None:
        self.ledger.began(offer, self.timeline.now)

    def ended(self, offer: Offer, child: Child, how: str) -> None:
        self.ledger.ended(offer, how)

    def acknowledged(self, report: Finished) -> None:
        """An agent may forget this report: what it says is durable, or came too late to change anything."""
        a = tables.attempt.c
        with self.database.connect() as connection:
            state = connection.execute(select(a.state).where(a.id == report.attempt)).scalar()
        if state in ("assigned", "running"):
            raise Broken(f"I6: the report of attempt {report.attempt} was acknowledged before its commit")
        if state == "success":
            self.ledger.promised.add(report.attempt)

    # --- looking ---

    def after_turn(self, process: SchedulerProcess) -> None:
        """The owner has had a turn: look at its memory, now and then at all of it."""
        scheduler = process.scheduler
        owner = scheduler.owner
        if owner is None or owner.pending is not None or process is not self.listening:
            return
        check_limits(owner.world, self.pool_sizes)
        self._turns += 1
        size = sum(len(live.tasks) for live in owner.world.runs.values())
        if self._turns % max(COMPARE_EVERY, size) == 0 and not owner.has_work and not self.database.away:
            self.compare(process)

    def compare(self, process: SchedulerProcess) -> None:
        """Memory against the database; and nobody waits in silence."""
        scheduler = process.scheduler
        world = scheduler.world
        rebuilt = load_world(
            self.database.engine, parallelism=world.parallelism, next_run_number=world.next_run_number,
            now=scheduler.now(), max_retry_delay_seconds=world.max_retry_delay_seconds,
        )  # fmt: skip
        rebuilt.workers = world.workers
        check_memory(world, rebuilt, scheduler.now())
        check_silence(world, scheduler.now())

    def _cover(self, kind: str) -> None:
        scheduler = self.listening.scheduler if self.listening else None
        if scheduler is not None and scheduler.owner is not None:
            for live in scheduler.world.runs.values():
                for task in live.tasks.values():
                    self.covered.add((kind, task.state.value))

    # --- the end ---

    def _judge(self) -> None:
        listening = self.listening
        if listening is None or listening.scheduler.owner is None:
            raise Broken("I2: no scheduler is the owner after everything has healed")
        if self.person.waiting:
            raise Broken(f"I2: nobody answered {sorted(self.person.waiting)}")
        self._check_answers()
        self.compare(listening)
        actual, order = self._stored()
        order += [key for key in final_states(self.workload) if key not in order]  # runs that nobody made
        expected = final_states(self.workload, lost=self._lost(), order=order)
        problems = differences(expected, actual)
        if problems:
            raise Broken("I7: " + "; ".join(problems[:5]))
        open_runs = [f"{key}" for key, (state, _) in actual.items() if state not in ("success", "failed")]
        allowed = {str(key) for key, ending in expected.items() if ending is None or "running" in ending.run}
        if stuck := [key for key in open_runs if key not in allowed]:
            raise Broken(f"I2: {', '.join(stuck)} never ended")
        self._check_ledger()

    def _check_answers(self) -> None:
        """A run that was made is never said to have been refused."""
        for n, action in enumerate(self.workload.actions):
            if isinstance(action, Trigger) and (told := self.person.answers[f"action{n}"]).state != "applied":
                raise Broken(f"answer: {action.dag_id} {action.run_id} was {told.state}: {told.error}")

    def _lost(self) -> list[tuple[str, str, str, int]]:
        """Instances of which an attempt may count as lost."""
        runs = {number: RunKey(dag_id, run_id) for number, dag_id, run_id in self._runs()}
        with self.database.connect() as connection:
            a = tables.attempt.c
            rows = connection.execute(
                select(a.id, a.state, a.run, a.task_id, a.map_index).where(a.state.in_(("lost", "failed")))
            ).all()
        ends = self.ledger.ends
        silent = {(r.run, r.task_id, r.map_index) for r in rows if r.state == "lost" or ends.get(r.id) == "killed"}
        return [(*runs[run], task_id, map_index) for run, task_id, map_index in sorted(silent)]

    def _runs(self) -> list[Any]:
        with self.database.connect() as connection:
            r = tables.run.c
            return list(connection.execute(select(r.number, r.dag_id, r.run_id).order_by(r.number)))

    def _stored(self) -> tuple[dict[RunKey, tuple[str, dict[tuple[str, int], str]]], list[RunKey]]:
        r, t = tables.run.c, tables.task_instance.c
        with self.database.connect() as connection:
            runs = connection.execute(select(r.number, r.dag_id, r.run_id, r.state).order_by(r.number)).all()
            tasks = connection.execute(select(t.run, t.task_id, t.map_index, t.state)).all()
        keys = {number: RunKey(dag_id, run_id) for number, dag_id, run_id, _ in runs}
        found: dict[RunKey, tuple[str, dict[tuple[str, int], str]]] = {
            keys[number]: (state, {}) for number, _, _, state in runs
        }
        for number, task_id, map_index, state in tasks:
            found[keys[number]][1][task_id, map_index] = state or "none"
        return found, list(keys.values())

    def _check_ledger(self) -> None:
        """I4 and I6 against the attempts in the database."""
        a = tables.attempt.c
        with self.database.connect() as connection:
            rows = connection.execute(select(a.id, a.state, a.started_at)).all()
        known = {row.id for row in rows}
        for attempt in self.ledger.starts:
            if attempt not in known:
                raise Broken(f"I4: attempt {attempt} began and is not in the database")
        for row in rows:
            if row.state == "success" and self.ledger.ends.get(row.id) != "success":
                raise Broken(f"I6: attempt {row.id} is a success that never ended with one")
            if row.id in self.ledger.promised and row.state != "success":
                raise Broken(f"I6: the success of attempt {row.id} was acknowledged, and it is {row.state}")
            if row.state in ("assigned", "running"):
                raise Broken(f"I2: attempt {row.id} is {row.state} for ever")
            if row.state == "not_started" and row.id in self.ledger.starts:
                raise Broken(f"I4: attempt {row.id} was said not to have started, and did")
