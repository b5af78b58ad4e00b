"""The scheduler process: drives the Owner and the DagProcessor from asyncio, and speaks to agents and clients."""

import asyncio
import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
import watchfiles
from sqlalchemy import Engine

from tradewind.config import Settings
from tradewind.config.sockets import reachable
from tradewind.core.attempts import LOST_GRACE
from tradewind.core.decisions import PutRow, Record, StartAttempt, StartCallback, StopAttempt, StopStray, WarmHost
from tradewind.core.inputs import (
    AttemptFinished,
    AttemptStarted,
    CallbackFinished,
    WorkerExpired,
    WorkerJoined,
    WorkerLeft,
    XCom,
)
from tradewind.core.records import Pool
from tradewind.core.world import World
from tradewind.dag_processor.processor import DagProcessor
from tradewind.scheduler.commands import Context, answer_of, wish_of
from tradewind.scheduler.execution import Endpoint
from tradewind.scheduler.offers import Offers
from tradewind.scheduler.owner import Owner, Rows, Told
from tradewind.scheduler.peers import Peer
from tradewind.security.secrets import Vault
from tradewind.store import queries
from tradewind.store.loader import load_world
from tradewind.store.times import from_us
from tradewind.store.writer import EpochLost, Lease, StoreUnavailable, Writer
from tradewind.wire.messages import (
    PROTOCOL,
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
    Message,
    Parsed,
    Progress,
    Refused,
    Request,
    Response,
    Started,
    Subscribe,
    Warm,
    Welcome,
)

log = structlog.get_logger("scheduler")

STARTED_RIDES_SECONDS = 0.02
"""News that an attempt has started waits this long for another commit to ride on: nobody waits for it."""

LEASE_SECONDS = 10.0
"""An agent's lease. A connected agent on this machine is alive by the kernel's word; see `_expire`."""

LEAVE_SECONDS = 8.0
"""How long a scheduler that is told to stop goes on serving agents that are still connected."""

TICK_SECONDS = 1.0
MOST_BACKLOG = 8 * 1024 * 1024
"""A subscriber that has not taken this many bytes is cut off."""


