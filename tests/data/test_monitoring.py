from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tradewind.data import (
    AlertManager,
    MemoryState,
    PrometheusMetrics,
    SystemMonitor,
    http_service,
    runtime,
    tcp_service,
)
from tradewind.data.problems import BadSetting
from tradewind.data.system_readings import Sample, SystemReadings, process_memory_bytes
from tradewind.testing.servers import free_port

WORK = {"dag_id": "etl_pipeline", "task_id": "transform", "data_source": "api"}
ETL = ("etl_pipeline", "transform", "api")


class Recorder:
    """A runtime that keeps the metrics it is given."""

    def __init__(self) -> None:
        self.got: list[tuple[str, float, dict[str, str]]] = []

    def progress(self, *_: object) -> None: ...

    def metric(self, name: str, value: float, labels: Mapping[str, str]) -> None:
        self.got.append((name, value, dict(labels)))


@pytest.fixture
def metrics() -> PrometheusMetrics:
    return PrometheusMetrics()


@pytest.fixture
def engine() -> Iterator[Recorder]:
    recorder = Recorder()
    with runtime.installed(recorder):
        yield recorder


def scraped(text: bytes) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name.removeprefix("tradewind_data_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def test_processed_records_raise_the_counter_with_these_labels(engine: Recorder) -> None:
    from tradewind.data import prometheus_metrics

    before = prometheus_metrics.value("records_processed_total", WORK)
    prometheus_metrics.record_data_processing(
        dag_id="etl_pipeline", task_id="transform", data_source="api", record_count=10000
    )
    assert prometheus_metrics.value("records_processed_total", WORK) == before + 10000
    assert engine.got == [("records_processed_total", 10000, WORK)]


def test_everything_known_of_a_piece_of_work_is_exposed(metrics: PrometheusMetrics, engine: Recorder) -> None:
    for _ in range(2):
        metrics.record_data_processing(
            *ETL,
            record_count=3000,
            byte_count=1_000_000,
            duration_seconds=2.0,
            error_count=1,
            quality_score=97.5,
            memory_bytes=5e8,
        )
    work = tuple(sorted(WORK.items()))
    task = tuple(item for item in work if item[0] != "data_source")
    found = scraped(metrics.exposition())
    assert found["records_processed_total", work] == 6000
    assert found["bytes_processed_total", work] == 2_000_000
    assert found["processing_seconds_sum", work] == 4
    assert found["processing_seconds_bucket", tuple(sorted({**WORK, "le": "5.0"}.items()))] == 2
    assert found["processing_seconds_bucket", tuple(sorted({**WORK, "le": "1.0"}.items()))] == 0
    assert found["records_per_second", work] == 1500
    assert found["processing_errors_total", tuple(sorted({**WORK, "error": "unspecified"}.items()))] == 2
    assert found["quality_score", (("dag_id", "etl_pipeline"), ("data_source", "api"))] == 97.5
    assert found["memory_bytes", task] == 5e8
    assert len(engine.got) == 14


def test_a_block_of_processing_is_measured_also_when_it_fails(metrics: PrometheusMetrics) -> None:
    with metrics.processing(*ETL) as done:
        done.record_count = 7

    def fail_after_three() -> None:
        with metrics.processing(*ETL) as done:
            done.record_count = 3
            raise ValueError

    with pytest.raises(ValueError):
        fail_after_three()
    assert metrics.value("records_processed_total", WORK) == 10
    assert metrics.value("processing_seconds_count", WORK) == 2
    assert metrics.value("processing_errors_total", {**WORK, "error": "ValueError"}) == 1
    assert metrics.value("memory_bytes", {"dag_id": "etl_pipeline", "task_id": "transform"}) > 1e6


def test_the_success_rate_is_right_after_nine_good_tasks_and_a_bad_one(metrics: PrometheusMetrics) -> None:
    assert metrics.success_rate("etl") is None
    for number in range(10):
        metrics.record_task_execution("etl", "load", 30.0, "failed" if number == 4 else "success")
    metrics.record_task_execution("etl", "extract", 1.0)
    metrics.record_task_execution("other", "load", 1.0, "failed")
    assert metrics.success_rate("etl", "load") == 0.9
    assert metrics.success_rate("etl") == 10 / 11
    assert metrics.value("task_seconds_count", {"dag_id": "etl", "task_id": "load"}) == 10


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "many", None, True])
def test_a_value_that_cannot_be_is_left_out_and_fails_nobody(
    metrics: PrometheusMetrics, engine: Recorder, caplog: pytest.LogCaptureFixture, value: Any
) -> None:
    metrics.record_data_processing(*ETL, record_count=value)
    assert engine.got == []
    assert "records_processed_total cannot be" in caplog.text


