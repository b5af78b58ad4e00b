"""`prometheus_metrics`: what data tasks measure, as Prometheus metrics.

    prometheus_metrics.record_data_processing(
        dag_id="etl_pipeline", task_id="transform", data_source="api", record_count=10000)

Each value is kept in this process, for `exposition()` and `start_http_server()`, and handed to the runtime as well,
because a task's process is gone before anybody can scrape it: the engine, or StatsD, adds the values of all tasks up.
With `PROMETHEUS_MULTIPROC_DIR` set, the processes of one machine add up in that folder instead.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tradewind.data.masking import masked
from tradewind.data.problems import BadSetting
from tradewind.data.runtime import kind_of, metric
from tradewind.data.system_readings import process_memory_bytes

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

log = logging.getLogger(__name__)

PREFIX = "tradewind_data_"
SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 900, 1800, 3600, 7200)

_TASK = ("dag_id", "task_id")
_WORK = (*_TASK, "data_source")
KNOWN: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "records_processed_total": ("Records processed.", _WORK),
    "bytes_processed_total": ("Bytes processed.", _WORK),
    "processing_seconds": ("Time spent processing data.", _WORK),
    "records_per_second": ("Records a second in the newest processing.", _WORK),
    "processing_errors_total": ("Errors while processing data.", (*_WORK, "error")),
    "quality_score": ("The newest data quality score, from 0 to 100.", ("dag_id", "data_source")),
    "memory_bytes": ("Memory in use by a task's process.", _TASK),
    "task_runs_total": ("Ended tasks by how they ended.", (*_TASK, "status")),
    "task_seconds": ("How long tasks ran.", _TASK),
    "retries_total": ("Tries that failed and were followed by another.", ("function", "error")),
    "circuit_state": ("State of a circuit breaker: 0 closed, 1 half open, 2 open.", ("circuit",)),
    "alert_notices_total": ("Alert notices delivered.", ("channel", "rule", "severity", "status")),
    "alert_delivery_failures_total": (
        "Alert notices that a channel did not take.",
        ("channel", "rule", "severity", "status"),
    ),
    "service_up": ("Whether a watched service answers.", ("service",)),
    "cpu_usage_ratio": ("CPU in use, from 0 to 1.", ()),
    "memory_usage_ratio": ("Memory in use, from 0 to 1.", ()),
    "disk_usage_ratio": ("Disk in use, from 0 to 1.", ("path",)),
    "load_average": ("Processes that run or want to, averaged over a minute.", ()),
}
"""What the toolkit itself measures: name without prefix → help and labels. `kind_of` its name gives the kind."""


@dataclass
class Processing:
    """What a block of `processing(...)` fills in."""

    record_count: int = 0
    byte_count: int = 0
    quality_score: float | None = None


class ExpositionServer:
    """A running `/metrics` address."""

    def __init__(self, server: Any, thread: threading.Thread) -> None:
        self._server = server
        self._thread = thread
        self.port = int(server.server_port)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class PrometheusMetrics:
    """A registry of its own with the toolkit's metrics, made when the first value comes. Recording never raises for a
    value: one that cannot be is left out, and the log says so."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self._registry = registry
        self._families: dict[str, tuple[Any, tuple[str, ...]]] = {}
        self._lock = threading.Lock()

    @property
    def registry(self) -> CollectorRegistry:
        """The values of this process."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry

            self._registry = CollectorRegistry()
        return self._registry

    def record_data_processing(
        self,
        dag_id: str,
        task_id: str,
        data_source: str,
        record_count: int,
        *,
        byte_count: int | None = None,
        duration_seconds: float | None = None,
        error_count: int = 0,
        quality_score: float | None = None,
        memory_bytes: float | None = None,
    ) -> None:
        """One piece of work: so many records of a source, and what else is known of it."""
        work = {"dag_id": dag_id, "task_id": task_id, "data_source": data_source}
        self.record("records_processed_total", record_count, work)
        if byte_count is not None:
            self.record("bytes_processed_total", byte_count, work)
        if duration_seconds is not None:
            self.record("processing_seconds", duration_seconds, work)
            if duration_seconds > 0:
                self.record("records_per_second", record_count / duration_seconds, work)
        if error_count:
            self.record("processing_errors_total", error_count, {**work, "error": "unspecified"})
        if quality_score is not None:
            self.record_quality_score(dag_id, data_source, quality_score)
        if memory_bytes is not None:
            self.record_memory(dag_id, task_id, memory_bytes)

    @contextmanager
    def processing(self, dag_id: str, task_id: str, data_source: str) -> Iterator[Processing]:
        """Measure a block: fill in the counts of what it gives; time, memory and errors by class are seen to."""
        done = Processing()
        start = time.monotonic()
        try:
            yield done
        except Exception as error:
            self.record_error(dag_id, task_id, data_source, type(error).__name__)
            raise
        finally:
            self.record_data_processing(
                dag_id,
                task_id,
                data_source,
                done.record_count,
                byte_count=done.byte_count or None,
                duration_seconds=time.monotonic() - start,
                quality_score=done.quality_score,
                memory_bytes=process_memory_bytes() or None,
            )

    def record_task_execution(
        self, dag_id: str, task_id: str, duration_seconds: float, status: str = "success"
    ) -> None:
        """One ended task: how long it ran, and `success` or whatever else it ended with."""
        task = {"dag_id": dag_id, "task_id": task_id}
        self.record("task_runs_total", 1, {**task, "status": status})
        self.record("task_seconds", duration_seconds, task)

    def record_error(self, dag_id: str, task_id: str, data_source: str, error: str) -> None:
        """One error while processing data, by its class or another short word."""
        labels = {"dag_id": dag_id, "task_id": task_id, "data_source": data_source, "error": error}
        self.record("processing_errors_total", 1, labels)

    def record_quality_score(self, dag_id: str, data_source: str, score: float) -> None:
        """The newest quality score of a source, from 0 to 100."""
        self.record("quality_score", score, {"dag_id": dag_id, "data_source": data_source})

    def record_memory(self, dag_id: str, task_id: str, memory_bytes: float) -> None:
        """The memory a task's process uses."""
        self.record("memory_bytes", memory_bytes, {"dag_id": dag_id, "task_id": task_id})

    def record_service(self, service: str, is_up: bool) -> None:
        """Whether a service answered."""
        self.record("service_up", int(is_up), {"service": service})

    def record(self, name: str, value: float, labels: Mapping[str, str] | None = None) -> None:
        """Any value: names in `_total` count up, names in `_seconds` are a distribution, others hold the newest."""
        known = {str(key): masked(text) for key, text in (labels or {}).items()}
        if self.absorb(name, value, known):
            metric(name, value if isinstance(value, int) else float(value), known)

    def absorb(self, name: str, value: float, labels: Mapping[str, str] | None = None) -> bool:
        """Take a value into this process's registry without handing it on: what a collector of many tasks' values does.

        Labels that the metric does not have are left out, and those that it misses are empty. False: not a value.
        """
        kind = kind_of(name)
        if not _is_number(value) or not math.isfinite(value) or (kind != "gauge" and value < 0):
            log.warning("The metric %s cannot be %r; it is left out.", name, value)
            return False
        given = labels or {}
        try:
            family, label_names = self._family(name, given)
        except ImportError:
            # Where the package is missing nobody can scrape this process; the runtime still gets the value.
            log.debug("prometheus-client is not installed: the metric %s is only handed on.", name)
            return True
        child = family.labels(*(given.get(label, "") for label in label_names)) if label_names else family
        match kind:
            case "counter":
                child.inc(value)
            case "histogram":
                child.observe(value)
            case "gauge":
                child.set(value)
        return True

    def value(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """The present value of a counter or gauge, 0 where there is none; over all processes in multi-process mode."""
        return self._collected().get_sample_value(PREFIX + name, dict(labels or {})) or 0.0

    def success_rate(self, dag_id: str, task_id: str | None = None) -> float | None:
        """Of the ended tasks, the part that succeeded; None before any has ended."""
        ended = succeeded = 0.0
        for family in self._collected().collect():
            for sample in family.samples:
                if sample.name != PREFIX + "task_runs_total" or sample.labels["dag_id"] != dag_id:
                    continue
                if task_id is None or sample.labels["task_id"] == task_id:
                    ended += sample.value
                    succeeded += sample.value if sample.labels["status"] == "success" else 0.0
        return succeeded / ended if ended else None

    def exposition(self) -> bytes:
        """All metrics in Prometheus's text format."""
        from prometheus_client import generate_latest

        return generate_latest(self._collected())

    def start_http_server(self, port: int, addr: str = "127.0.0.1") -> ExpositionServer:
        """Serve the metrics for Prometheus from a thread; port 0 takes a free one."""
        from prometheus_client import start_http_server

        try:
            return ExpositionServer(*start_http_server(port, addr, registry=self._collected()))
        except OSError as error:
            raise BadSetting(f"The metrics cannot be served on {addr}:{port} ({error.strerror or error}).") from error

    def _collected(self) -> CollectorRegistry:
        """Where to read from: this process's values, or in multi-process mode those of all processes."""
        if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
            return self.registry
        from prometheus_client import CollectorRegistry
        from prometheus_client.multiprocess import MultiProcessCollector

        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return shared

    def _family(self, name: str, labels: Mapping[str, str]) -> tuple[Any, tuple[str, ...]]:
        with self._lock:
            if name not in self._families:
                what = f"{name.replace('_', ' ').capitalize()}."
                text, label_names = KNOWN.get(name, (what, tuple(sorted(labels))))
                self._families[name] = self._new_family(name, text, label_names), label_names
            return self._families[name]

    def _new_family(self, name: str, text: str, label_names: tuple[str, ...]) -> Any:
        from prometheus_client import Counter, Gauge, Histogram

        match kind_of(name):
            case "counter":
                return Counter(PREFIX + name, text, label_names, registry=self.registry)
            case "histogram":
                return Histogram(PREFIX + name, text, label_names, registry=self.registry, buckets=SECONDS)
            case "gauge":
                return Gauge(PREFIX + name, text, label_names, registry=self.registry, multiprocess_mode="mostrecent")


def _is_number(value: object) -> bool:
    return not isinstance(value, bool | str) and hasattr(value, "__float__")


prometheus_metrics = PrometheusMetrics()
"""The metrics of this process."""
