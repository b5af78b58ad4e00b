"""A code host: the warm process that has imported one Dag file and forks its attempts."""

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations: every child sets three
import _socket  # `socket` without its own class around a descriptor: every fork makes a pair
import faulthandler
import gc
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import cast

from tradewind.sdk.conf import set_config
from tradewind.sdk.execution.prepared import prepare
from tradewind.sdk.execution.runtime import set_runtime
from tradewind.wire.messages import HostReady, HostStarted, StartHost
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.forking import chosen_fork
from tradewind.worker.front import Front
from tradewind.worker.host_config import HostConfig
from tradewind.worker.importing import load_file
from tradewind.worker.naming import name_runs
from tradewind.worker.native import NativeOutput
from tradewind.worker.partition_naming import name_partitions
from tradewind.worker.process import (
    OwnChildren,
    adopt_orphans,
    die_with_parent,
    kill_group,
    kill_process,
    kill_tree,
    name_process,
    outlive_parent,
    tree_of,
)
from tradewind.worker.rehearsal import rehearse
from tradewind.worker.runtime import ChannelRuntime
from tradewind.worker.task_runner import REHEARSE_AFTER_SECONDS, TaskRunner


def warm_up() -> None:
    """Import and use, in the template process, what every attempt will need.

    The attempts run here are no-ops, yet CPython rewrites its bytecode while it warms up: done before the first fork,
    those pages stay shared, and a child has fewer of them to copy (measured: 1,110 page faults an attempt without, 930
    with).
    """
    import tradewind.sdk.decorators
    import tradewind.sdk.operators.bash
    import tradewind.sdk.operators.empty
    import tradewind.sdk.timetables  # noqa: F401

    for _ in range(WARM_UPS):
        for templated in (True, False):
            rehearse(templated=templated)


def set_up_paths(config: HostConfig) -> None:
    """sys.path as Airflow sets it: the Dags folder, config and plugins; and what `conf` answers."""
    for folder in (config.dags_folder, config.config_folder, config.plugins_folder):
        if folder not in sys.path:
            sys.path.append(folder)
    set_config(config.values)


_AF_UNIX, _SOCK_STREAM = int(socket.AF_UNIX), int(socket.SOCK_STREAM)
WARM_UPS = 20
REFRESHERS = 3
CHILD_MARK = "TRADEWIND_CHILD"
"""Environment variable with the child's process id, for what it starts and what then leaves its session."""


