"""Scheduler: the owner's lease, its turns and its timers, over ports that give it time. It never waits itself.

`service.py` drives it from asyncio and sockets, and the simulator from a virtual clock.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Protocol

import structlog
from sqlalchemy import Engine

from tradewind.core.decisions import PutRow, Record
from tradewind.core.inputs import AttemptStarted
from tradewind.core.records import Pool
from tradewind.core.world import World
from tradewind.scheduler.alerts import AlertSource
from tradewind.scheduler.desk import DagFiles, Desk, Observer, Vault
from tradewind.scheduler.owner import Owner, Rows
from tradewind.store.loader import load_world
from tradewind.store.writer import EpochLost, Lease, StoreUnavailable, Writer

log = structlog.get_logger("scheduler")

STARTED_RIDES_SECONDS = 0.02
"""News that an attempt has started waits this long for another commit to ride on: nobody waits for it."""

TICK_SECONDS = 1.0

MOST_SHOWN = 50
"""How much of what was set aside the status names; the event log has all of it."""


class Timer(Protocol):
    """A call that is to come, and can be called off."""

    def cancel(self) -> None: ...


class Ports(Protocol):
    """What the scheduler asks of the outside."""

    def now(self) -> datetime:
        """The wall clock, in UTC."""
        ...

    def uptime(self) -> float:
        """Seconds of a clock that never jumps and counts the machine's sleep."""
        ...

    def new_id(self) -> str: ...
    def soon(self, call: Callable[[], None]) -> None: ...
    def later(self, seconds: float, call: Callable[[], None]) -> Timer: ...

    def fence(self, worker: str) -> None:
        """Kill whatever of this worker's attempts runs on this machine."""
        ...

    def overthrown(self) -> None:
        """Another owner holds a newer epoch: nothing of what is in memory is worth anything."""
        ...


