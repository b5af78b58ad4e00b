"""How data code says how far it is and what it measured, whoever runs it.

`progress()` and `metric()` go to the runtime installed in the current context. The engine's task runner installs its
own; without one (a script, a test, another engine) they are logged, and sent to StatsD when `STATSD_HOST` is set.
`leave()` is for a fact that has to outlive a task which fails; a runtime that keeps none may do without it.

A metric's name says how its values add up, as Prometheus has it: names in `_total` are counted up, names in `_seconds`
are durations of which the distribution matters, and of every other metric the newest value holds (`kind_of`).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any, Literal, Protocol, runtime_checkable

log = logging.getLogger("tradewind.data")


class Runtime(Protocol):
    """Where progress and metrics go. Both calls must be cheap, and must not raise."""

    def progress(self, done: float, total: float | None, unit: str) -> None: ...

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None: ...


@runtime_checkable
class KeepsFacts(Protocol):
    """A runtime that keeps what a task leaves. It must not raise."""

    def leave(self, key: str, value: Mapping[str, Any]) -> None: ...


def progress(done: float, total: float | None = None, unit: str = "") -> None:
    """Say that `done` of `total` units are finished; call it as often as you like."""
    current().progress(done, total, unit)


def metric(name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
    """Record one measured value, for example `metric("rows", 10000, {"source": "api"})`."""
    current().metric(name, value, labels or {})


def leave(key: str, value: Mapping[str, Any]) -> None:
    """Keep a small fact with the running task, however it ends; the newest of each key holds."""
    runtime = current()
    if isinstance(runtime, KeepsFacts):
        runtime.leave(key, value)


def kind_of(name: str) -> Literal["counter", "gauge", "histogram"]:
    """How the values of a metric of this name add up."""
    if name.endswith("_total"):
        return "counter"
    return "histogram" if name.endswith("_seconds") else "gauge"


def current() -> Runtime:
    """The runtime of this context: the installed one, or the default."""
    return _current.get() or default_runtime()


def install(runtime: Runtime) -> Token[Runtime | None]:
    """Send progress and metrics of this context to `runtime` from now on."""
    return _current.set(runtime)


@contextmanager
def installed(runtime: Runtime) -> Iterator[None]:
    """Send progress and metrics to `runtime` inside the block."""
    token = install(runtime)
    try:
        yield
    finally:
        _current.reset(token)


class LoggingRuntime:
    """Logs progress at most every `every_seconds`, and metrics always; sends both to StatsD when it has an address."""

    def __init__(self, statsd: tuple[str, int] | None = None, every_seconds: float = 5.0) -> None:
        self._statsd = statsd
        self._every_seconds = every_seconds
        self._last = 0.0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM) if statsd else None

    def progress(self, done: float, total: float | None, unit: str) -> None:
        now = time.monotonic()
        finished = total is not None and done >= total
        if not finished and now - self._last < self._every_seconds:
            return
        self._last = now
        if total:
            log.info("%.0f of %.0f %s (%.0f %%)", done, total, unit, 100 * done / total)
            self._send("tradewind.data.progress", done / total, {"unit": unit} if unit else {})
        else:
            log.info("%.0f %s", done, unit)

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        log.info("metric %s=%s %s", name, value, " ".join(f"{key}={text}" for key, text in labels.items()))
        self._send(f"tradewind.data.{name}", value, labels)

    def _send(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        if self._socket is None or self._statsd is None:
            return
        tags = ",".join(f"{key}:{text}" for key, text in labels.items())
        match kind_of(name):
            case "counter":
                # All digits, because what is rounded here would be missing in the sum.
                measured = f"{value:.15g}|c"
            case "histogram":
                measured = f"{value * 1000:g}|ms"
            case _:
                measured = f"{value:g}|g"
        line = f"{name}:{measured}" + (f"|#{tags}" if tags else "")
        try:
            self._socket.sendto(line.encode(), self._statsd)
        except OSError:
            # Metrics are best effort: a missing collector must not fail the work that is measured.
            pass


_current: ContextVar[Runtime | None] = ContextVar("tradewind_data_runtime", default=None)
_defaults: dict[tuple[str, int, int] | None, LoggingRuntime] = {}


def default_runtime() -> LoggingRuntime:
    """The runtime of this process where none is installed: the log, and StatsD when the environment names one.

    That is `STATSD_HOST` and `STATSD_PORT`, else those of Airflow's `[metrics]` section when its `statsd_on` is true.
    """
    host, port = _statsd_address(os.environ)
    # The process id is part of the key, so that a forked child opens its own socket.
    key = (host, int(port) if port.isdigit() else 8125, os.getpid()) if host else None
    if key not in _defaults:
        _defaults[key] = LoggingRuntime(key[:2] if key else None)
    return _defaults[key]


def _statsd_address(env: Mapping[str, str]) -> tuple[str, str]:
    if host := env.get("STATSD_HOST"):
        return host, env.get("STATSD_PORT", "8125")
    section = "AIRFLOW__METRICS__STATSD_"
    if env.get(f"{section}ON", "").strip().lower() not in ("true", "1", "yes", "on", "t"):
        return "", ""
    return env.get(f"{section}HOST", "localhost"), env.get(f"{section}PORT", "8125")
