"""The scheduler process: gives `Scheduler` its sockets, time and Dag files."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog
from sqlalchemy import Engine

from tradewind.config import ConfigError, Settings
from tradewind.config.sockets import reachable
from tradewind.dag_processor.folder_watch import FolderWatch
from tradewind.dag_processor.processor import DagProcessor
from tradewind.observability.alerts.rules_file import load_rules
from tradewind.observability.statsd import Choice, StatsD
from tradewind.observability.statsd_sender import Sender
from tradewind.scheduler.alerts import AlertSetup, AlertSource
from tradewind.scheduler.connections import Connection
from tradewind.scheduler.scheduler import TICK_SECONDS, Scheduler
from tradewind.scheduler.statsd_gauges import tell
from tradewind.security.secrets import Vault
from tradewind.store import queries
from tradewind.store.writer import Writer
from tradewind.wire.xcom_files import XComFiles

log = structlog.get_logger("scheduler")

LEAVE_SECONDS = 8.0
"""How long a scheduler that is told to stop goes on serving agents that are still connected."""


GAUGES_SECONDS = 5.0
"""Between two times that StatsD is told what is so."""


def statsd_choice(settings: Settings) -> Choice:
    """Which names StatsD is told. Raises ConfigError for a pattern that is none."""
    allowed, blocked = settings.metrics.metrics_allow_list, settings.metrics.metrics_block_list
    try:
        return Choice.of(settings.metrics.statsd_prefix, allowed, blocked, settings.metrics.legacy_names_on)
    except ValueError as error:
        raise ConfigError(str(error)) from None


class SchedulerService:
    """One scheduler. `run` returns when it was told to stop, or when another owner took over.

    `kill_processes_of` is given the name of a worker of this home.
    """

    def __init__(
        self, settings: Settings, engine: Engine, vault: Vault, kill_processes_of: Callable[[str], None]
    ) -> None:
        self.settings = settings
        self._kill_processes_of = kill_processes_of
        self.stopping = asyncio.Event()
        self._watch_changed = asyncio.Event()
        self._socket_inode = 0
        self.greeting: asyncio.Future[None] | None = None
        """What says hello to the first who comes, while it is at it."""
        self.processor = DagProcessor(
            folder=settings.core.dags_folder,
            engine=engine,
            clock=self.uptime,
            paused_at_creation=settings.core.dags_are_paused_at_creation,
            timeout_seconds=settings.core.dagbag_import_timeout,
            rescan_seconds=settings.dag_processor.refresh_interval,
            unwatchable_age_seconds=settings.dag_processor.min_file_process_interval,
            at_once=settings.dag_processor.parsing_processes,
            ignore_syntax=settings.core.dag_ignore_file_syntax,
            safe_mode=settings.core.dag_discovery_safe_mode,
        )
        self._sender = Sender(settings.metrics.statsd_host, settings.metrics.statsd_port)
        self._statsd = StatsD(statsd_choice(settings), self._sender.send) if settings.metrics.statsd_on else None
        self._gauges_at = 0.0
        self._import_errors: int | None = None
        self.scheduler = Scheduler(
            engine=engine,
            writer=Writer(engine),
            holder=f"{os.uname().nodename}:{os.getpid()}:{uuid4().hex[:8]}",
            ports=self,
            files=self.processor,
            vault=vault,
            parallelism=settings.core.parallelism,
            default_pool_slots=settings.core.default_pool_task_slot_count,
            max_retry_delay_seconds=settings.core.max_task_retry_delay,
            kill_grace_seconds=settings.worker.kill_grace_seconds,
            success_clears_store=settings.state_store.clear_on_success,
            files_changed=self._watch_changed.set,
            observers=(self._statsd,) if self._statsd is not None else (),
            alerts=AlertSource(partial(_alerts, settings), settings.alerts.rules_file),
        )
        if self._statsd is not None:
            self._statsd.operator_of = self._operator_of
        self._desk = self.scheduler.desk

    # --- life ---

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Become the owner (waiting as a standby while another is), then serve until stopped."""
        await self._become_owner()
        if self.stopping.is_set():
            return
        server = await self._listen()
        loops = [self._tick(), self._watch(), self._parse_loop()]
        tasks = [asyncio.ensure_future(loop) for loop in loops]
        on_ready()
        if self.settings.xcoms_folder.is_dir():
            asyncio.get_running_loop().run_in_executor(None, self._forget_xcoms_of_deleted_runs)
        try:
            stop = asyncio.ensure_future(self.stopping.wait())
            done, _ = await asyncio.wait([stop, *tasks], return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            await self._let_agents_leave()
        finally:
            self.scheduler.is_closed = True
            for task in tasks:
                task.cancel()
            server.close()
            for peer in list(self._desk.peers):
                peer.close()
            self._step_down()
            self._sender.close()

    async def _become_owner(self) -> None:
        waiting = False
        while not self.stopping.is_set() and not self.scheduler.try_to_own():
            if not waiting:
                log.info("standing by: another scheduler is the owner")
                waiting = True
            try:
                await asyncio.wait_for(self.stopping.wait(), TICK_SECONDS)
            except TimeoutError:
                pass

    def _forget_xcoms_of_deleted_runs(self) -> None:
        """Once in an owner's life, beside its work. What a new try replaces is removed by the attempt itself."""
        files = XComFiles(self.settings.xcoms_folder, inline_bytes=-1)
        before = self.scheduler.world.next_run_number
        try:
            with self.scheduler.engine.connect() as connection:
                files.forget_runs(before=before, but=queries.run_numbers(connection))
        except Exception as error:  # the next owner tries again
            log.warning("files of deleted runs could not be looked for", error=str(error))

    async def _let_agents_leave(self) -> None:
        """A whole installation is often stopped at once: agents that are draining can still report."""
        deadline = time.monotonic() + LEAVE_SECONDS
        await asyncio.sleep(0.2)  # so that their word arrives
        while not self.scheduler.is_closed and time.monotonic() < deadline:
            if not any(worker.draining for worker in self.scheduler.world.workers.values()):
                return
            await asyncio.sleep(0.05)

    def _step_down(self) -> None:
        self.scheduler.step_down()
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
                    lambda: Connection(self._desk.on_message, self._desk.on_gone), address, backlog=256
                )
            self._socket_inode = path.stat().st_ino
            return server
        finally:
            os.umask(before)

    async def command(self, kind: str, **body: Any) -> Any:
        """Apply a command that the installation gives itself; what it gave. Raises TradewindError for a refusal."""
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def reply(answer: Any, error: Exception | None) -> None:
            if not done.done():
                done.set_exception(error) if error is not None else done.set_result(answer)

        self._desk.apply_own(kind, body, reply)
        return await done

    # --- ports ---

    def now(self) -> datetime:
        return datetime.now(UTC)

    def uptime(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()

    def new_id(self) -> str:
        return uuid4().hex

    def soon(self, call: Callable[[], None]) -> None:
        asyncio.get_running_loop().call_soon(self._timed, call)

    def later(self, seconds: float, call: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(seconds, call)

    def fence(self, worker: str) -> None:
        self._kill_processes_of(worker)

    def overthrown(self) -> None:
        self.stopping.set()

    def _timed(self, call: Callable[[], None]) -> None:
        began = time.thread_time_ns()
        call()
        self.scheduler.busy_us += (time.thread_time_ns() - began) // 1000

    # --- loops ---

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self.scheduler.tick()
            if self._statsd is not None and not self.scheduler.is_closed:
                self._tell_statsd(self._statsd)

    async def _parse_loop(self) -> None:
        while True:
            self._watch_changed.clear()
            self._desk.ask_for_parses()
            wait = max(0.05, self.processor.wake_at() - self.uptime())
            try:
                await asyncio.wait_for(self._watch_changed.wait(), min(wait, 30.0))
            except TimeoutError:
                pass

    async def _watch(self) -> None:
        """Follow the Dags folder, and look at it anew every `rescan_seconds`, because watching may miss something."""
        while True:
            for event in self.processor.scan():
                self.scheduler.submit(event)
            self._watch_changed.set()
            outside = self.processor.outside_folders()
            watch = FolderWatch(self.settings.core.dags_folder, map(Path, outside))
            try:
                await self._follow(watch, outside)
            finally:
                watch.close()

    async def _follow(self, watch: FolderWatch, outside: set[str]) -> None:
        """Take in changes until it is time to look at everything, or another folder has to be followed."""
        is_there = self.settings.core.dags_folder.is_dir()
        until = self.uptime() + (self.processor.rescan_seconds if is_there else 1.0)
        while (left := until - self.uptime()) > 0:
            if (paths := await watch.changes(left)) is None:
                return
            for event in self.processor.changed(paths):
                self.scheduler.submit(event)
            self._watch_changed.set()
            if self.processor.outside_folders() - outside:
                return

    # --- StatsD ---

    def _tell_statsd(self, statsd: StatsD) -> None:
        self._sender.look_up()
        if self.uptime() - self._gauges_at >= GAUGES_SECONDS:
            self._gauges_at = self.uptime()
            asyncio.get_running_loop().run_in_executor(None, self._count_import_errors)
            tell(statsd, self.scheduler, self._import_errors)
        self._sender.flush()

    def _count_import_errors(self) -> None:
        try:
            with self.scheduler.engine.connect() as connection:
                self._import_errors = queries.count_import_errors(connection)
        except Exception:  # the database is away: the next time is soon
            self._import_errors = None

    def _operator_of(self, dag_id: str, task_id: str) -> str:
        plan = self.scheduler.world.plans.get(dag_id)
        spec = plan.spec.tasks.get(task_id) if plan is not None else None
        return spec.operator if spec is not None else ""


def _alerts(settings: Settings, own: Mapping[str, str]) -> AlertSetup:
    """The alert rules, with a line for what is wrong with others."""
    path = settings.alerts.rules_file
    found = load_rules(path, own)
    for problem in found.problems:
        log.error("an alert rule or channel is not in effect", problem=str(problem))
    log.info("alert rules", file=str(path), rules=len(found.rules), channels=len(found.channels))
    return AlertSetup(found.rules, tuple(found.channels), str(settings.home), str(path))
