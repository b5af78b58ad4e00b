"""The steps of the monitoring Dag, without an engine: what they measure, where rules begin, and whom they tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tradewind.data import AlertManager, AlertRule, MemoryState, PrometheusMetrics
from tradewind.data.alert_rules import Alert, verdict
from tradewind.data.pipelines import watch
from tradewind.data.pipelines.watch import Options, Watch
from tradewind.data.problems import BadSetting
from tradewind.data.settings import DataSettings
from tradewind.testing.servers import free_port

NOW = datetime(2026, 1, 6, 12, 0, tzinfo=UTC)
QUIET = {"cpu_percent": 20.0, "memory_percent": 50.0, "disk_percent": 40.0, "load_1m": 0.5}


def watch_of(root: Path, run_id: str = "run-1", **options: Any) -> Watch:
    return Watch(run_id, DataSettings(root), Options(**options), PrometheusMetrics())


def firing(values: Mapping[str, Any], **options: Any) -> set[str]:
    """The rules that hold for these values."""
    rules = watch.rules_of(watch_of(Path("/nowhere"), **options), {"api": 1})
    return {rule.name for rule in rules if verdict(rule, values)[0]}


@pytest.mark.parametrize(
    ("name", "value", "rule", "edge_fires"),
    [
        ("failure_rate", 0.1, "high_failure_rate", True),
        ("failure_rate", 0.0999, "high_failure_rate", False),
        ("failure_rate", 0.11, "high_failure_rate", True),
        ("duration_seconds", 3600.0, "long_run", True),
        ("duration_seconds", 3599.9, "long_run", False),
        ("quality_score", 79.0, "low_data_quality", True),
        ("quality_score", 80.0, "low_data_quality", False),
        ("memory_percent", 90.0, "high_memory", True),
        ("memory_percent", 89.9, "high_memory", False),
        ("disk_percent", 90.0, "high_disk", True),
        ("disk_percent", 89.9, "high_disk", False),
        ("sla_misses", 1, "sla_missed", True),
        ("sla_misses", 0, "sla_missed", False),
        ("service_up.api", 0.0, "service_down_api", True),
        ("service_up.api", 1.0, "service_down_api", False),
    ],
)
def test_each_rule_begins_exactly_at_its_limit(name: str, value: float, rule: str, edge_fires: bool) -> None:
    assert firing({name: value}) == ({rule} if edge_fires else set())


def test_ten_percent_fires_in_the_shipped_rule_and_not_in_one_that_says_above() -> None:
    shipped = next(r for r in watch.rules_of(watch_of(Path("/nowhere")), {}) if r.name == "high_failure_rate")
    above = AlertRule("high_failure_rate", lambda m: m.get("failure_rate", 0) > 0.1, "critical")
    said = {rate: (verdict(shipped, {"failure_rate": rate})[0], verdict(above, {"failure_rate": rate})[0])
            for rate in (0.09, 0.1, 0.11)}  # fmt: skip
    assert said == {0.09: (False, False), 0.1: (True, False), 0.11: (True, True)}


def test_limits_can_be_chosen() -> None:
    assert firing({"memory_percent": 75.0}, max_memory_percent=75) == {"high_memory"}
    assert firing({"quality_score": 94.0}, min_quality=95) == {"low_data_quality"}
    with pytest.raises(BadSetting, match="min_quality must be a number from 0 to 100, not 101"):
        Options.from_params({"min_quality": 101})
    with pytest.raises(BadSetting, match="services must be an object"):
        Options.from_params({"services": ["api"]})


def test_the_machine_is_measured(tmp_path: Path) -> None:
    run = watch_of(tmp_path / "not" / "there")
    facts = watch.collect_system_metrics(run, NOW)
    assert 0 <= facts["cpu_percent"] <= 100
    assert 0 < facts["memory_percent"] <= 100
    assert 0 < facts["disk_percent"] <= 100
    assert run.metrics.value("memory_usage_ratio") == pytest.approx(facts["memory_percent"] / 100, abs=1e-4)
    assert run.metrics.value("disk_usage_ratio", {"path": str(tmp_path)}) > 0


def test_a_service_that_is_down_is_a_zero_and_an_alert(tmp_path: Path) -> None:
    run = watch_of(tmp_path, services={"db": f"127.0.0.1:{free_port()}"})
    services = watch.check_services(run, env={"MONITORED_SERVICES": f"api=http://127.0.0.1:{free_port()}/health"})
    assert services == {"api": 0, "db": 0}
    assert run.metrics.value("service_up", {"service": "db"}) == 0.0
    assert b'tradewind_data_service_up{service="db"} 0.0' in run.metrics.exposition()
    evaluated = watch.evaluate_rules(run, QUIET, services, {"counts": {}}, {}, NOW)
    assert evaluated["firing"] == ["service_down_api", "service_down_db"]


def test_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match="service 'db' has the address 'nowhere'; give http"):
        watch.check_services(watch_of(tmp_path, services={"db": "nowhere"}), env={})


def leave_results(root: Path, finished: datetime, minutes: float, score: float) -> None:
    """What a run of the watched pipeline leaves."""
    log = root / "logs" / "large_data_etl_pipeline" / "run=one.json"
    log.parent.mkdir(parents=True, exist_ok=True)
    began = (finished - timedelta(minutes=minutes)).isoformat()
    steps = {"files": {"extracted_at": began}, "transform": {"rows_in": 1000}}
    log.write_text(json.dumps({"run_id": "one", "finished_at": finished.isoformat(), **steps}))
    report = root / "processed" / "reports" / "run=one" / "validation.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    checks = [{"name": "net is present", "passed": False}, {"name": "tax", "passed": True}]
    report.write_text(json.dumps({"run_id": "one", "score": score, "checks": checks}))


def test_the_watched_pipeline_is_judged_by_what_it_left(tmp_path: Path) -> None:
    leave_results(tmp_path, NOW - timedelta(hours=4), 61, 79)
    run = watch_of(tmp_path)
    pipeline = watch.check_pipeline(run, {"success": 9, "failed": 1}, NOW)
    assert pipeline["duration_seconds"] == 3660
    assert pipeline["data_age_hours"] == 4
    assert pipeline["failure_rate"] == 0.1
    assert pipeline["rows"] == 1000
    quality = watch.check_data_quality(run)
    assert quality == {"quality_score": 79.0, "failed_checks": ["net is present"], "run_id": "one"}
    labels = {"dag_id": "large_data_etl_pipeline", "data_source": "warehouse"}
    assert run.metrics.value("quality_score", labels) == 79
    evaluated = watch.evaluate_rules(run, QUIET, {}, pipeline, quality, NOW)
    assert evaluated["firing"] == ["high_failure_rate", "long_run", "low_data_quality", "sla_missed"]


def test_nothing_to_watch_yet_is_no_alert(tmp_path: Path) -> None:
    run = watch_of(tmp_path)
    pipeline, quality = watch.check_pipeline(run, {"success": 0, "failed": 0}, NOW), watch.check_data_quality(run)
    assert "failure_rate" not in pipeline
    assert quality == {}
    assert watch.evaluate_rules(run, QUIET, {}, pipeline, quality, NOW)["firing"] == []


def test_the_failure_rate_is_that_of_the_window(tmp_path: Path) -> None:
    """Old failures are forgotten: what counts is what ended since the window began, or since somebody looked."""

    def rate(hour: int, ok: int, bad: int) -> float | None:
        run, now = watch_of(tmp_path, f"run-{hour}"), NOW + timedelta(hours=hour)
        pipeline = watch.check_pipeline(run, {"success": ok, "failed": bad}, now)
        watch.evaluate_rules(run, QUIET, {}, pipeline, {}, now)
        return pipeline.get("failure_rate")

    assert rate(0, 10, 10) == 0.5
    assert rate(1, 19, 11) == 0.1
    assert rate(24, 28, 11) == 1 / 19
    assert rate(26, 28, 11) == 0
    assert rate(50, 28, 11) is None
    assert rate(99, 30, 13) == 0.5


def test_a_step_that_is_run_again_replaces_what_it_made(tmp_path: Path) -> None:
    run = watch_of(tmp_path)
    for _ in range(2):
        pipeline = watch.check_pipeline(run, {"success": 1, "failed": 0}, NOW)
        evaluated = watch.evaluate_rules(run, QUIET, {"api": 1}, pipeline, {}, NOW)
        watch.write_report(run, evaluated, NOW)
    assert len(json.loads(run.history.read_text())) == 1
    assert len(list(run.report.parent.iterdir())) == 1


def test_the_report_shows_rules_services_and_charts(tmp_path: Path) -> None:
    run = watch_of(tmp_path, "manual__<one>")
    leave_results(tmp_path, NOW, 5, 99)
    pipeline, quality = watch.check_pipeline(run, {"success": 1, "failed": 0}, NOW), watch.check_data_quality(run)
    evaluated = watch.evaluate_rules(run, {**QUIET, "memory_percent": 95.0}, {"api": 0}, pipeline, quality, NOW)
    text = Path(watch.write_report(run, evaluated, NOW)["report"]).read_text()
    assert text.count("<svg") == 5
    assert "<tr class=bad><td>high_memory</td><td>fires</td>" in text
    assert "<tr class=bad><td>api</td><td>down</td>" in text
    assert "manual__&lt;one&gt;" in text


class Kept:
    """A channel that keeps what it is given."""

    name = "kept"
    secrets: tuple[str, ...] = ()

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def send(self, alert: Alert) -> None:
        self.told.append((alert.rule, alert.status))


def test_people_are_told_once_when_it_begins_and_once_when_it_is_over(tmp_path: Path) -> None:
    channel, state = Kept(), MemoryState()
    for number, memory in enumerate((50.0, 90.0, 95.0, 50.0)):
        run = watch_of(tmp_path, f"run-{number}")
        pipeline = watch.check_pipeline(run, {}, NOW)
        evaluated = watch.evaluate_rules(run, {**QUIET, "memory_percent": memory}, {}, pipeline, {}, NOW)
        watch.send_alerts(run, evaluated, AlertManager([channel], storage=state))
    assert channel.told == [("high_memory", "firing"), ("high_memory", "recovered")]


def test_old_reports_are_removed_and_the_own_never(tmp_path: Path) -> None:
    for number in range(4):
        run = watch_of(tmp_path, f"run-{number}", keep_reports=2)
        evaluated = watch.evaluate_rules(run, QUIET, {}, {"counts": {}}, {}, NOW)
        watch.write_report(run, evaluated, NOW)
    assert watch.clean_up(run) == {"removed": 2, "kept": 2}
    assert run.report.exists()
    assert watch.clean_up(watch_of(tmp_path, "run-9", keep_reports=0)) == {"removed": 0, "kept": 2}
