"""`pipeline_monitoring_system` in memory with virtual time, and on a real installation."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tradewind.testing.installation import Installation
from tradewind.testing.servers import free_port

FILE = Path(__file__).parents[2] / "dags" / "etl" / "monitoring_dag.py"
NOW = datetime(2026, 1, 6, 3, 20, tzinfo=UTC)
EDGES = {
    "collect_system_metrics": ["evaluate_rules"],
    "check_services": ["evaluate_rules"],
    "check_pipeline": ["evaluate_rules"],
    "check_data_quality": ["evaluate_rules"],
    "evaluate_rules": ["send_alerts", "write_report"],
    "write_report": ["clean_up"],
    "send_alerts": ["clean_up"],
    "clean_up": [],
}


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRADEWIND_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("TRADEWIND_HOME", str(tmp_path / "home"))


def test_a_run_measures_judges_reports_and_tells(run_dag: Any, tmp_path: Path) -> None:
    conf = {"services": {"gone": f"127.0.0.1:{free_port()}"}, "max_memory_percent": 100, "max_disk_percent": 100}
    run = run_dag(FILE, "pipeline_monitoring_system", logical_date=NOW, now=NOW, conf=conf)
    assert run.state == "success"
    assert set(run.order) == set(EDGES)
    assert run.xcom("check_services") == {"gone": 0}
    assert run.xcom("evaluate_rules")["firing"] == ["service_down_gone"]
    assert run.xcom("send_alerts") == {"firing": ["service_down_gone"], "notified": {"service_down_gone": ["log"]}}
    report = Path(run.xcom("write_report")["report"])
    assert "<td>service_down_gone</td><td>fires</td>" in report.read_text()
    assert run.xcom("clean_up") == {"removed": 0, "kept": 1}
    [row] = json.loads((tmp_path / "data" / "processed" / "monitoring" / "history.json").read_text())
    assert row["firing"] == ["service_down_gone"]


def test_a_limit_that_cannot_be_fails_the_run_at_once(run_dag: Any) -> None:
    conf = {"services": {"db": "nowhere"}}
    run = run_dag(FILE, "pipeline_monitoring_system", logical_date=NOW, now=NOW, conf=conf)
    assert run.state == "failed"
    assert run.task("check_services").try_number == 1
    assert "give http://… or host:port" in str(run.task("check_services").error)


@pytest.mark.timeout(300)
def test_it_goes_green_on_an_installation_and_a_service_that_is_down_is_zero_in_metrics(tmp_path: Path) -> None:
    environ = {
        "TRADEWIND_DATA": str(tmp_path / "data"), "MONITORED_SERVICES": f"gone=http://127.0.0.1:{free_port()}/",
    }  # fmt: skip
    with Installation({"monitoring_dag.py": FILE.read_text()}, **environ) as installation:
        installation.start()
        assert installation.run("pipeline_monitoring_system") == "success", installation.last_words()
        edges = {
            row["task_id"] for row in installation.rows("SELECT task_id FROM task_instance WHERE state = 'success'")
        }
        assert edges == set(EDGES)
        # Each task measures for itself, and is heard of a moment after it has ended.
        for wanted in (
            '\ntradewind_data_service_up{service="gone"} 0.0\n', "\ntradewind_data_cpu_usage_ratio{",
            "\ntradewind_data_memory_usage_ratio{", "\ntradewind_data_disk_usage_ratio{",
            '\ntradewind_data_alert_notices_total{channel="log",rule="service_down_gone"',
        ):  # fmt: skip
            installation.until(wanted, lambda wanted=wanted: wanted in installation.http("/metrics")[1])
