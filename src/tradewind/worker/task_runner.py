"""The task child: waits with everything prepared, runs one attempt (or many, with `reuse`), and reports its end."""

import faulthandler
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from tradewind.data import runtime as data_runtime
from tradewind.sdk.execution.callback import run_callback
from tradewind.sdk.execution.logs import AttemptLog
from tradewind.sdk.execution.prepared import PreparedDag
from tradewind.sdk.execution.run import run_attempt
from tradewind.sdk.execution.runtime import set_runtime
from tradewind.sdk.execution.xcom_values import forget_earlier_tries, keep_large_values_in
from tradewind.sdk.progress import progress
from tradewind.wire.log_files import offer_log_path
from tradewind.wire.measured import Measurements
from tradewind.wire.messages import Finished, Measured, Offer, Started
from tradewind.wire.xcom_files import XComFiles
from tradewind.worker import spool
from tradewind.worker.channel import Channel, ChannelClosed, Sender
from tradewind.worker.host_config import HostConfig
from tradewind.worker.native import Announcer
from tradewind.worker.process import name_process
from tradewind.worker.runtime import ChannelRuntime

REHEARSE_AFTER_SECONDS = 0.03
"""A child that stands by for longer has time to rehearse; in a burst the processor has better things to do."""


SENT_AT_ONCE, SENT_A_SECOND = 20, 5.0
"""Metrics that a task may send at once, and a second. What is more is added up here, and goes with the next."""
MOST_MEASURED = 1_000
"""Series of one task that are held back at most."""


def clock_us() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


MOST_METRICS = 200
"""Of more values of one attempt, the newest travel with its report."""


class _DataRuntime:
    """What the data toolkit tells the engine: progress and metrics go to the scheduler, metrics to the log and StatsD
    as well, and the newest of each with the report of the attempt; a fact is an XCom of the task."""

    def __init__(self) -> None:
        self._about: dict[str, str] = {}
        self._runtime: ChannelRuntime | None = None
        self._measured = Measurements(MOST_MEASURED)
        self._newest: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
        self._lock = threading.Lock()
        self._may_send = 0.0
        self._refilled_at = 0.0

    def begin(self, offer: Offer, runtime: ChannelRuntime) -> None:
        """What is measured from now on is of this attempt."""
        self._about = {"dag_id": offer.run.dag_id, "task_id": offer.task_id}
        self._runtime = runtime
        self._newest.clear()
        self._may_send, self._refilled_at = float(SENT_AT_ONCE), time.monotonic()

    def end(self) -> list[tuple[str, float, dict[str, str]]]:
        """The attempt is over: what was held back is sent. Returns the newest value of each metric, oldest first."""
        with self._lock:
            self._send()
            newest = [(name, value, dict(labels)) for (name, labels), value in self._newest.items()]
        self._runtime = None
        return newest

    def progress(self, done: float, total: float | None, unit: str) -> None:
        progress(done, total, unit)

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        data_runtime.default_runtime().metric(name, value, labels)
        if not isinstance(value, int | float) or not math.isfinite(value):
            return
        # Not imported before it is needed: most tasks measure nothing.
        from tradewind.data.monitoring import KNOWN

        known = KNOWN.get(name)
        given = {str(key): str(text) for key, text in labels.items()}
        if known is None:
            # The engine shows the values of all Dags side by side: whose it is has to be seen.
            shown = {**self._about, **given}
        else:
            shown = {label: given[label] for label in known[1] if label in given}
        with self._lock:
            self._keep((name, tuple(sorted(given.items()))), float(value))
            self._measured.record(name, data_runtime.kind_of(name), float(value), shown)
            now = time.monotonic()
            self._may_send = min(SENT_AT_ONCE, self._may_send + (now - self._refilled_at) * SENT_A_SECOND)
            self._refilled_at = now
            if self._may_send >= 1:
                self._may_send -= 1
                self._send()

    def leave(self, key: str, value: Mapping[str, Any]) -> None:
        from tradewind.sdk.context import get_current_context

        try:
            get_current_context()["ti"].xcom_push(key, dict(value))
        except Exception:
            logging.getLogger("tradewind.task").warning("%s could not be left as an XCom", key, exc_info=True)

    def _keep(self, place: tuple[str, tuple[tuple[str, str], ...]], value: float) -> None:
        self._newest.pop(place, None)
        self._newest[place] = value
        if len(self._newest) > MOST_METRICS:
            del self._newest[next(iter(self._newest))]

    def _send(self) -> None:
        if self._runtime is not None and len(self._measured):
            self._runtime.send(Measured(samples=self._measured.take()))


