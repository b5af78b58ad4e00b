"""`SystemMonitor`: CPU, memory, disk, load and services, measured in the background, with alerts at thresholds."""

from __future__ import annotations

import contextvars
import logging
import socket
import threading
import urllib.request
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType

from tradewind.data.alert_rules import AlertRule
from tradewind.data.alerts import AlertManager, alert_manager, at_least
from tradewind.data.arguments import Duration, seconds
from tradewind.data.monitoring import PrometheusMetrics, prometheus_metrics
from tradewind.data.problems import BadSetting
from tradewind.data.system_readings import Sample, SystemReadings

log = logging.getLogger(__name__)

THRESHOLDS = {"memory_percent": 90.0, "disk_percent": 90.0}
Probe = Callable[[], bool]


class SystemMonitor:
    """Takes a sample every `interval`, as a context manager or between `start()` and `stop()`.

    A sample goes to `history` (the newest `keep`), to Prometheus and to the alert manager, where each of `thresholds`
    (a value of `Sample.as_metrics()` → limit) has a rule `high_…` that fires from the limit on, and each of `services`
    (name → probe, see `tcp_service` and `http_service`) a rule `service_down_…`. A sample that fails is logged; the
    thread goes on. It does not survive a fork: start it in the task, not when the Dag file is imported.
    """

    def __init__(
        self,
        interval: Duration = 30.0,
        thresholds: Mapping[str, float] | None = None,
        *,
        services: Mapping[str, Probe] | None = None,
        disk: Path | str = "/",
        keep: int = 1000,
        alerts: AlertManager | None = alert_manager,
        metrics: PrometheusMetrics | None = prometheus_metrics,
        readings: Callable[[], Sample] | None = None,
        on_sample: Callable[[Sample], object] | None = None,
    ) -> None:
        self.interval_seconds = min(seconds("interval", interval, zero=False), threading.TIMEOUT_MAX)
        self.thresholds = dict(THRESHOLDS if thresholds is None else thresholds)
        if unknown := set(self.thresholds) - set(Sample.names()):
            raise BadSetting(f"No threshold is known for {sorted(unknown)}; use some of {', '.join(Sample.names())}.")
        self.services = dict(services or {})
        self.history: deque[Sample] = deque(maxlen=keep)
        self._disk = Path(disk)
        self._read = readings or SystemReadings(self._disk).read
        self._alerts = alerts
        self._metrics = metrics
        self._on_sample = on_sample
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        if alerts is not None:
            self._add_rules(alerts)

    @property
    def latest(self) -> Sample | None:
        """The newest sample."""
        return self.history[-1] if self.history else None

    def sample(self) -> Sample:
        """Take a sample now, and hand it on."""
        sample = self._read()
        self.history.append(sample)
        values: dict[str, float] = dict(sample.as_metrics())
        for name, probe in self.services.items():
            is_up = _answers(name, probe)
            values[_service_key(name)] = float(is_up)
            if self._metrics is not None:
                self._metrics.record_service(name, is_up)
        if self._metrics is not None:
            self._record(self._metrics, sample)
        if self._alerts is not None:
            self._alerts.evaluate(values)
        if self._on_sample is not None:
            self._on_sample(sample)
        return sample

    def peak(self, name: str) -> float:
        """The highest value of `Sample.as_metrics()` in the history; 0 without one."""
        return max((sample.as_metrics()[name] for sample in tuple(self.history)), default=0.0)

    def start(self) -> SystemMonitor:
        """Sample in the background from now on."""
        if self._thread is None or not self._thread.is_alive():
            self._stopping.clear()
            # The thread reports to the runtime that this task reports to.
            context = contextvars.copy_context()
            self._thread = threading.Thread(target=context.run, args=(self._run,), name="system-monitor", daemon=True)
            self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread; the history stays."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._thread = None

    def __enter__(self) -> SystemMonitor:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _run(self) -> None:
        while True:
            try:
                self.sample()
            except Exception:
                log.exception("A sample of the system failed; the next is taken in %.0f s.", self.interval_seconds)
            if self._stopping.wait(self.interval_seconds):
                return

    def _add_rules(self, alerts: AlertManager) -> None:
        present = {rule.name for rule in alerts.rules}
        host = {"host": socket.gethostname()}
        rules = [
            AlertRule(f"high_{name}", at_least(name, limit), "critical", f"{name} is {limit:g} or more.", labels=host)
            for name, limit in self.thresholds.items()
        ]
        rules += [
            AlertRule(f"service_down_{name}", _is_down(name), "critical", f"{name} does not answer.", labels=host)
            for name in self.services
        ]
        for rule in rules:
            # A rule of this name that the user made says what the user wants.
            if rule.name not in present:
                alerts.add_alert_rule(rule)

    def _record(self, metrics: PrometheusMetrics, sample: Sample) -> None:
        metrics.record("cpu_usage_ratio", sample.cpu_percent / 100)
        metrics.record("memory_usage_ratio", sample.memory_percent / 100)
        metrics.record("disk_usage_ratio", sample.disk_percent / 100, {"path": str(self._disk)})
        metrics.record("load_average", sample.load_1m)


def tcp_service(host: str, port: int, timeout_seconds: float = 3.0) -> Probe:
    """A probe: the service takes a connection."""

    def probe() -> bool:
        with socket.create_connection((host, port), timeout=timeout_seconds):
            return True

    return probe


def http_service(url: str, timeout_seconds: float = 3.0) -> Probe:
    """A probe: the address answers with success."""

    def probe() -> bool:
        with urllib.request.urlopen(url, timeout=timeout_seconds):
            return True

    return probe


def _answers(name: str, probe: Probe) -> bool:
    try:
        return bool(probe())
    except Exception as error:
        log.debug("The service %r does not answer: %s", name, type(error).__name__)
        return False


def _service_key(name: str) -> str:
    return f"service_up.{name}"


def _is_down(name: str) -> Callable[[Mapping[str, object]], bool]:
    return lambda metrics: metrics.get(_service_key(name)) == 0.0
