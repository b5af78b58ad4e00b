"""A code host: the warm process that has imported one Dag file and forks its attempts."""

import _signal  # type: ignore[import-not-found]  # `signal` without its enumerations: every child sets three
import faulthandler
import gc
import logging
import os
import select
import signal
import socket
import sys
from functools import partial
from typing import Any

from tradewind.sdk.conf import set_config
from tradewind.sdk.execution.prepared import prepare
from tradewind.sdk.execution.runtime import set_runtime
from tradewind.wire.messages import HostReady, HostStarted, StartHost
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.forking import fork
from tradewind.worker.front import Front
from tradewind.worker.host_config import HostConfig
from tradewind.worker.importing import load_file
from tradewind.worker.naming import name_runs
from tradewind.worker.native import NativeOutput
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
from tradewind.worker.task_runner import TaskRunner


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


WARM_UPS = 20
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
        self._front = Front(control, self)

    def run(self) -> None:
        """Import the file, report, then fork children on request until the agent is gone."""
        adopt_orphans()
        self._all_children = OwnChildren()
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
        set_runtime(None)
        loaded.report.variables, loaded.report.connections = runtime.asked("variable"), runtime.asked("connection")
        forkable = bool(loaded.dags) and loaded.report.isolation == "fork"
        if forkable:
            prepared = {dag_id: prepare(dag) for dag_id, dag in loaded.dags.items()}
            has_templates = any(not task.is_fixed for dag in prepared.values() for task in dag.tasks.values())
            self._rehearse = partial(rehearse, templated=has_templates)
            self.runner = TaskRunner(prepared, self.config)
            logging.getLogger().setLevel(self.runner.log_level)
        self.control.send(loaded.report)
        if not forkable:
            os._exit(0)
        outlive_parent()
        faulthandler.enable(2)  # inherited by every child, whose descriptor 2 is its own
        gc.collect()
        gc.freeze()
        self.control.send(HostReady(pid=os.getpid()))
        self._serve()

    def _serve(self) -> None:
        wake, wake_end = socket.socketpair()
        wake.setblocking(False)
        wake_end.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake_end.fileno(), warn_on_full_buffer=False)
        self._own = (wake, wake_end)
        try:
            while True:
                ends = {end: native for native in self.children.values() for end in native.read_ends}
                watched: list[Any] = [self.control.socket, wake, *ends]
                ready, _, _ = select.select(watched, [], [])
                for end in ends.keys() & set(ready):
                    ends[end].read(end)
                if wake in ready:
                    wake.recv(4096)
                    self._reap()
                if self.control.socket in ready:
                    self.control.read()
                    while (message := self.control.pending()) is not None:
                        self._front.ordered(message)
        except ChannelClosed:
            self._front.agent_gone()
            os._exit(0)

    # --- what the front asks ---

    def fork(self, reuse: bool) -> tuple[int, int]:
        ours, theirs = socket.socketpair()
        native = NativeOutput()
        host = os.getpid()
        pid = fork()
        if pid == 0:
            self._become_child(host, ours, theirs, native, reuse)
        theirs.close()
        native.forked()
        self.children[pid] = native
        return pid, ours.detach()

    def handed_over(self, end: int) -> None:
        os.close(end)

    def _become_child(
        self, host: int, ours: socket.socket, theirs: socket.socket, native: NativeOutput, reuse: bool
    ) -> None:
        try:
            os.setsid()
            os.environ[CHILD_MARK] = str(os.getpid())
            die_with_parent(host)
            signal.set_wakeup_fd(-1)
            for number in (_signal.SIGCHLD, _signal.SIGINT, _signal.SIGTERM):
                _signal.signal(number, _signal.SIG_DFL)
            for end in (ours, self.control.socket, *self._own, self._all_children):
                end.close()
            for sibling in self.children.values():
                sibling.forget()
            if numpy_random := sys.modules.get("numpy.random"):
                # A fork copies numpy's global generator; without this all attempts would draw the same numbers.
                numpy_random.seed()
            assert self.runner is not None
            self.runner.native = native.in_child()
            self.runner.serve(Channel(theirs), reuse=reuse, rehearse=self._rehearse)
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
                native.finish()
            self._front.ended(pid, status, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def _belongs(pid: int, session: int) -> bool:
    """Whether a process is of this attempt: by its session, or, if it left that, by the environment it began with."""
    try:
        if os.getsid(pid) == session:
            return True
        with open(f"/proc/{pid}/environ", "rb") as file:
            return f"{CHILD_MARK}={session}".encode() in file.read().split(b"\0")
    except OSError:
        return False