class TaskRunner:
    """Made once in the host; `serve` runs in each child."""

    def __init__(self, prepared: dict[str, PreparedDag], config: HostConfig) -> None:
        self._prepared = prepared
        self._config = config
        self._data_runtime = _DataRuntime()
        self._xcom_files = XComFiles(config.xcoms_folder, config.xcom_inline_bytes)
        self.log_level = logging.getLevelNamesMapping().get(config.log_level.upper(), logging.INFO)
        self.native: Announcer | None = None

    def serve(
        self,
        channel: Channel,
        *,
        reuse: bool = False,
        rehearse: Callable[[], object] = object,
        patience_seconds: float = REHEARSE_AFTER_SECONDS,
    ) -> None:
        """Run what is offered on the channel, then end the process; with `reuse` until the channel closes."""
        try:
            if not channel.has_news(patience_seconds):
                # Nobody waits for this child yet: it copies the pages that an attempt touches, off the critical path.
                rehearse()
            while True:
                message = channel.receive()
                if isinstance(message, Offer):
                    report = self.run(channel, message, alone=not reuse)
                    spool.keep(self._config.spool_folder, report)
                    channel.send(report)
                    if not reuse:
                        break
        except ChannelClosed:
            pass
        _leave()

    def run(self, channel: Sender, offer: Offer, log_path: str | None = None, *, alone: bool = False) -> Finished:
        """One attempt, with its log file; `alone`: the only one of this process. Never raises for what author code
        does."""
        runtime = ChannelRuntime(channel, offer.attempt)
        path = log_path or offer_log_path(self._config.logs_folder, offer)
        log = AttemptLog(path)
        log.install(self.log_level)
        if self.native is not None:
            self.native.begin(path)
        data_runtime.install(self._data_runtime)
        self._data_runtime.begin(offer, runtime)
        keep_large_values_in(self._xcom_files)
        report = self._run(channel, offer, runtime, alone)
        report.metrics = self._data_runtime.end()
        if self.native is not None:
            self.native.settle()
        log.close(reason=report.error or report.outcome)
        return report

    def _run(self, channel: Sender, offer: Offer, runtime: ChannelRuntime, alone: bool) -> Finished:
        prepared = self._prepared.get(offer.run.dag_id)
        if prepared is None:
            now, error = clock_us(), f"{offer.file} no longer defines the Dag {offer.run.dag_id!r}"
            return Finished(attempt=offer.attempt, outcome="failed_for_good", start_us=now, end_us=now, error=error)
        pid = os.getpid()

        def started(start_us: int) -> None:
            channel.send(Started(attempt=offer.attempt, start_us=start_us, pid=pid))

        if offer.callback:
            return run_callback(prepared, offer, runtime, clock_us, started)
        forget_earlier_tries(offer)
        return run_attempt(prepared, offer, runtime, started, clock_us, alone=alone)


def _leave() -> None:
    """End the process without the interpreter's tidying up: everything worth keeping has been sent."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> None:
    """A child that was not forked: `python -m tradewind.worker.task_runner FD CONFIG NOTE`. Imports the file itself."""
    import socket

    import tradewind.compat
    from tradewind.worker.code_host import set_up_paths
    from tradewind.worker.importing import load_file

    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    config = HostConfig.read(sys.argv[2])
    os.setsid()
    name_process("tw-spawned")
    tradewind.compat.install()
    set_up_paths(config)
    message = channel.receive()
    if not isinstance(message, Offer):
        os._exit(1)
    from tradewind.sdk.execution.prepared import prepare

    set_runtime(ChannelRuntime(channel, message.attempt))
    path = os.path.join(config.dags_folder, message.file)
    loaded = load_file(path, message.file, digest="", parse_id=0, timeout_seconds=300.0)
    prepared = {dag_id: prepare(dag) for dag_id, dag in loaded.dags.items() if dag_id == message.run.dag_id}
    if not prepared and loaded.report.problems:
        now = clock_us()
        error = loaded.report.problems[0].message
        channel.send(Finished(attempt=message.attempt, outcome="failed", start_us=now, end_us=now, error=error))
        _leave()
    faulthandler.enable(2)
    runner = TaskRunner(prepared, config)
    runner.native = Announcer(int(sys.argv[3]))
    report = runner.run(channel, message, alone=True)
    spool.keep(config.spool_folder, report)
    try:
        channel.send(report)
    except ChannelClosed:
        pass
    _leave()


if __name__ == "__main__":
    main()
