"""Reading Dag files in code hosts without a scheduler: the same template process and hosts as an agent has."""

import os
import selectors
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import msgspec

from tradewind.cli.single_task import Answers, host_config
from tradewind.config import Settings
from tradewind.wire.messages import HostReady, HostStarted, ImportProblem, Parsed, Request, RunInfo, StartHost
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.host_config import HostConfig
from tradewind.worker.process import kill_tree

GRACE_SECONDS = 10.0
"""How much longer than its import may take a host has to answer, before it is killed."""


class ParseAnswers(Answers):
    """What a file asks while it is imported: stored variables and connections, and which runs are to be named."""

    def __init__(self, settings: Settings, since_us: int, until_us: int) -> None:
        super().__init__(settings, RunInfo(number=0, dag_id="", run_id="", run_type="", run_after_us=0))
        span = {"since_us": since_us, "until_us": until_us}
        self._methods["timetable.wanted"] = lambda dag_ids: dict.fromkeys(dag_ids, span)


@dataclass(slots=True)
class _Host:
    """The host of one file, until it has said what the file defines."""

    file: str
    channel: Channel
    deadline: float
    pid: int = 0
    report: Parsed | None = None
    is_done: bool = False

    def listen(self, answers: Answers) -> None:
        try:
            self.channel.read()
            while (message := self.channel.pending()) is not None:
                match message:
                    case HostStarted(pid=pid):
                        self.pid = pid
                    case Request():
                        self.channel.send(answers.to(message))
                    case Parsed():
                        self.report = message
                    case HostReady():
                        self.is_done = True
        except ChannelClosed:
            self.is_done = True

    def expire(self) -> None:
        if not self.is_done and time.monotonic() > self.deadline:
            if self.pid:
                kill_tree(self.pid)
            self.report = self.report or _failed(self.file, "its import does not end, and had to be killed")
            self.is_done = True


def read_files(settings: Settings, folder: Path, files: Sequence[str], answers: Answers) -> Iterator[Parsed]:
    """What each file defines, or what is wrong with it, in the order in which that is known."""
    waiting, hosts = list(reversed(files)), list[_Host]()
    with _template(settings, folder) as template, selectors.DefaultSelector() as selector:
        while waiting or hosts:
            while waiting and len(hosts) < (os.cpu_count() or 1):
                host = _start(template, folder, waiting.pop(), settings.core.dagbag_import_timeout)
                selector.register(host.channel, selectors.EVENT_READ, host)
                hosts.append(host)
            for key, _ in selector.select(timeout=1.0):
                key.data.listen(answers)
            for host in list(hosts):
                host.expire()
                if host.is_done:
                    hosts.remove(host)
                    selector.unregister(host.channel)
                    host.channel.close()
                    yield host.report or _failed(host.file, "the process that imported it has died")


def _start(template: Channel, folder: Path, file: str, timeout_seconds: float) -> _Host:
    ours, theirs = socket.socketpair()
    path = folder / file
    order = StartHost(
        file=file, path=str(path), digest=_digest(path), parse_id=1, timeout_seconds=timeout_seconds
    )  # fmt: skip
    try:
        template.send(order, fd=theirs.fileno())
    except ChannelClosed:
        pass  # the host's own channel ends as well, and says so
    theirs.close()
    return _Host(file, Channel(ours), time.monotonic() + timeout_seconds + GRACE_SECONDS)


@contextmanager
def _template(settings: Settings, folder: Path) -> Iterator[Channel]:
    """A template process; it and its hosts end when it is no longer needed, or this process dies."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory(prefix="tradewind-read-") as own:
        config = Path(own) / "host.json"
        there = replace(settings, core=replace(settings.core, dags_folder=folder))
        msgspec.convert(host_config(there), HostConfig).write(config)
        child = subprocess.Popen(
            [sys.executable, "-m", "tradewind.worker.template", str(theirs.fileno())],
            env={**os.environ, "TRADEWIND_HOST_CONFIG": str(config)},
            pass_fds=(theirs.fileno(),),
            stdin=subprocess.DEVNULL,
            stdout=2,  # what a file prints is not part of our answer
        )
        theirs.close()
        channel = Channel(ours)
        try:
            yield channel
        finally:
            channel.close()
            child.wait()


def _digest(path: Path) -> str:
    try:
        return sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""


def _failed(file: str, text: str) -> Parsed:
    return Parsed(id=1, file=file, problems=[ImportProblem(file=file, kind="HostFailed", message=f"{file}: {text}")])
