"""What a task measures reaches `/metrics`, and what happens a UDP socket, from real processes."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tradewind.testing.installation import Installation

pytestmark = pytest.mark.timeout(300)

MEASURES = """
from airflow.sdk import dag, task
from tradewind.data import metric, prometheus_metrics

@dag(schedule=None)
def etl_pipeline():
    @task
    def transform():
        prometheus_metrics.record_data_processing(
            dag_id="etl_pipeline", task_id="transform", data_source="api", record_count=10000)
        prometheus_metrics.record_quality_score("etl_pipeline", "api", 91.5)
        for _ in range(500):
            metric("own_total", 1, {"kind": "x"})
    transform()

etl_pipeline()
"""
WANTED = {
    'tradewind_data_records_processed_total{dag_id="etl_pipeline",data_source="api",task_id="transform"} 10000.0',
    'tradewind_data_quality_score{dag_id="etl_pipeline",data_source="api"} 91.5',
    'tradewind_data_own_total{dag_id="etl_pipeline",kind="x",task_id="transform"} 500.0',
}
SAID = {
    "mine.ti.start.etl_pipeline.transform",
    "mine.ti.finish.etl_pipeline.transform.success",
    "mine.ti_successes",
    "mine.dagrun.duration.success.etl_pipeline",
    "mine.dag.etl_pipeline.transform.duration",
    "mine.task_instance_created__PythonDecoratedOperator",
    "mine.pool.open_slots.default_pool",
    "mine.scheduler_heartbeat",
    "mine.dagbag_size",
}


@contextmanager
def ear() -> Iterator[tuple[int, set[str]]]:
    """A UDP port, and the names that were heard there so far."""
    heard: set[str] = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))

        def listen() -> None:
            while (packet := listening.recv(65536)) != b"end":
                heard.update(line.partition(":")[0] for line in packet.decode().split("\n"))

        # All the time: what nobody takes the kernel drops.
        thread = threading.Thread(target=listen)
        thread.start()
        try:
            yield listening.getsockname()[1], heard
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as speaking:
                while thread.is_alive():
                    speaking.sendto(b"end", listening.getsockname())
                    thread.join(0.1)


def test_what_a_task_measures_is_on_the_page_and_what_happens_on_a_udp_socket() -> None:
    with ear() as (port, heard):
        environ = {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "localhost",
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__METRICS__STATSD_PREFIX": "mine",
            "AIRFLOW__METRICS__METRICS_BLOCK_LIST": "scheduler_loop_duration",
        }
        with Installation({"etl.py": MEASURES}, **environ) as installation:
            installation.start()
            assert installation.run("etl_pipeline") == "success", installation.last_words()
            installation.until("metrics of the task", lambda: _page(installation) >= WANTED)
            installation.until("all names", lambda: heard >= SAID)
    assert not [name for name in heard if "loop_duration" in name]


def _page(installation: Installation) -> set[str]:
    status, text = installation.http("/metrics")
    return set(text.splitlines()) if status == 200 else set()