class SchedulerService:
    """One scheduler. `run` returns when it was told to stop, or when another owner took over."""

    def __init__(self, settings: Settings, engine: Engine, vault: Vault) -> None:
        self.settings = settings
        self.engine = engine
        self.vault = vault
        self.writer = Writer(engine)
        self.holder = f"{os.uname().nodename}:{os.getpid()}:{uuid4().hex[:8]}"
        self.owner: Owner | None = None
        self.lease: Lease | None = None
        self.offers = Offers(engine)
        self.peers: set[Peer] = set()
        self.agents: dict[str, Peer] = {}
        self.beats: dict[str, float] = {}
        self.usage: dict[str, tuple[int, int, float]] = {}
        self.progress: dict[str, Progress] = {}
        self.parsing: dict[int, str] = {}
        self.callbacks: dict[str, str] = {}
        self.stopping = asyncio.Event()
        self.started_at = datetime.now(UTC)
        self._in_flight: dict[str, list[Peer]] = {}
        """Who waits for a command that is being applied; a repeat of its key waits with them."""
        self._closed = False
        self._lazy: list[AttemptStarted] = []
        self._turn_is_due = False
        self._timer: asyncio.TimerHandle | None = None
        self._last_tick = _boottime()
        self._watch_changed = asyncio.Event()
        self._busy_us = 0
        self._socket_inode = 0

    # --- life ---

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Become the owner (waiting as a standby while another is), then serve until stopped."""
        await self._become_owner()
        if self.stopping.is_set():
            return
        assert self.lease is not None
        self.owner = Owner(
            writer=self.writer,
            lease=self.lease,
            world=self._load(self.lease.next_run_number),
            load=self._load,
            outlet=self,
            clock=_now,
            new_id=lambda: uuid4().hex,
            log=log.warning,
        )
        self._set_up_pools()
        self.processor = DagProcessor(
            folder=self.settings.core.dags_folder,
            engine=self.engine,
            clock=_boottime,
            paused_at_creation=self.settings.core.dags_are_paused_at_creation,
            timeout_seconds=self.settings.core.dagbag_import_timeout,
            rescan_seconds=self.settings.dag_processor.refresh_interval,
            unwatchable_age_seconds=self.settings.dag_processor.min_file_process_interval,
            at_once=self.settings.dag_processor.parsing_processes,
            ignore_syntax=self.settings.core.dag_ignore_file_syntax,
            safe_mode=self.settings.core.dag_discovery_safe_mode,
        )
        self.endpoint = Endpoint(
            engine=self.engine,
            world=lambda: self._world,
            now=_now,
            decrypt=self.vault.decrypt,
            submit=self._submit,
            command=self._apply,
            status=self.status,
        )
        self.context = Context(
            world=lambda: self._world,
            engine=self.engine,
            encrypt=self.vault.encrypt,
            now=_now,
            reparse=self._reparse,
        )
        self.owner.submit(Rows((Record("owner.changed", reason=self.holder, body={"epoch": self.lease.epoch}),)))
        server = await self._listen()
        loops = [self._tick(), self._watch(), self._parse_loop()]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        self.kick()
        on_ready()
        try:
            stop = asyncio.ensure_future(self.stopping.wait())
            done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._let_agents_leave()
        finally:
            self._closed = True
            for task in tasks:
                task.cancel()
            server.close()
            for peer in list(self.peers):
                peer.close()
            self._step_down()

    async def _become_owner(self) -> None:
        waiting = False
        while not self.stopping.is_set():
            try:
                self.writer.connect()
                self.lease = self.writer.acquire(self.holder, uuid4().hex)
            except StoreUnavailable as away:
                log.warning("database is away", error=str(away))
            if self.lease is not None:
                log.info("owner", epoch=self.lease.epoch)
                return
            if not waiting:
                log.info("standing by: another scheduler is the owner")
                waiting = True
            try:
                await asyncio.wait_for(self.stopping.wait(), TICK_SECONDS)
            except TimeoutError:
                pass

    def _overthrown(self) -> None:
        """Another owner holds a newer epoch: nothing of what is in memory is worth anything."""
        log.error("another scheduler has taken over; stopping")
        self._closed = True
        self.stopping.set()

    async def _let_agents_leave(self) -> None:
        """A whole installation is often stopped at once: agents that are draining can still report."""
        deadline = time.monotonic() + LEAVE_SECONDS
        await asyncio.sleep(0.2)  # so that their word arrives
        while not self._closed and time.monotonic() < deadline:
            if not any(worker.draining for worker in self._world.workers.values()):
                return
            await asyncio.sleep(0.05)

    def _step_down(self) -> None:
        try:
            if self.lease is not None:
                self.writer.release(self.lease)
        except StoreUnavailable:
            pass
        self.writer.close()
        path = self.settings.scheduler_socket
        # Whoever took over while this process was away listens on a socket of its own at the same path.
        if path.exists() and path.stat().st_ino == self._socket_inode:
            path.unlink(missing_ok=True)

    async def _listen(self) -> asyncio.AbstractServer:
        path = self.settings.scheduler_socket
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with reachable(path) as address:
                server = await asyncio.get_running_loop().create_unix_server(
                    lambda: Peer(self._on_message, self._on_gone), address, backlog=256
                )
            self._socket_inode = path.stat().st_ino
            return server
        finally:
            os.umask(before)

    def _load(self, next_run_number: int) -> World:
        world = load_world(
            self.engine,
            parallelism=self.settings.core.parallelism,
            next_run_number=next_run_number,
            now=_now(),
        )
        if self.owner is not None:
            # Which agents are connected is not the database's to know.
            world.workers = self.owner.world.workers
            for worker in world.workers.values():
                worker.used = sum(a.worker == worker.name for a in world.attempts.values())
        return world

    @property
    def _world(self) -> World:
        assert self.owner is not None
        return self.owner.world

    def _set_up_pools(self) -> None:
        if "default_pool" not in self._world.pools:
            slots = self.settings.core.default_pool_task_slot_count
            self._world.pools["default_pool"] = Pool(name="default_pool", slots=slots, description="Default pool")
            row = {"name": "default_pool", "slots": slots, "description": "Default pool", "include_deferred": False}
            self._submit(Rows((PutRow("pool", row),)), None)

    # --- turns ---

    def kick(self) -> None:
        """There may be something to do: a turn comes at the end of this round of the event loop."""
        if not self._turn_is_due:
            self._turn_is_due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._turn_is_due = False
        owner = self.owner
        if owner is None or self._closed:
            return
        began = time.thread_time_ns()
        if owner.pending is None:
            for started in self._lazy:
                owner.submit(started)
            self._lazy.clear()
        try:
            done = owner.turn()
        except EpochLost:
            self._overthrown()
            return
        self._busy_us += (time.thread_time_ns() - began) // 1000
        if not done:
            self._set_timer(min(2.0, 0.05 * 2 ** min(owner.pending.tries if owner.pending else 0, 6)))
        elif owner.has_work:
            self.kick()
        else:
            due = owner.world.next_timer()
            if due is not None:
                self._set_timer(max(0.0, (due - _now()).total_seconds()))

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A wall clock may jump: long waits are looked at again.
        self._timer = asyncio.get_running_loop().call_later(min(seconds, 60.0), self.kick)

    def _submit(self, event: Any, reply: Any = None) -> None:
        assert self.owner is not None
        self.owner.submit(event, reply)
        self.kick()

    def _submit_lazily(self, event: AttemptStarted) -> None:
        self._lazy.append(event)
        if len(self._lazy) == 1:
            asyncio.get_running_loop().call_later(STARTED_RIDES_SECONDS, self.kick)

    # --- what peers say ---

    def _on_message(self, peer: Peer, message: AnyMessage) -> None:
        if not peer.role and not isinstance(message, Hello):
            peer.close()
            return
        match message:
            case Finished():
                self._finished(peer, message)
            case Started():
                at = from_us(message.start_us)
                assert at is not None
                self._submit_lazily(AttemptStarted(attempt=message.attempt, start_date=at))
            case Request():
                self.endpoint.answer(message, self._responder(peer, message.id))
            case Beat():
                self._beat(peer, message)
            case Parsed():
                self._parsed(message)
            case Command():
                self._command(peer, message)
            case Progress():
                self._progressed(message)
            case Subscribe():
                peer.subscription = (message.dag_id, message.run_id)
            case Hello():
                self._hello(peer, message)
            case Drain():
                if worker := self._world.workers.get(peer.name):
                    worker.draining = True
            case _:
                log.warning("unexpected message", kind=type(message).__name__)

    def _hello(self, peer: Peer, hello: Hello) -> None:
        self.peers.add(peer)
        if hello.protocol != PROTOCOL:
            peer.send(Refused(reason=f"This scheduler speaks protocol {PROTOCOL}, not {hello.protocol}."))
            peer.close()
            return
        peer.role = hello.role
        assert self.lease is not None
        epoch = self.lease.epoch
        if hello.role == "agent":
            epoch = self._agent_joins(peer, hello)
        peer.send(Welcome(epoch=epoch, lease_seconds=LEASE_SECONDS, server_id=self.holder))

    def _agent_joins(self, peer: Peer, hello: Hello) -> int:
        with self.engine.connect() as connection:
            epoch = queries.worker_epoch(connection, hello.worker) + 1
            known = connection.exec_driver_sql("SELECT name, instance FROM worker").all()
        fresh = (hello.worker, hello.instance) not in [tuple(row) for row in known]
        if old := self.agents.get(hello.worker):
            old.close()
        peer.name, peer.instance, peer.epoch, peer.pid = hello.worker, hello.instance, epoch, hello.pid
        self.agents[peer.name] = peer
        self.beats[peer.name] = _boottime()
        row = {
            "name": hello.worker,
            "instance": hello.instance,
            "epoch": epoch,
            "capacity": hello.capacity,
            "queues": hello.queues,
            "pid": hello.pid,
            "joined_at": _now(),
            "state": "up",
        }
        self._submit(Rows((PutRow("worker", row),)))
        with self.engine.connect() as connection:
            waiting = queries.open_callbacks(connection)
        self._submit(
            WorkerJoined(
                name=hello.worker,
                instance=hello.instance,
                epoch=epoch,
                capacity=hello.capacity,
                queues=tuple(hello.queues),
                holds=frozenset(hello.running) - {callback["id"] for callback in waiting},
                fresh=fresh,
            )
        )
        lost = {number for number, name in self.callbacks.items() if name == peer.name}
        for callback in waiting:
            if callback["id"] not in self.callbacks or callback["id"] in lost:
                self._start_callback(callback["id"])
        self._watch_changed.set()
        return epoch

    def _on_gone(self, peer: Peer) -> None:
        self.peers.discard(peer)
        if peer.role == "agent" and self.agents.get(peer.name) is peer:
            del self.agents[peer.name]
            self.processor.agent_lost()
            if not self._closed:
                self._submit(WorkerLeft(name=peer.name, epoch=peer.epoch))

    def _beat(self, peer: Peer, beat: Beat) -> None:
        self.beats[peer.name] = _boottime()
        for attempt, now_bytes, peak, cpu in beat.usage:
            self.usage[attempt] = (now_bytes, peak, cpu)
        peer.send(BeatAck(sent_us=beat.sent_us, epoch=peer.epoch))

    def _finished(self, peer: Peer, report: Finished) -> None:
        if self.callbacks.pop(report.attempt, None) is not None:
            done = CallbackFinished(id=report.attempt, error=report.error)
            self._submit(done, lambda *_: peer.send(Ack(attempts=[report.attempt])))
            return
        self.progress.pop(report.attempt, None)
        usage = self.usage.pop(report.attempt, (0, 0, 0.0))
        xcoms = [XCom(name=x.key, value=x.value) for x in report.xcoms]
        if report.value is not None:
            xcoms.append(XCom(name="return_value", value=report.value, length=report.length))
        event = AttemptFinished(
            attempt=report.attempt,
            outcome=report.outcome,
            start_date=from_us(report.start_us),
            end_date=from_us(report.end_us),
            error=report.error,
            xcoms=tuple(xcoms),
            skip=tuple(report.skip),
            retry_delay_seconds=report.retry_delay_seconds,
            reschedule_at=from_us(report.reschedule_us),
            rendered=report.rendered,
            map_label=report.map_label,
            cpu_seconds=max(report.cpu_seconds, usage[2]),
            peak_bytes=usage[1] or report.peak_bytes,
        )
        self._submit(event, lambda *_: peer.send(Ack(attempts=[report.attempt])))

    def _progressed(self, message: Progress) -> None:
        self.progress[message.attempt] = message
        attempt = self._world.attempts.get(message.attempt)
        if attempt is None:
            return
        run = self._world.runs[attempt.key.run].run
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
        if command.key in self._in_flight:
            self._in_flight[command.key].append(peer)
            return
        with self.engine.connect() as connection:
            known = queries.command_answer(connection, command.key)
        if known is not None:
            peer.send(CommandResult(key=command.key, state=known["state"], value=json.loads(known["value"])))
            return

        self._in_flight[command.key] = [peer]

        def reply(answer: Any, error: Exception | None) -> None:
            if error is None:
                result = CommandResult(key=command.key, state="applied", value=answer)
            else:
                kind = type(error).__name__
                result = CommandResult(key=command.key, state="refused", error=str(error), kind=kind)
            for asker in self._in_flight.pop(command.key):
                asker.send(result)

        self._apply(command.kind, command.body, command.actor, reply, key=command.key)

    def _apply(
        self,
        kind: str,
        body: dict[str, Any],
        actor: str,
        reply: Callable[[Any, Exception | None], None],
        key: str | None = None,
    ) -> None:
        assert self.owner is not None
        number = key or uuid4().hex

        def wish() -> Any:
            return wish_of(self.context, kind, body, actor)

        def also(answer: Any) -> tuple[PutRow, ...]:
            shown = {k: v for k, v in body.items() if k not in ("password", "extra", "value", "conf")}
            row = {
                "key": number,
                "at": _now(),
                "actor": actor,
                "kind": kind,
                "body": shown,
                "state": "applied",
                "value": answer_of(kind, answer) or {},
                "error": "",
            }
            return (PutRow("command", row),)

        def done(answer: Any, error: Exception | None) -> None:
            if error is None:
                self._after_command(kind, body)
            reply(answer_of(kind, answer), error)

        self.owner.submit(wish, done, also, urgent=True)
        self.kick()

    def _after_command(self, kind: str, body: dict[str, Any]) -> None:
        if kind.startswith("variable."):
            self.processor.variable_changed(body.get("key", ""))
            self._watch_changed.set()
        elif kind.startswith("connection."):
            self.processor.connection_changed(body.get("conn_id", ""))
            self._watch_changed.set()
        elif kind == "pool.set":
            self.kick()

    def _reparse(self, path: str | None) -> int:
        count = self.processor.want(path)
        self._watch_changed.set()
        return count

    # --- what the owner tells ---

    def tell(self, operations: list[Told]) -> None:
        """Messages after a commit, one write per agent."""
        out: dict[str, list[Message]] = {}
        for operation in operations:
            match operation:
                case StartAttempt(attempt=attempt):
                    offer = self.offers.offer(self._world, attempt)
                    if offer is not None:
                        out.setdefault(attempt.worker, []).append(offer)
                case StopAttempt(attempt=attempt, reason=reason):
                    grace = self.settings.worker.kill_grace_seconds
                    cancel = Cancel(attempt=attempt.id, reason=reason, grace_seconds=grace)
                    out.setdefault(attempt.worker, []).append(cancel)
                case StopStray(worker=name, attempt=stray):
                    cancel = Cancel(attempt=stray, reason="it is no longer current", grace_seconds=0.0)
                    out.setdefault(name, []).append(cancel)
                case StartCallback(id=number):
                    self._start_callback(number)
                case WarmHost(dag_id=dag_id, children=children):
                    record = self._world.dags.get(dag_id)
                    if record is not None and record.isolation != "spawn":
                        warm = Warm(file=record.file, version=record.version, children=children)
                        for name in self.agents:
                            out.setdefault(name, []).insert(0, warm)
        for name, messages in out.items():
            if agent := self.agents.get(name):
                agent.send_all(messages)

    def _start_callback(self, number: str) -> None:
        name = next(iter(self.agents), None)
        if name is None:
            return  # offered when an agent joins
        with self.engine.connect() as connection:
            row = queries.callback_numbered(connection, number)
            run = queries.run_numbered(connection, row["run"]) if row else None
        offer = self.offers.callback(self._world, row, run) if row and run else None
        if offer is not None:
            self.callbacks[number] = name
            self.agents[name].send(offer)

    def publish(self, events: list[Event]) -> None:
        """Events to those who subscribed to them."""
        for peer in self.peers:
            if peer.subscription is None:
                continue
            dag_id, run_id = peer.subscription
            chosen = [e for e in events if (not dag_id or e.dag_id == dag_id) and (not run_id or e.run_id == run_id)]
            if chosen:
                peer.send_all(chosen)
                if peer.backlog > MOST_BACKLOG:
                    peer.close()

    # --- time ---

    async def _tick(self) -> None:
        """Once a second: the owner's lease, the agents' leases, and our own gaps."""
        turns = -1
        while True:
            await asyncio.sleep(TICK_SECONDS)
            now = _boottime()
            gap = now - self._last_tick - TICK_SECONDS
            self._last_tick = now
            if gap > TICK_SECONDS:
                log.warning("the scheduler itself was away", seconds=round(gap, 1))
                for name in self.beats:
                    self.beats[name] += gap
            assert self.owner is not None
            if self.owner.turns == turns and self.owner.pending is None:
                self._renew()
            turns = self.owner.turns
            self._expire(now)
            self.kick()

    def _renew(self) -> None:
        assert self.owner is not None
        assert self.lease is not None
        try:
            self.writer.commit(self.lease, uuid4().hex, (), _now(), self._world.next_run_number)
        except EpochLost:
            self._overthrown()
        except StoreUnavailable as away:
            log.warning("database is away", error=str(away))
            self.writer.connect()

    def _expire(self, now: float) -> None:
        """Agents that have been gone for longer than their lease and the kill grace. A connected one that is silent
        is frozen, not dead: it is left alone, because its tasks go on running."""
        held = {attempt.worker for attempt in self._world.attempts.values()}
        for name in held | set(self.beats):
            if name in self.agents:
                continue
            last = self.beats.setdefault(name, now)
            if now - last > LEASE_SECONDS + LOST_GRACE.total_seconds():
                del self.beats[name]
                if name in held:
                    worker = self._world.workers.get(name)
                    self._submit(WorkerExpired(name=name, epoch=worker.epoch if worker else 0))

    # --- Dag files ---

    async def _parse_loop(self) -> None:
        while True:
            self._watch_changed.clear()
            if self.agents:
                for request in self.processor.due():
                    self.parsing[request.id] = request.file
                    next(iter(self.agents.values())).send(request)
            wait = max(0.05, self.processor.wake_at() - _boottime())
            try:
                await asyncio.wait_for(self._watch_changed.wait(), min(wait, 30.0))
            except TimeoutError:
                pass

    def _parsed(self, answer: Parsed) -> None:
        self.parsing.pop(answer.id, None)
        for event in self.processor.parsed(answer, _now()):
            self._submit(event)
        for problem in answer.problems:
            log.warning("import error", file=answer.file, line=problem.line, problem=problem.message)
        self._watch_changed.set()

    async def _watch(self) -> None:
        """Follow the Dags folder, and look at it anew every `rescan_seconds`, because watching may miss something."""
        folder = self.settings.core.dags_folder
        while True:
            for event in self.processor.scan():
                self._submit(event)
            self._watch_changed.set()
            outside = self.processor.outside_folders()
            paths = [p for p in (folder, *map(Path, outside)) if p.is_dir()]
            if not paths:
                await asyncio.sleep(1.0)
                continue
            stop = asyncio.Event()
            rescan = asyncio.get_running_loop().call_later(self.processor.rescan_seconds, stop.set)
            async for changes in watchfiles.awatch(
                *paths, stop_event=stop, debounce=200, step=50, rust_timeout=1000, ignore_permission_denied=True
            ):
                for event in self.processor.changed(path for _, path in changes):
                    self._submit(event)
                self._watch_changed.set()
                if self.processor.outside_folders() - outside:
                    break
            rescan.cancel()

    # --- health ---

    def status(self) -> dict[str, Any]:
        """Component by component, true to their beats."""
        now = _boottime()
        world = self._world
        assert self.owner is not None
        assert self.lease is not None
        agents = [
            {
                "name": name,
                "connected": name in self.agents,
                "beat_age_seconds": round(now - beat, 3),
                "used": world.workers[name].used if name in world.workers else 0,
                "capacity": world.workers[name].capacity if name in world.workers else 0,
            }
            for name, beat in self.beats.items()
        ]
        return {
            "scheduler": {
                "holder": self.holder,
                "epoch": self.lease.epoch,
                "turns": self.owner.turns,
                "inputs": self.owner.inputs_taken,
                "statements": self.writer.statements_run,
                "busy_us": self._busy_us,
                "database_away": self.owner.pending is not None,
                "started_at": self.started_at.isoformat(),
                "live_runs": len(world.runs),
                "active_attempts": world.total_active,
                "ready_tasks": len(world.ready),
            },
            "agents": agents,
            "dag_processor": {
                "files": len(self.processor.files),
                "parsing": len(self.parsing),
                "first_scan_done": self.processor.first_scan_done,
                "unparsed": sum(1 for f in self.processor.files.values() if not f.parsed_at),
            },
            "usage": {attempt: list(values) for attempt, values in self.usage.items()},
            "progress": {
                attempt: {"done": p.done, "total": p.total, "unit": p.unit} for attempt, p in self.progress.items()
            },
        }


def _now() -> datetime:
    return datetime.now(UTC)


def _boottime() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
