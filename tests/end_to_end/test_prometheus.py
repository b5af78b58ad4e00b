"""A real Prometheus scrapes a running Tradewind, and every query of the dashboard has an answer."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.servers import free_port

ROOT = Path(__file__).parents[2] / "monitoring"
DASHBOARD = ROOT / "grafana" / "dashboards" / "tradewind.json"
GRAFANAS = {"$__rate_interval": "10s", "$__range": "5m", "$dag": ".*"}
"""What Grafana puts in the place of its variables."""

pytestmark = [pytest.mark.heavy, pytest.mark.timeout(900)]

DAGS = """
from datetime import datetime, timedelta, timezone
from airflow.sdk import DeadlineAlert, DeadlineReference, SyncCallback, dag, task
from tradewind.data import SystemMonitor, prometheus_metrics

def late(**context):
    print("late")

@dag(schedule=None, max_active_runs=1, deadline=DeadlineAlert(
    reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=timedelta(milliseconds=1), callback=SyncCallback(late)))
def etl():
    @task
    def transform():
        with prometheus_metrics.processing("etl", "transform", "api") as done:
            done.record_count = 10_000
            done.quality_score = 91.0
        SystemMonitor(services={"gone": lambda: False}).sample()

    @task(retries=1, retry_delay=timedelta(seconds=0))
    def load(ti=None):
        if ti.try_number == 1:
            raise ValueError("once")
    transform() >> load()

@dag(schedule=None)
def broken():
    @task
    def fail():
        raise ValueError("always")
    fail()

etl()
broken()
"""


def queries() -> list[tuple[str, str]]:
    """Title and query of everything that the dashboard shows."""
    dashboard = json.loads(DASHBOARD.read_text())
    found = [(p["title"], target["expr"]) for p in dashboard["panels"] for target in p.get("targets", ())]
    return [(title, _filled(query)) for title, query in found]


def _filled(query: str) -> str:
    for variable, text in GRAFANAS.items():
        query = query.replace(variable, text)
    assert "$" not in query, query
    return query


class Prometheus:
    """One that runs with the configuration and flags of `monitoring/prometheus.yml`, but scrapes every second."""

    def __init__(self, target: str, folder: Path) -> None:
        self.port = free_port()
        text = (ROOT / "prometheus.yml").read_text()
        command = next(line for line in text.splitlines() if line.startswith("#   prometheus "))
        for old, new in (("127.0.0.1:8080", target), ("127.0.0.1:9090", f"127.0.0.1:{self.port}"), (": 15s", ": 1s")):
            assert old in text
            text = text.replace(old, new)
        (folder / "prometheus.yml").write_text(text)
        shutil.copy(ROOT / "rules.yml", folder)
        words = shlex.split(command.removeprefix("#").replace("127.0.0.1:9090", f"127.0.0.1:{self.port}"))
        with open(folder / "log", "wb") as log:
            self.process = subprocess.Popen(words, cwd=folder, stdout=log, stderr=log)

    def ask(self, path: str, **query: str) -> Any:
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(address, timeout=60) as answer:
            return json.load(answer)["data"]

    def result(self, query: str) -> list[Any]:
        found: list[Any] = self.ask("query", query=query)["result"]
        return found


@contextmanager
def prometheus(target: str) -> Iterator[Prometheus]:
    with tempfile.TemporaryDirectory() as folder:
        server = Prometheus(target, Path(folder))
        try:
            yield server
        finally:
            server.process.terminate()
            server.process.wait(60)


def test_every_query_of_the_dashboard_has_an_answer_from_a_prometheus_that_scrapes_us(promtool: str) -> None:
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is not installed (Debian: the package prometheus)")
    with Installation({"dags.py": DAGS}) as installation:
        installation.start()
        installation.until("a Dag", lambda: installation.rows("SELECT 1 FROM dag WHERE dag_id = 'broken'"))
        status, text = installation.http("/metrics")
        assert status == 200
        checked = subprocess.run(
            [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
        )
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
        with prometheus(installation.address()) as server:

            def up() -> bool:
                try:
                    return [r["value"][1] for r in server.result('up{job="tradewind"}')] == ["1"]
                except OSError:
                    return False

            installation.until("Prometheus that scrapes", up)
            missing = dict(queries())
            assert len(missing) > 30
            end = time.monotonic() + 400
            while missing and time.monotonic() < end:
                assert installation.run("etl") == "success"
                assert installation.run("broken") == "failed"
                # A value of a moment may be gone at the next: each query is to have had its answer once.
                missing = {title: query for title, query in queries() if title in missing and not server.result(query)}
            assert missing == {}
            _check_values(server)
            installation.until("records of every run", lambda: _records_of_a_run(server) == [10_000])
            assert server.ask("status/flags")["storage.tsdb.retention.time"] == "30d"
            expected = {("TradewindHighFailureRate", "broken"), ("TradewindDeadlineMissed", "etl")}
            expected.add(("TradewindServiceDown", ""))
            installation.until("alerts", lambda: _firing(server) >= expected)
            installation.stop()
            end = time.monotonic() + 100
            while not server.result('up{job="tradewind"} == 0'):
                assert time.monotonic() < end, "a target that is down is not seen"
                time.sleep(0.2)


def _check_values(server: Prometheus) -> None:
    """Numbers that are known."""
    [failed] = server.result('dag:tradewind_runs_failed:ratio1h{dag_id="broken"}')
    assert float(failed["value"][1]) == 1
    [ratio] = server.result('task:tradewind_task_instances_succeeded:ratio{dag_id="etl",task_id="transform"}')
    assert float(ratio["value"][1]) == 1
    [score] = server.result("tradewind_data_quality_score")
    assert float(score["value"][1]) == 91


def _records_of_a_run(server: Prometheus) -> list[float]:
    """What tasks have measured comes a beat later than the ends of their runs."""
    query = 'tradewind_data_records_processed_total / on (dag_id) tradewind_runs_finished_total{state="success"}'
    return [float(each["value"][1]) for each in server.result(query)]


def _firing(server: Prometheus) -> set[tuple[str, str]]:
    alerts = server.ask("alerts")["alerts"]
    return {
        (each["labels"]["alertname"], each["labels"].get("dag_id", "")) for each in alerts if each["state"] == "firing"
    }
