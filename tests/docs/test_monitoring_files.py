"""What is in `monitoring/`: valid, tested by rules that can fail, and made by the script that says so."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "monitoring"


def check(promtool: str, *arguments: str, folder: Path = FOLDER) -> subprocess.CompletedProcess[str]:
    return subprocess.run([promtool, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def test_configuration_and_rules_are_valid_and_their_tests_pass(promtool: str) -> None:
    for arguments in (
        ("check", "config", "prometheus.yml"), ("check", "rules", "rules.yml"), ("test", "rules", "rules_test.yml"),
    ):  # fmt: skip
        done = check(promtool, *arguments)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (">= 0.1", "> 0.1"),
        (">= 3600", "> 3600"),
        ("quality_score < 80", "quality_score < 79"),
        ("memory:ratio >= 0.9 or", "memory:ratio > 0.9 or"),
        ("machine_disk_usage_ratio >= 0.9", "machine_disk_usage_ratio > 0.9"),
        ("missed_total[1h]) > 0", "missed_total[1h]) > 1"),
        ('up{job="tradewind"} == 0', 'up{job="tradewind"} == 1'),
        ("service_up == 0", "service_up == 1"),
        ("pending_commit_seconds >= 10", "pending_commit_seconds > 10"),
    ],
)
def test_an_edge_that_moves_is_noticed(promtool: str, tmp_path: Path, right: str, wrong: str) -> None:
    text = (FOLDER / "rules.yml").read_text()
    assert text.count(right) == 1
    (tmp_path / "rules.yml").write_text(text.replace(right, wrong))
    shutil.copy(FOLDER / "rules_test.yml", tmp_path)
    assert check(promtool, "test", "rules", "rules_test.yml", folder=tmp_path).returncode != 0


def test_every_alert_has_a_test() -> None:
    alerts = set(re.findall(r"- alert: (\w+)", (FOLDER / "rules.yml").read_text()))
    tested = set(re.findall(r"alertname: (\w+)", (FOLDER / "rules_test.yml").read_text()))
    assert alerts == tested


def test_the_dashboard_is_what_the_script_makes() -> None:
    script = ROOT / "scripts" / "dashboards.py"
    done = subprocess.run([sys.executable, script, "--check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_dashboards_panels_have_a_place_of_their_own_and_a_source_that_is_provisioned() -> None:
    dashboard = json.loads((FOLDER / "grafana" / "dashboards" / "tradewind.json").read_text())
    taken: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(numbers) == len(set(numbers))
    sources = {p["datasource"]["uid"] for p in dashboard["panels"] if p["type"] != "row"}
    provisioned = (FOLDER / "grafana" / "provisioning" / "datasources" / "prometheus.yml").read_text()
    assert sources == {"tradewind-prometheus"}
    assert "uid: tradewind-prometheus" in provisioned


def test_what_is_kept_is_said_and_how_long() -> None:
    text = (FOLDER / "prometheus.yml").read_text()
    assert "--storage.tsdb.retention.time=30d" in text
    assert "--storage.tsdb.retention.size=10GB" in text
