"""What a task measures reaches `/metrics` and StatsD from real processes."""

from __future__ import annotations

import socket

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


def test_what_a_task_measures_is_on_the_page_and_what_happens_on_a_udp_socket() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ear:
        ear.bind(("127.0.0.1", 0))
        ear.settimeout(60)
        environ = {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "localhost",
            "AIRFLOW__METRICS__STATSD_PORT": str(ear.getsockname()[1]),
            "AIRFLOW__METRICS__STATSD_PREFIX": "mine",
            "AIRFLOW__METRICS__METRICS_BLOCK_LIST": "scheduler_loop_duration",
        }
        with Installation({"etl.py": MEASURES}, **environ) as installation:
            installation.start()
            wanted = ['tradewind_data_records_processed_total{dag_id="etl_pipeline",data_source="api",'
                      'task_id="transform"} 10000',
                      'tradewind_data_quality_score{dag_id="etl_pipeline",data_source="api"} 91.5',
                      'tradewind_data_own_total{dag_id="etl_pipeline",kind="x",task_id="transform"} 500']  # fmt: skip
            assert installation.run("etl_pipeline") == "success", installation.last_words()
            installation.until("metrics of the task", lambda: _has(installation, wanted))
            heard: set[str] = set()
            expected = {
                "mine.ti.start.etl_pipeline.transform", "mine.ti.finish.etl_pipeline.transform.success",
                "mine.ti_successes", "mine.dagrun.duration.success.etl_pipeline", "mine.pool.open_slots.default_pool",
                "mine.scheduler_heartbeat", "mine.task_instance_created__PythonDecoratedOperator", "mine.dagbag_size",
            }  # fmt: skip

            def hear() -> bool:
                heard.update(line.partition(":")[0] for line in ear.recv(65536).decode().split("\n"))
                return expected <= heard

            try:
                installation.until("all names", hear, 60)
            except (AssertionError, TimeoutError):
                raise AssertionError(f"{sorted(expected - heard)} of {sorted(heard)}") from None
            assert not [name for name in heard if "loop_duration" in name]


def _has(installation: Installation, wanted: list[str]) -> bool:
    status, text = installation.http("/metrics")
    lines = set(text.splitlines())
    return status == 200 and lines.issuperset(wanted)
