"""A scheduler process and its supervisor: the real Scheduler, Desk and Owner on ports of the simulation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import OperationalError

from tradewind.core.inputs import DagLoaded
from tradewind.scheduler.peers import Peer
from tradewind.scheduler.scheduler import TICK_SECONDS, Scheduler
from tradewind.store.specs import encode_spec, version_of
from tradewind.testing.simulation.code_host import Asked
from tradewind.testing.simulation.database import COMMIT_FAULTS, Crash, FaultyWriter
from tradewind.testing.simulation.network import End, connect
from tradewind.testing.simulation.timeline import Actor
from tradewind.testing.simulation.workload import BEGIN
from tradewind.wire.messages import AnyMessage, Message, Parse, Parsed

if TYPE_CHECKING:
    from tradewind.testing.simulation.simulation import Simulation

UPTIME_AT_BEGIN = 1000.0


MOST_PARSING_SECONDS = 0.3
PARSED_ELSEWHERE_SECONDS = 5.0
"""How long it takes when the agent that was to parse is lost."""


class Files:
    """The Dag files as the scheduler sees them: they change when somebody says so, and need no parsing."""

    def want(self, path: str | None) -> int:
        return 0

    def due(self) -> list[Parse]:
        return []

    def parsed(self, answer: Parsed, now: datetime, refuses: Callable[[str], str]) -> list[Any]:
        return []

    def agent_lost(self) -> None: ...
    def variable_changed(self, key: str) -> None: ...
    def connection_changed(self, conn_id: str) -> None: ...

    def status(self) -> dict[str, Any]:
        return {"files": 0, "first_scan_done": True, "unparsed": 0}


class EditedFiles(Files):
    """Files that agents import when they were edited, and that are parsed when code of their authors' own has to be
    asked."""

    def __init__(self, process: SchedulerProcess) -> None:
        self._process = process
        self.parsing: dict[str, bool] = {}
        """Dags whose files are being parsed, and whether they are wanted once more then."""
        self._edited: set[str] = set()
        """Dags whose files have changed and are with no agent."""
        self._orders: dict[int, tuple[str, int]] = {}
        """What agents import: of which Dag, and when they were told."""
        self._last_order = 0

    @property
    def is_busy(self) -> bool:
        """Whether there will be news of a file."""
        return bool(self.parsing or self._edited or self._orders)

    def edited(self, dag_id: str) -> None:
        """Its file has changed."""
        self._edited.add(dag_id)

    def due(self) -> list[Parse]:
        now, dags, self._edited = self._process.sim.timeline.now, sorted(self._edited), set()
        orders = []
        for dag_id in dags:
            self._last_order += 1
            self._orders[self._last_order] = dag_id, now
            orders.append(Parse(id=self._last_order, file=f"{dag_id}.py"))
        return orders

    def parsed(self, answer: Parsed, now: datetime, refuses: Callable[[str], str]) -> list[Any]:
        dag_id, _ = self._orders.pop(answer.id, ("", 0))
        if dag_id and not answer.specs:
            self._edited.add(dag_id)  # the import died: in truth it is tried again when it has grown old
        return [self._process.news(dag_id, int(answer.digest))] if dag_id and answer.specs else []

    def agent_lost(self) -> None:
        self._edited.update(dag_id for dag_id, _ in self._orders.values())
        self._orders.clear()

    def look(self) -> None:
        """Time has passed. A message that gets lost alone is a thing of the simulation: it is made up for here."""
        for number, (dag_id, asked) in list(self._orders.items()):
            if self._process.sim.timeline.now - asked > PARSED_ELSEWHERE_SECONDS * 1e6:
                del self._orders[number]
                self._edited.add(dag_id)

    def want(self, path: str | None) -> int:
        dag_id = (path or "").removesuffix(".py")
        if dag_id not in self._process.sim.specs:
            return 0
        if dag_id in self.parsing:
            self.parsing[dag_id] = True
        else:
            self.parsing[dag_id] = False
            self._process.parse(dag_id)
        return 1

    def is_wanted_again(self, dag_id: str) -> bool:
        """A parse is over."""
        return self.parsing.pop(dag_id)


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
        self.writer = FaultyWriter(self.sim.database, self._commit_fault, self.sim.owner_lease_ms)
        self.files = EditedFiles(self)
        self.read: dict[str, int] = {}
        """Which text of each Dag's file this scheduler has heard of."""
        plan = self.sim.plan
        self.scheduler = Scheduler(
            engine=self.sim.database.engine,
            writer=self.writer,
            holder=self.actor.name,
            ports=self,
            files=self.files,
            vault=OpenVault(),
            parallelism=plan.parallelism,
            default_pool_slots=plan.default_pool_slots,
            max_retry_delay_seconds=86400.0,
            kill_grace_seconds=plan.kill_grace_seconds,
        )
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
        for dag_id, texts in self.sim.texts.items():
            self._load(dag_id, len(texts) - 1)
        self._do("tick", self._tick, TICK_SECONDS)

    def _tick(self) -> None:
        self._do("tick", self._tick, TICK_SECONDS)
        self.scheduler.tick()
        if not self.scheduler.is_closed and self.scheduler.owner is not None:
            self.files.look()
            self.scheduler.desk.ask_for_parses()

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

    def edited(self, dag_id: str) -> None:
        """A file has changed, which some agent is to import."""
        if not self.scheduler.is_closed and self.scheduler.owner is not None:
            self.files.edited(dag_id)
            self.scheduler.desk.ask_for_parses()

    def _load(self, dag_id: str, text: int, asked: Asked | None = None) -> None:
        if not self.scheduler.is_closed and self.scheduler.owner is not None:
            self.scheduler.submit(self.news(dag_id, text, asked))

    def news(self, dag_id: str, text: int, asked: Asked | None = None) -> DagLoaded:
        """The Dag of this text of its file, for the owner; what its code was asked, it was asked now if not before."""
        self.read[dag_id] = text
        spec = self.sim.texts[dag_id][text]
        asked = asked or Asked(self.scheduler.world, dag_id)
        version = version_of(spec, "digest")
        number = self.sim.version_numbers.setdefault(version, len(self.sim.version_numbers) + 1)
        self.sim.versions[version] = spec
        self.sim.first_texts.setdefault(version, text)
        return DagLoaded(
            spec=spec, version=version, encoded=encode_spec(spec), digest="digest", number=number,
            paused_at_creation=False, ahead=asked.runs(spec, self.rng, self.now()), partitions=asked.partitions(spec),
        )  # fmt: skip

    def parse(self, dag_id: str) -> None:
        """A file is parsed anew: its code is asked first, and has answered when the file has been read."""
        self._do("asks", lambda: self._ask(dag_id), MOST_PARSING_SECONDS * self.rng.random())

    def _ask(self, dag_id: str) -> None:
        asked, seconds = Asked(self.scheduler.world, dag_id), MOST_PARSING_SECONDS * self.rng.random()
        if not self.sim.healed and self.rng.random() < 0.1:
            self.sim.cover("parse lost")
            self._do("parses again", lambda: self._ask(dag_id), PARSED_ELSEWHERE_SECONDS)
        else:
            self._do("parsed", lambda: self._parsed(dag_id, asked), seconds)

    def _parsed(self, dag_id: str, asked: Asked) -> None:
        again = self.files.is_wanted_again(dag_id)
        self._load(dag_id, self.read[dag_id], asked)
        if again:
            self.files.want(f"{dag_id}.py")

    # --- connections ---

    def accept(self, caller: Actor, rng: Random, on_message: Callable[[AnyMessage], None],
               on_gone: Callable[[], None]) -> End:  # fmt: skip
        """A new connection to the private socket; the caller's end."""
        peer, desk = SimPeer(), self.scheduler.desk
        timeline, weather = self.sim.timeline, self.sim.weather
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
        fault = self.rng.choice(COMMIT_FAULTS)
        self.sim.cover(f"commit: {fault}")
        return fault