class CodeHost:
    """One file's host. `run` ends with the process."""

    def __init__(self, control: Channel, order: StartHost, config_path: str) -> None:
        self.control = control
        self.order = order
        self.config = HostConfig.read(config_path)
        self.children: dict[int, NativeOutput] = {}
        self.runner: TaskRunner | None = None
        self._poll = select.poll()
        self._natives: dict[int, NativeOutput] = {}
        """Whose output a descriptor brings."""
        self._front = Front(control, self)

    def run(self) -> None:
        """Import the file, report, then fork children on request until the agent is gone."""
        adopt_orphans()
        self._all_children = OwnChildren()
        self._pid = os.getpid()
        name_process(f"tw-host {os.path.basename(self.order.file)}")
        os.setpgid(0, 0)
        self.control.send(HostStarted(pid=os.getpid()))
        set_up_paths(self.config)
        runtime = ChannelRuntime(self.control)
        set_runtime(runtime)
        loaded = load_file(
            self.order.path,
            self.order.file,
            digest=self.order.digest,
            parse_id=self.order.parse_id,
            timeout_seconds=self.order.timeout_seconds,
        )
        name_runs(loaded, runtime, self.order.timeout_seconds)
        name_partitions(loaded, runtime, self.order.timeout_seconds)
        set_runtime(None)
        loaded.report.variables, loaded.report.connections = runtime.asked("variable"), runtime.asked("connection")
        forkable = bool(loaded.dags) and loaded.report.isolation == "fork"
        if forkable:
            prepared = {dag_id: prepare(dag) for dag_id, dag in loaded.dags.items()}
            has_templates = any(not task.is_fixed for dag in prepared.values() for task in dag.tasks.values())
            self._rehearse: Callable[[], object] = partial(rehearse, templated=has_templates)
            self.runner = TaskRunner(prepared, self.config)
            logging.getLogger().setLevel(self.runner.log_level)
        self.control.send(loaded.report)
        if not forkable:
            os._exit(0)
        outlive_parent()
        self._refresh()
        faulthandler.enable(2)  # inherited by every child, whose descriptor 2 is its own
        gc.collect()
        gc.freeze()
        self.control.send(HostReady(pid=os.getpid()))
        self._serve()

    def _refresh(self) -> None:
        """The import has pushed out of CPython's caches what attempts look up."""
        try:
            for _ in range(REFRESHERS):
                self._rehearse()
        except Exception:  # the file has changed what a no-op needs: an attempt will say it where it can be read
            self._rehearse = object

    def _serve(self) -> None:
        wake, wake_end = socket.socketpair()
        wake.setblocking(False)
        wake_end.setblocking(False)
        signal.signal(signal.SIGCHLD, _told_by_wake_up)
        signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)
        # Descriptors by number: a child that closes sockets as objects copies a page for each of them.
        self._not_childrens = {self.control.fileno(), wake.fileno(), wake_end.fileno(), *self._all_children.ends}
        self._fork = chosen_fork()
        control, wakes = self.control.fileno(), wake.fileno()
        for end in (control, wakes):
            self._poll.register(end, select.POLLIN)
        try:
            while True:
                ready = [end for end, _ in self._poll.poll()]
                for end in ready:
                    if end in self._natives:
                        self._read(end)
                if wakes in ready:
                    wake.recv(4096)
                    self._reap()
                if control in ready:
                    self.control.read()
                    while (message := self.control.pending()) is not None:
                        self._front.ordered(message)
        except ChannelClosed:
            self._front.agent_gone()
            os._exit(0)

    # --- what the front asks ---

    def fork(self, reuse: bool, rehearse: bool) -> tuple[int, int]:
        ours, theirs = _socket.socketpair(_AF_UNIX, _SOCK_STREAM)
        native = NativeOutput(self._not_childrens)
        end = ours.detach()
        pid = self._fork()
        if pid == 0:
            self._become_child(end, cast("socket.socket", theirs), native, reuse, rehearse)
        theirs.close()
        native.forked()
        self.children[pid] = native
        for read_end in native.read_ends:
            self._natives[read_end] = native
            self._poll.register(read_end, select.POLLIN)
        return pid, end

    def _read(self, end: int) -> None:
        # The descriptor is closed at its end: it must not be asked for after that.
        if not self._natives[end].read(end):
            self._forget(end)

    def _forget(self, end: int) -> None:
        del self._natives[end]
        self._poll.unregister(end)

    def handed_over(self, end: int) -> None:
        os.close(end)

    def _become_child(
        self, hosts_end: int, own_end: socket.socket, native: NativeOutput, reuse: bool, rehearse: bool
    ) -> None:
        try:
            os.setsid()
            os.environ[CHILD_MARK] = str(os.getpid())
            die_with_parent(self._pid)
            signal.set_wakeup_fd(-1)
            for number in (_signal.SIGCHLD, _signal.SIGINT, _signal.SIGTERM):
                _signal.signal(number, _signal.SIG_DFL)
            os.close(hosts_end)
            for end in self._not_childrens:
                os.close(end)
            if numpy_random := sys.modules.get("numpy.random"):
                # A fork copies numpy's global generator; without this all attempts would draw the same numbers.
                numpy_random.seed()
            assert self.runner is not None
            self.runner.native = native.in_child()
            patience = 0.0 if rehearse else REHEARSE_AFTER_SECONDS
            self.runner.serve(Channel(own_end), reuse=reuse, rehearse=self._rehearse, patience_seconds=patience)
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(1)

    def kill_session(self, pid: int) -> int:
        killed = int(kill_group(pid))
        for stray in self._all_children.now():
            if stray in self.children:
                continue
            for member in tree_of(stray):
                if not self.children or _belongs(member, pid):
                    killed += kill_process(member)
        return killed

    def kill_child(self, pid: int) -> None:
        kill_tree(pid)

    def kill_strays(self) -> None:
        for stray in self._all_children.now():
            for pid in tree_of(stray):
                kill_process(pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            native = self.children.pop(pid, None)
            if native is not None:
                for read_end in native.read_ends:
                    self._forget(read_end)
                native.finish()
            self._front.ended(pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _told_by_wake_up(*_: object) -> None:
    """A function with a name: the child that puts the signal back would copy pages to take an unnamed one apart."""


def _belongs(pid: int, session: int) -> bool:
    """Whether a process is of this attempt: by its session, or, if it left that, by the environment it began with."""
    try:
        if os.getsid(pid) == session:
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{CHILD_MARK}={session}".encode() in file.read().split(b"\0")
    except OSError:
        return False
