"""The agent process: gives `Agent` its sockets, processes and time."""

import asyncio
import os
import signal
import socket
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

from tradewind.config import Settings
from tradewind.config.sockets import reachable
from tradewind.wire.frames import BrokenFrame, Frames, pack
from tradewind.wire.log_files import offer_log_path
from tradewind.wire.logs import LogLine, encode_line
from tradewind.wire.messages import AnyMessage, Message, Offer, Refused, StartTriggerHost, Welcome
from tradewind.worker import spool
from tradewind.worker.agent import Agent, Host, Standby
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.host_config import HostConfig
from tradewind.worker.memory_guard import MemoryGuard
from tradewind.worker.native import NativeOutput
from tradewind.worker.only_one import OnlyOne
from tradewind.worker.process import (
    BIND_NOW,
    TREE_MARK,
    adopt_orphans,
    available_memory,
    cpu_seconds,
    disk_percent,
    kill_group,
    kill_leftovers,
    kill_process,
    kill_tree,
    machine_cpu,
    memory_percent,
    private_memory,
    tree_mark,
    tree_of,
)
from tradewind.worker.trigger_keeper import Link, TriggerHost

BEAT_SECONDS = 2.0
DRAIN_SECONDS = 5.0
"""How long a shutdown waits for running attempts before it stops them."""

RECONNECT_SECONDS = 0.05