class Scheduler:
    """One scheduler, standing by or the owner."""

    def __init__(
        self,
        *,
        engine: Engine,
        writer: Writer,
        holder: str,
        ports: Ports,
        files: DagFiles,
        vault: Vault,
        parallelism: int,
        default_pool_slots: int,
        max_retry_delay_seconds: float,
        kill_grace_seconds: float,
        success_clears_store: bool = False,
        files_changed: Callable[[], None] = lambda: None,
        observers: Sequence[Observer] = (),
        alerts: AlertSource | None = None,
    ) -> None:
        self.engine = engine
        self.writer = writer
        self.holder = holder
        self.owner: Owner | None = None
        self.lease: Lease | None = None
        self.is_closed = False
        self.started_at = ports.now()
        self._ports = ports
        self._parallelism = parallelism
        self._default_pool_slots = default_pool_slots
        self._max_retry_delay_seconds = max_retry_delay_seconds
        self._success_clears_store = success_clears_store
        self._lazy: list[AttemptStarted] = []
        self._turn_is_due = False
        self._timer: Timer | None = None
        self._last_tick = ports.uptime()
        self._turns_at_tick = -1
        self.busy_us = 0
        self.desk = Desk(
            self, files=files, vault=vault, kill_grace_seconds=kill_grace_seconds, files_changed=files_changed,
            observers=observers, alerts=alerts,
        )  # fmt: skip

    # --- life ---

    def try_to_own(self) -> bool:
        """Become the owner if nobody is. False while another one is, or the database is away."""
        try:
            self.writer.connect()
            self.lease = self.writer.acquire(self.holder, self.new_id())
        except StoreUnavailable as away:
            log.warning("database is away", error=str(away))
        if self.lease is None:
            return False
        log.info("owner", epoch=self.lease.epoch)
        self.owner = Owner(
            writer=self.writer,
            lease=self.lease,
            world=self._load(self.lease.next_run_number),
            load=self._load,
            outlet=self.desk,
            clock=self.now,
            new_id=self.new_id,
            log=log.warning,
        )
        self._last_tick = self.uptime()
        self._set_up_pools()
        self.submit(Rows((Record("owner.changed", reason=self.holder, body={"epoch": self.lease.epoch}),)))
        if self.desk.alerts is not None:
            self.desk.alerts.begin()
        return True

    def step_down(self) -> None:
        """Give the lease back and let go of the database."""
        self.is_closed = True
        try:
            if self.lease is not None:
                self.writer.release(self.lease)
        except StoreUnavailable:
            pass
        self.writer.close()

    def _overthrown(self) -> None:
        log.error("another scheduler has taken over; stopping")
        self.is_closed = True
        self._ports.overthrown()

    def _load(self, next_run_number: int) -> World:
        world = load_world(
            self.engine,
            parallelism=self._parallelism,
            max_retry_delay_seconds=self._max_retry_delay_seconds,
            success_clears_store=self._success_clears_store,
            next_run_number=next_run_number,
            now=self.now(),
        )
        if self.owner is not None:
            # Which agents are connected, and what custom timetables have named, is not the database's to know.
            world.workers, world.ahead = self.owner.world.workers, self.owner.world.ahead
            for worker in world.workers.values():
                worker.used = sum(a.worker == worker.name for a in world.attempts.values())
        return world

    def _set_up_pools(self) -> None:
        if "default_pool" not in self.world.pools:
            slots = self._default_pool_slots
            self.world.pools["default_pool"] = Pool(name="default_pool", slots=slots, description="Default pool")
            row = {"name": "default_pool", "slots": slots, "description": "Default pool", "include_deferred": False}
            self.submit(Rows((PutRow("pool", row),)))

    # --- what the desk sees ---

    @property
    def world(self) -> World:
        assert self.owner is not None
        return self.owner.world

    @property
    def epoch(self) -> int:
        assert self.lease is not None
        return self.lease.epoch

    @property
    def is_durable(self) -> bool:
        """Whether everything that memory says is in the database."""
        return self.owner is not None and self.owner.pending is None

    def now(self) -> datetime:
        return self._ports.now()

    def uptime(self) -> float:
        return self._ports.uptime()

    def new_id(self) -> str:
        return self._ports.new_id()

    def later(self, seconds: float, call: Callable[[], None]) -> Timer:
        return self._ports.later(seconds, call)

    def fence(self, worker: str) -> None:
        log.warning("an agent's lease has ended: what it left running is killed", worker=worker)
        self._ports.fence(worker)

    # --- turns ---

    def kick(self) -> None:
        """There may be something to do: a turn comes as soon as what happens now is over."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._ports.soon(self._turn)

    def submit(self, event: Any, reply: Any = None, also: Any = None, *, urgent: bool = False) -> None:
        """Hand the owner an input; `Owner.submit` says what the arguments mean."""
        assert self.owner is not None
        self.owner.submit(event, reply, also, urgent=urgent)
        self.kick()

    def submit_lazily(self, event: AttemptStarted) -> None:
        """Hand in what may wait for another commit to ride on."""
        self._lazy.append(event)
        if len(self._lazy) == 1:
            self._ports.later(STARTED_RIDES_SECONDS, self.kick)

    def _turn(self) -> None:
        self._turn_is_due = False
        owner = self.owner
        if owner is None or self.is_closed:
            return
        if owner.pending is None:
            for started in self._lazy:
                owner.submit(started)
            self._lazy.clear()
        try:
            done = owner.turn()
        except EpochLost:
            self._overthrown()
            return
        if not done:
            self._set_timer(min(2.0, 0.05 * 2 ** min(owner.pending.tries if owner.pending else 0, 6)))
        elif owner.has_work:
            self.kick()
        else:
            due = owner.world.next_timer()
            if due is not None:
                self._set_timer(max(0.0, (due - self.now()).total_seconds()))

    def _set_timer(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        # A wall clock may jump: long waits are looked at again.
        self._timer = self._ports.later(min(seconds, 60.0), self.kick)

    # --- time ---

    def tick(self) -> None:
        """Once a second: the owner's lease, the agents' leases, and our own gaps."""
        assert self.owner is not None
        now = self.uptime()
        gap = now - self._last_tick - TICK_SECONDS
        self._last_tick = now
        if gap > TICK_SECONDS:
            log.warning("the scheduler itself was away", seconds=round(gap, 1))
            self.desk.forgive(gap)
        if self.owner.turns == self._turns_at_tick and self.owner.pending is None:
            self._renew()
        self._turns_at_tick = self.owner.turns
        if not self.is_closed:
            self.desk.expire(now)
            self.kick()

    def _renew(self) -> None:
        assert self.lease is not None
        try:
            self.writer.commit(self.lease, self.new_id(), (), self.now(), self.world.next_run_number)
        except EpochLost:
            self._overthrown()
        except StoreUnavailable as away:
            log.warning("database is away", error=str(away))
            try:
                self.writer.connect()
            except StoreUnavailable:
                pass  # the next tick tries again

    # --- health ---

    def status(self) -> dict[str, Any]:
        """Component by component, true to their beats."""
        now = self.uptime()
        world, owner, desk = self.world, self.owner, self.desk
        assert owner is not None
        agents = [
            {
                "name": name,
                "connected": name in desk.agents,
                "beat_age_seconds": round(now - beat, 3),
                "used": world.workers[name].used if name in world.workers else 0,
                "capacity": world.workers[name].capacity if name in world.workers else 0,
                "queues": list(world.workers[name].queues) if name in world.workers else [],
                "draining": name in world.workers and world.workers[name].draining,
                "held_back": [[attempt, *sizes] for attempt, sizes in desk.held_back.get(name, {}).items()],
            }
            for name, beat in desk.beats.items()
        ]
        return {
            "scheduler": {
                "holder": self.holder,
                "epoch": self.epoch,
                "turns": owner.turns,
                "inputs": owner.inputs_taken,
                "statements": self.writer.statements_run,
                "newest_event": self.writer.newest_event,
                "busy_us": self.busy_us,
                "database_away": owner.pending is not None,
                "started_at": self.started_at.isoformat(),
                "live_runs": len(world.runs),
                "active_attempts": world.total_active,
                "ready_tasks": len(world.ready),
                "backlog": owner.backlog,
                "outbox_bytes": sum(peer.backlog for peer in desk.peers),
                "timers": len(world.timers),
                "deferred_tasks": len(world.deferrals),
                "watchers": len(world.watchers.active),
                "dags": len(world.dags),
                "set_aside": [found.reason for found in list(world.set_aside.values())[:MOST_SHOWN]],
            },
            "agents": agents,
            "dag_processor": {**desk.files.status(), "parsing": len(desk.parsing)},
            "usage": {attempt: list(values) for attempt, values in desk.usage.items()},
            "progress": {
                attempt: {"done": p.done, "total": p.total, "unit": p.unit} for attempt, p in desk.progress.items()
            },
        }