def test_without_prometheus_client_the_runtime_still_gets_the_values(
    metrics: PrometheusMetrics, engine: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    metrics.record_data_processing(*ETL, record_count=3)
    assert engine.got == [("records_processed_total", 3, WORK)]


def test_metrics_of_ones_own_have_the_kind_their_name_says(metrics: PrometheusMetrics) -> None:
    for value in (2, 3):
        metrics.record("stations_total", value, {"city": "Seoul"})
        metrics.record("fetch_seconds", value)
        metrics.record("stations_active", value)
    found = scraped(metrics.exposition())
    assert found["stations_total", (("city", "Seoul"),)] == 5
    assert found["fetch_seconds_count", ()] == 2
    assert found["stations_active", ()] == 3


def test_a_collector_takes_what_tasks_handed_to_the_engine(metrics: PrometheusMetrics, engine: Recorder) -> None:
    metrics.record_data_processing(*ETL, record_count=5, duration_seconds=1.0)
    collector = PrometheusMetrics()
    handed_on = list(engine.got)
    for sample in handed_on:
        assert collector.absorb(*sample)
    assert scraped(collector.exposition()) == scraped(metrics.exposition())
    assert engine.got == handed_on
    collector.absorb("quality_score", 90, {"pipeline": "weather"})
    assert collector.value("quality_score", {"dag_id": "", "data_source": ""}) == 90


def test_labels_carry_no_keys(metrics: PrometheusMetrics, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    metrics.record_data_processing("etl", "get", "https://me:pw@api.example.org/v1?serviceKey=hidden", 1)
    text = metrics.exposition().decode() + caplog.text
    assert "https://***@api.example.org/v1?***" in text
    assert "hidden" not in text
    assert "pw@" not in text


@pytest.mark.parametrize("prefix", ["", "AIRFLOW__METRICS__"])
def test_metrics_reach_statsd_as_their_kind(
    metrics: PrometheusMetrics, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(5)
        monkeypatch.setenv("AIRFLOW__METRICS__STATSD_ON", "True" if prefix else "False")
        monkeypatch.setenv(f"{prefix}STATSD_HOST", "127.0.0.1")
        monkeypatch.setenv(f"{prefix}STATSD_PORT", str(collector.getsockname()[1]))
        metrics.record("rows_total", 12_345_678)
        metrics.record("load_seconds", 1.5, {"table": "t"})
        metrics.record("score", 99.5)
        lines = [collector.recv(1000) for _ in range(3)]
    runtime._defaults.popitem()[1]._socket.close()  # type: ignore[union-attr]
    assert lines == [
        b"tradewind.data.rows_total:12345678|c",
        b"tradewind.data.load_seconds:1500|ms|#table:t",
        b"tradewind.data.score:99.5|g",
    ]


def test_prometheus_can_scrape_them(metrics: PrometheusMetrics) -> None:
    metrics.record_data_processing(*ETL, record_count=1)
    server = metrics.start_http_server(0)
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"http://127.0.0.1:{server.port}/metrics", timeout=10) as response:
            assert scraped(response.read())["records_processed_total", tuple(sorted(WORK.items()))] == 1
        with pytest.raises(BadSetting, match=f"cannot be served on 127.0.0.1:{server.port}"):
            metrics.start_http_server(server.port)
    finally:
        server.close()


def test_processes_add_up_in_the_multi_process_folder(tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(
        textwrap.dedent("""
        import os, sys
        from tradewind.data import prometheus_metrics
        def work():
            prometheus_metrics.record_data_processing("etl", "load", "api", 100, duration_seconds=1, quality_score=80)
        work()
        child = os.fork()
        work()
        if child:
            os.waitpid(child, 0)
            if sys.argv[1:]:
                sys.stdout.buffer.write(prometheus_metrics.exposition())
        """)
    )
    env = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, script], env=env, check=True, timeout=180)
    done = subprocess.run([sys.executable, script, "show"], env=env, check=True, timeout=180, stdout=subprocess.PIPE)
    labels = (("dag_id", "etl"), ("data_source", "api"), ("task_id", "load"))
    found = scraped(done.stdout)
    assert found["records_processed_total", labels] == 600
    assert found["processing_seconds_count", labels] == 6
    assert found["quality_score", labels[:2]] == 80


NOW = datetime(2026, 1, 1, tzinfo=UTC)
CALM = Sample(NOW, 10.0, 40.0, 4, 10, 50.0, 5, 0.5, 0.25)


def test_the_monitor_alerts_at_ninety_percent_of_memory_and_when_it_is_over(metrics: PrometheusMetrics) -> None:
    alerts = AlertManager([], storage=MemoryState())
    samples = iter([CALM, replace(CALM, memory_percent=89.9), replace(CALM, memory_percent=90.0), CALM])
    monitor = SystemMonitor(alerts=alerts, metrics=metrics, readings=lambda: next(samples))
    fired = []
    for _ in range(4):
        monitor.sample()
        fired.append(alerts.active())
    assert fired == [[], [], ["high_memory_percent"], []]
    assert monitor.peak("memory_percent") == 90
    assert metrics.value("memory_usage_ratio") == 0.4
    assert metrics.value("disk_usage_ratio", {"path": "/"}) == 0.5
    assert metrics.value("cpu_usage_ratio") == 0.1
    assert metrics.value("load_average") == 0.5


def test_a_sample_of_the_system_does_not_end_an_alert_about_runs(metrics: PrometheusMetrics) -> None:
    from tradewind.data import AlertRule

    alerts = AlertManager([], storage=MemoryState())
    alerts.add_alert_rule(AlertRule("failed", lambda m: m.get("failure_rate", 0) > 0.1))
    alerts.evaluate({"failure_rate": 1.0})
    SystemMonitor(alerts=alerts, metrics=metrics, readings=lambda: CALM).sample()
    assert alerts.active() == ["failed"]


def test_a_service_that_is_down_is_measured_and_alerted(metrics: PrometheusMetrics) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ok" else 503)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    port = server.server_port
    services = {
        "tcp": tcp_service("127.0.0.1", port),
        "ok": http_service(f"http://127.0.0.1:{port}/ok"),
        "busy": http_service(f"http://127.0.0.1:{port}/busy"),
        "gone": tcp_service("127.0.0.1", free_port()),
    }
    alerts = AlertManager([], storage=MemoryState())
    try:
        SystemMonitor(services=services, alerts=alerts, metrics=metrics, readings=lambda: CALM).sample()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert alerts.active() == ["service_down_busy", "service_down_gone"]
    assert [metrics.value("service_up", {"service": name}) for name in services] == [1, 1, 0, 0]


def test_it_samples_in_the_background_and_reports_to_the_runtime_of_its_task(
    metrics: PrometheusMetrics, engine: Recorder
) -> None:
    seen = threading.Semaphore(0)
    with SystemMonitor(0.01, {}, keep=3, alerts=None, metrics=metrics, on_sample=lambda _: seen.release()) as monitor:
        for _ in range(5):
            assert seen.acquire(timeout=10)
    assert len(monitor.history) == 3
    latest = monitor.latest
    assert latest is not None
    assert 0 <= latest.cpu_percent <= 100
    assert 0 < latest.memory_percent < 100
    assert 0 < latest.disk_percent <= 100
    assert {name for name, _, _ in engine.got} >= {"cpu_usage_ratio", "memory_usage_ratio", "disk_usage_ratio"}
    assert not any(thread.name == "system-monitor" for thread in threading.enumerate())


def test_a_sample_that_fails_does_not_end_the_monitor(caplog: pytest.LogCaptureFixture) -> None:
    taken = threading.Event()
    samples = iter([OSError("no /proc"), CALM])

    def read() -> Sample:
        sample = next(samples, CALM)
        if isinstance(sample, OSError):
            raise sample
        taken.set()
        return sample

    with SystemMonitor(timedelta(milliseconds=10), alerts=None, metrics=None, readings=read):
        assert taken.wait(10)
    assert "no /proc" in caplog.text


def test_stopping_does_not_wait_for_the_interval() -> None:
    start = time.monotonic()
    with SystemMonitor(3600, alerts=None, metrics=None, readings=lambda: CALM):
        pass
    assert time.monotonic() - start < 60


def test_a_threshold_nobody_measures_is_refused() -> None:
    with pytest.raises(BadSetting, match=r"No threshold is known for \['memory'\]"):
        SystemMonitor(thresholds={"memory": 90})
    with pytest.raises(BadSetting, match="interval"):
        SystemMonitor(0)


@pytest.mark.parametrize("use_psutil", [True, False])
def test_the_machine_is_read_with_and_without_psutil(use_psutil: bool) -> None:
    readings = SystemReadings(use_psutil=use_psutil)
    end = time.process_time() + 0.1
    while time.process_time() < end:
        pass
    sample = readings.read()
    assert 0 < sample.cpu_percent <= 100
    assert 0 < sample.memory_used_bytes < sample.memory_total_bytes
    assert sample.load_1m >= 0
    assert 1e6 < process_memory_bytes() < sample.memory_total_bytes


def test_both_ways_of_reading_see_the_same_memory() -> None:
    one, other = (SystemReadings(use_psutil=use_psutil).read() for use_psutil in (True, False))
    assert one.memory_total_bytes == other.memory_total_bytes
    assert one.memory_percent == pytest.approx(other.memory_percent, abs=5)


def test_proc_and_the_limit_of_a_container_are_understood(tmp_path: Path) -> None:
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    proc.mkdir()
    cgroup.mkdir()
    (proc / "stat").write_text("cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 1 1 1\n")
    (proc / "meminfo").write_text("MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 400 kB\n")
    readings = SystemReadings(use_psutil=False, proc=proc, cgroup=cgroup)
    (proc / "stat").write_text("cpu  150 0 110 730 110 0 0 0 0 0\n")
    sample = readings.read()
    assert (sample.cpu_percent, sample.memory_percent) == (60, 60)
    (cgroup / "memory.max").write_text("512000\n")
    (cgroup / "memory.current").write_text("400000\n")
    (cgroup / "memory.stat").write_text("anon 1\ninactive_file 144000\n")
    sample = readings.read()
    assert (sample.memory_used_bytes, sample.memory_total_bytes, sample.memory_percent) == (256000, 512000, 50)
    (cgroup / "memory.max").write_text("max\n")
    assert readings.read().memory_percent == 60


def test_the_names_of_the_dags_folder_are_those_of_the_toolkit() -> None:
    dags = Path(__file__).parents[2] / "dags"
    script = """
    import sys
    from utils.retry_handler import CircuitBreaker, RetryHandler, RetryStrategy, retry
    from utils.monitoring import AlertRule, SystemMonitor, alert_manager, prometheus_metrics
    import tradewind.data
    assert RetryHandler is tradewind.data.RetryHandler and alert_manager is tradewind.data.alert_manager
    engine = [name for name in sys.modules if name.startswith("tradewind.") and name.split(".")[1] != "data"]
    assert engine == [], engine
    """
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(dags), os.environ.get("PYTHONPATH", "")])}
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], env=env, check=True, timeout=180)


def test_importing_the_package_loads_none_of_what_only_some_tasks_need() -> None:
    script = """
    import sys, tradewind.data
    heavy = {"tenacity", "prometheus_client", "sqlite3", "smtplib", "asyncio", "urllib.request"} & set(sys.modules)
    assert not heavy, heavy
    for name in tradewind.data.__all__:
        assert getattr(tradewind.data, name) is not None
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, timeout=180)