class _Socket(Link):
    """A non-blocking channel on the event loop. What the peer does not take at once is kept and sent later."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        on_message: Callable[[AnyMessage], None],
        on_gone: Callable[[], None],
    ) -> None:
        sock.setblocking(False)
        self._loop = loop
        self._channel = Channel(sock, with_fds=True)
        self._on_message = on_message
        self._on_gone = on_gone
        self._out = bytearray()
        self._open = True
        loop.add_reader(sock.fileno(), self._readable)

    def send(self, message: Message, fd: int | None = None) -> None:
        if not self._open:
            return
        data = pack(message)
        if fd is not None:
            socket.send_fds(self._channel.socket, [data], [fd])
            return
        if self._out:
            self._out += data
            return
        try:
            sent = self._channel.socket.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            return  # the reader will see the end
        if sent < len(data):
            self._out += data[sent:]
            self._loop.add_writer(self._channel.fileno(), self._writable)

    def take_fd(self) -> int:
        return self._channel.take_fd()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._loop.remove_reader(self._channel.fileno())
            self._loop.remove_writer(self._channel.fileno())
            self._channel.close()
            self._loop.call_soon(self._on_gone)

    def _writable(self) -> None:
        try:
            sent = self._channel.socket.send(self._out)
        except BlockingIOError:
            return
        except OSError:
            sent = len(self._out)
        del self._out[:sent]
        if not self._out:
            self._loop.remove_writer(self._channel.fileno())

    def _readable(self) -> None:
        try:
            self._channel.read()
        except BlockingIOError:
            return
        except (ChannelClosed, BrokenFrame):
            self._deliver()
            self.close()
            return
        self._deliver()

    def _deliver(self) -> None:
        while self._open and (message := self._channel.pending()) is not None:
            self._on_message(message)


class AgentService:
    """One agent process. `run` ends when it is told to stop."""

    def __init__(self, settings: Settings, *, name: str = "local", queues: list[str] | None = None) -> None:
        self.settings = settings
        self.instance = uuid4().hex
        self.mark = tree_mark(name, settings.home)
        self.stopping = asyncio.Event()
        self.agent = Agent(
            name=name,
            instance=self.instance,
            capacity=settings.worker.slots,
            queues=["default"] if queues is None else queues,
            dags_folder=str(settings.core.dags_folder),
            pid=os.getpid(),
            ports=self,
            host_memory=int(settings.worker.host_memory_fraction * _memory_of_machine()),
            memory=MemoryGuard(
                int(settings.worker.memory_reserve_fraction * _memory_of_machine()),
                settings.home / "run" / f"memory-{name}.json",
            ),
        )
        self._scheduler: _Scheduler | None = None
        self._template: _Socket | None = None
        self._config_path = settings.home / "run" / f"host-{name}.json"
        self._spool = settings.home / "run" / f"spool-{name}"
        self._spawned: dict[int, NativeOutput] = {}

    async def run(self, on_ready: Callable[[], None] = lambda: None) -> None:
        """Clean up after a predecessor, then serve. Raises WorkerRunsAlready."""
        self._loop = asyncio.get_running_loop()
        only = OnlyOne(self.settings.home / "run", self.agent.name)
        try:
            await self._serve(on_ready)
        finally:
            only.release()

    async def _serve(self, on_ready: Callable[[], None]) -> None:
        adopt_orphans()
        kill_leftovers(self.mark)
        self.agent.reports = {report.attempt: report for report in spool.kept(str(self._spool))}
        self._write_config()
        self._loop.add_signal_handler(signal.SIGCHLD, self._reap)
        self._start_template()
        ticking = asyncio.ensure_future(self._tick())
        connecting = asyncio.ensure_future(self._stay_connected(on_ready))
        try:
            await self.stopping.wait()
            await self._drain()
        finally:
            ticking.cancel()
            connecting.cancel()
            if self._scheduler is not None:
                self._scheduler.close()
            if self._template is not None:
                self._template.close()
            kill_leftovers(self.mark)
            # News of a death must not find a loop that is half closed.
            self._loop.remove_signal_handler(signal.SIGCHLD)

    async def _drain(self) -> None:
        """Let what runs end, for a while; then stop it; and have the scheduler know."""
        self.agent.drain()
        await self._until_idle(DRAIN_SECONDS)
        if not self.agent.idle:
            self.agent.stop_everything()
            await self._until_idle(2.0)

    async def _until_idle(self, seconds: float) -> None:
        deadline = self._loop.time() + seconds
        while not self.agent.idle and self._scheduler is not None and self._loop.time() < deadline:
            await asyncio.sleep(0.02)

    def _write_config(self) -> None:
        settings = self.settings
        values: dict[str, dict[str, str]] = {}
        for (section, key), text in settings.sdk_values().items():
            values.setdefault(section, {})[key] = text
        HostConfig(
            dags_folder=str(settings.core.dags_folder),
            plugins_folder=str(settings.core.plugins_folder),
            config_folder=str(settings.home / "config"),
            logs_folder=str(settings.logging.base_log_folder),
            spool_folder=str(self._spool),
            xcoms_folder=str(settings.xcoms_folder),
            xcom_inline_bytes=settings.core.xcom_objectstorage_threshold,
            log_level=settings.logging.logging_level,
            default_timezone=settings.core.default_timezone,
            values=values,
        ).write(self._config_path)

    # --- the scheduler ---

    async def _stay_connected(self, on_ready: Callable[[], None]) -> None:
        first = True
        while True:
            gone = asyncio.Event()
            try:
                with reachable(self.settings.scheduler_socket) as address:
                    _, protocol = await self._loop.create_unix_connection(partial(_Scheduler, self, gone), address)
            except OSError:
                await asyncio.sleep(RECONNECT_SECONDS)
                continue
            self._scheduler = protocol
            protocol.send(self.agent.dialled())
            if first:
                on_ready()
                first = False
            await gone.wait()
            self._scheduler = None
            self.agent.scheduler_gone()
            await asyncio.sleep(RECONNECT_SECONDS)

    def from_scheduler(self, message: AnyMessage) -> None:
        if isinstance(message, Welcome):
            self.agent.connected(message.lease_seconds)
        elif isinstance(message, Refused):
            sys.stderr.write(f"The scheduler refused this worker: {message.reason}\n")
            self.stopping.set()
        else:
            self.agent.from_scheduler(message)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(BEAT_SECONDS)
            self.tell_scheduler(self.agent.tick())
            if self._template is None:
                self._start_template()

    # --- ports ---

    def now(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def clock_us(self) -> int:
        return time.time_ns() // 1000

    def tell_scheduler(self, message: Message) -> None:
        if self._scheduler is not None:
            self._scheduler.send(message)

    def hang_up(self) -> None:
        if self._scheduler is not None:
            self._scheduler.close()

    def later(self, seconds: float, call: Callable[[], None]) -> None:
        self._loop.call_later(seconds, call)

    def kill(self, pid: int, number: int) -> None:
        kill_process(pid, number)

    def kill_tree(self, pid: int) -> None:
        kill_tree(pid)

    def usage(self, pids: dict[str, int]) -> dict[str, tuple[int, float]]:
        trees = {attempt: tree_of(pid) for attempt, pid in pids.items()}
        return {attempt: (private_memory(tree), cpu_seconds(tree)) for attempt, tree in trees.items()}

    def machine_use(self) -> tuple[float, float]:
        return memory_percent(), disk_percent(str(self.settings.home))

    def machine_cpu(self) -> tuple[float, float]:
        return machine_cpu()

    def available_memory(self) -> int:
        return available_memory()

    def memory_of(self, pid: int) -> int:
        try:
            with open(f"/proc/{pid}/statm", "rb") as file:
                fields = file.read().split()
            return (int(fields[1]) - int(fields[2])) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, ValueError, IndexError):
            return 0

    def forget_report(self, attempt: str) -> None:
        spool.forget(str(self._spool), attempt)

    def close_log(self, offer: Offer, reason: str) -> None:
        """The last line of a log whose process can no longer write it."""
        line = LogLine(t=datetime.now(UTC).isoformat(), l="error", m=reason, event="exit", reason=reason)
        path = Path(offer_log_path(self.settings.logging.base_log_folder, offer))
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with open(path, "ab", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(encode_line(line))
        except OSError as error:
            sys.stderr.write(f"The log {path} could not be written: {error.strerror}\n")

    # --- processes ---

    def _environment(self) -> dict[str, str]:
        environment = dict(os.environ)
        environment[TREE_MARK] = self.mark
        environment["TRADEWIND_HOST_CONFIG"] = str(self._config_path)
        for secret in [name for name in environment if _is_service_secret(name)]:
            del environment[secret]
        return environment

    def _start_template(self) -> None:
        ours, theirs = socket.socketpair()
        arguments = [sys.executable, "-m", "tradewind.worker.template", str(theirs.fileno())]
        os.set_inheritable(theirs.fileno(), True)
        environment = self._environment()
        environment.setdefault(*BIND_NOW)
        os.posix_spawn(sys.executable, arguments, environment)
        theirs.close()
        self._template = _Socket(self._loop, ours, self._from_template, self._template_gone)

    def _from_template(self, message: AnyMessage) -> None:
        """A host has ended; that is seen on its own connection."""

    def _template_gone(self) -> None:
        self._template = None
        if not self.stopping.is_set():
            self._start_template()

    def start_host(self, host: Host) -> Link:
        ours, theirs = socket.socketpair()
        link = _Socket(
            self._loop,
            ours,
            lambda message: self.agent.from_host(host, message),
            lambda: self.agent.host_gone(host),
        )
        if self._template is not None:
            self._template.send(host.order, fd=theirs.fileno())
        theirs.close()
        return link

    def start_trigger_host(self, host: TriggerHost) -> Link:
        ours, theirs = socket.socketpair()
        link = _Socket(
            self._loop,
            ours,
            lambda message: self.agent.triggers.from_host(host, message),
            lambda: self.agent.triggers.host_gone(host),
        )
        if self._template is not None:
            self._template.send(StartTriggerHost(), fd=theirs.fileno())
        theirs.close()
        return link

    def child_link(self, host: Host, child: Standby) -> Link:
        assert isinstance(host.link, _Socket)
        return self._link_to(socket.socket(fileno=host.link.take_fd()), child)

    def _link_to(self, sock: socket.socket, child: Standby) -> Link:
        return _Socket(
            self._loop,
            sock,
            lambda message: self.agent.from_child(child, message),
            lambda: self.agent.child_gone(child),
        )

    def spawn(self, child: Standby) -> None:
        ours, theirs = socket.socketpair()
        native = NativeOutput()
        for descriptor in (theirs.fileno(), native.note):
            os.set_inheritable(descriptor, True)
        module = "tradewind.worker.task_runner"
        arguments = [sys.executable, "-m", module, str(theirs.fileno()), str(self._config_path), str(native.note)]
        streams = [(os.POSIX_SPAWN_DUP2, end, target) for target, end in zip((1, 2), native.write_ends, strict=True)]
        try:
            child.pid = os.posix_spawn(sys.executable, arguments, self._environment(), file_actions=streams)
        except OSError:
            ours.close()
            native.finish()
            raise
        finally:
            theirs.close()
        os.set_inheritable(native.note, False)
        native.forked()
        for end in native.read_ends:
            self._loop.add_reader(end, self._native_output, native, end)
        self._spawned[child.pid] = native
        child.link = self._link_to(ours, child)

    def _native_output(self, native: NativeOutput, end: int) -> None:
        # The descriptor is closed at its end: it must be out of the loop before.
        self._loop.remove_reader(end)
        if native.read(end):
            self._loop.add_reader(end, self._native_output, native, end)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid in self._spawned:
                native = self._spawned.pop(pid)
                kill_group(pid)
                for end in native.read_ends:
                    self._loop.remove_reader(end)
                native.finish()
                self.agent.spawned_exited(pid, status)


class _Scheduler(asyncio.Protocol):
    """The connection to the scheduler."""

    def __init__(self, service: AgentService, gone: asyncio.Event) -> None:
        self._service = service
        self._gone = gone
        self._frames = Frames()
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for message in self._frames.feed(data):
                try:
                    self._service.from_scheduler(message)
                except Exception:
                    # One message that cannot be handled must not cost the connection, and with it every report.
                    traceback.print_exc()
        except BrokenFrame:
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._gone.set()

    def send(self, message: Message) -> None:
        if self._transport is not None:
            self._transport.write(pack(message))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _memory_of_machine() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _is_service_secret(name: str) -> bool:
    """The database and its key are the services' alone: tasks never see where they are."""
    upper = name.upper()
    return upper.startswith(("AIRFLOW__DATABASE__", "TRADEWIND__DATABASE__", "AIRFLOW__CELERY__")) or upper in (
        "AIRFLOW__CORE__SQL_ALCHEMY_CONN", "AIRFLOW__CORE__FERNET_KEY", "TRADEWIND__CORE__FERNET_KEY",
    )  # fmt: skip
