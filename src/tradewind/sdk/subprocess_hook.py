"""Running a command as part of a task: its output goes to the log line by line, and it dies with the task."""

from __future__ import annotations

import logging
import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

_GRACE_SECONDS = 5.0


class SubprocessResult(NamedTuple):
    """How a command ended, and the last line that it wrote."""

    exit_code: int
    output: str


class SubprocessHook:
    """Runs one command at a time."""

    def __init__(self, log: logging.Logger | None = None) -> None:
        self.log = log or logging.getLogger(f"{__name__}.SubprocessHook")
        self.sub_process: subprocess.Popen[bytes] | None = None

    def run_command(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> SubprocessResult:
        """Run it to its end; stderr counts as output."""
        self.log.info("Running command: %s", list(command))
        output = self.lines(command, env=env, output_encoding=output_encoding, cwd=cwd)
        self.log.info("Output:")
        line = ""
        for line in output:
            self.log.info("%s", line)
        exit_code = self.exit_code
        self.log.info("Command exited with return code %s", exit_code)
        return SubprocessResult(exit_code, line)

    def lines(
        self,
        command: Sequence[str],
        env: Mapping[str, str] | None = None,
        output_encoding: str = "utf-8",
        cwd: str | None = None,
    ) -> Iterator[str]:
        """Start it, and give what it writes as it comes; after the last line, `exit_code` says how it ended."""
        # A process group of its own, so that all of it can be ended; the session stays the task's, so that nothing is
        # left behind when the task itself is killed.
        self.sub_process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, cwd=cwd,
            env=env if env is not None else os.environ, process_group=0,
        )  # fmt: skip
        return (raw.decode(output_encoding, errors="backslashreplace").rstrip() for raw in _lines_of(self.sub_process))

    @property
    def exit_code(self) -> int:
        """How the command ended; waits for its end."""
        assert self.sub_process is not None, "no command was started"
        return self.sub_process.wait()

    def send_sigterm(self) -> None:
        """End the command and everything that it started: politely, then for good."""
        process = self.sub_process
        if process is None or process.poll() is not None:
            return
        self.log.info("Sending SIGTERM signal to process group")
        _signal_group(process.pid, signal.SIGTERM)
        try:
            process.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            _signal_group(process.pid, signal.SIGKILL)
            process.wait()


def _signal_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        pass


def _lines_of(process: subprocess.Popen[bytes]) -> Iterator[bytes]:
    """Its output line by line. A command that was killed takes its group along: what it started would hold the pipe
    open for as long as it likes."""
    assert process.stdout is not None
    poll, rest = select.poll(), b""
    ended = os.pidfd_open(process.pid) if hasattr(os, "pidfd_open") else -1
    if ended >= 0:
        poll.register(ended, select.POLLIN)
    try:
        with process.stdout as output:
            poll.register(output, select.POLLIN)
            while True:
                ready = [fd for fd, _ in poll.poll()]
                if ended in ready:
                    poll.unregister(ended)
                    if (process.poll() or 0) < 0:
                        _signal_group(process.pid, signal.SIGKILL)
                if output.fileno() not in ready:
                    continue
                data = os.read(output.fileno(), 65536)
                *lines, rest = (rest + data).split(b"\n")
                yield from lines
                if not data:
                    break
        if rest:
            yield rest
    finally:
        if ended >= 0:
            os.close(ended)
