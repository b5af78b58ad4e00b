"""Configuration, processes, plugins, providers, version and health over HTTP."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tradewind import __version__
from tradewind.api import health
from tradewind.config import load_settings
from tradewind.testing.api_stage import ApiStage

API = "/api/v2"


def exposed(tmp_path: Path, migrated: Path, value: str) -> ApiStage:
    shutil.copy(migrated, tmp_path / "tradewind.db")
    environ = {
        "TRADEWIND_HOME": str(tmp_path), "AIRFLOW__API__EXPOSE_CONFIG": value,
        "AIRFLOW__CORE__FERNET_KEY": "canary" * 7 + "A=", "AIRFLOW__SECRETS__BACKEND_KWARGS": "canary-2",
        "AIRFLOW__MINE__MY_PASSWORD": "canary-3", "AIRFLOW__MINE__COLOUR": "red",
    }  # fmt: skip
    return ApiStage(load_settings(environ=environ))


def test_the_configuration_is_shown_where_that_is_allowed(stage: ApiStage) -> None:
    for path in ("/config", "/config/section/core/option/parallelism"):
        answer = stage.client.get(API + path)
        assert answer.status_code == 403
        assert "expose_config" in answer.json()["detail"]


@pytest.mark.parametrize("value", ["True", "non-sensitive-only"])
def test_the_configuration_never_shows_a_secret(tmp_path: Path, migrated: Path, value: str) -> None:
    """S25"""
    stage = exposed(tmp_path, migrated, value)
    try:
        answer = stage.client.get(f"{API}/config")
        sections = {each["name"]: {o["key"]: o["value"] for o in each["options"]} for each in answer.json()["sections"]}
        assert sections["core"]["parallelism"] == "32"
        assert sections["core"]["fernet_key"] == sections["database"]["sql_alchemy_conn"] == "< hidden >"
        assert sections["mine"] == {"colour": "red", "my_password": "< hidden >"}
        text = stage.client.get(f"{API}/config", headers={"accept": "text/plain"})
        assert text.headers["content-type"].startswith("text/plain")
        assert "[core]\n" in text.text
        assert "parallelism = 32\n" in text.text
        assert "canary" not in answer.text + text.text
        only = stage.client.get(f"{API}/config", params={"section": "mine"}).json()
        assert [each["name"] for each in only["sections"]] == ["mine"]
        assert stage.client.get(f"{API}/config", params={"section": "none"}).status_code == 404
        assert stage.client.get(f"{API}/config", headers={"accept": "image/png"}).status_code == 406
        one = f"{API}/config/section/webserver/option/web_server_port"
        assert stage.client.get(one).json() == {
            "sections": [{"name": "webserver", "options": [{"key": "web_server_port", "value": "8080"}]}]
        }
        hidden = stage.client.get(f"{API}/config/section/Core/option/FERNET_KEY")
        assert hidden.json()["sections"][0]["options"][0]["value"] == "< hidden >"
        assert stage.client.get(f"{API}/config/section/core/option/none").status_code == 404
        stage.gate.be("lee", "Viewer")
        assert stage.client.get(f"{API}/config").status_code == 403
    finally:
        stage.close()


def jobs(stage: ApiStage, **query: Any) -> list[dict[str, Any]]:
    answer = stage.client.get(f"{API}/jobs", params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["jobs"]
    return rows


def test_jobs_are_the_scheduler_and_its_workers(stage: ApiStage) -> None:
    by_type = {job["job_type"]: job for job in jobs(stage)}
    assert by_type.keys() == {"SchedulerJob", "WorkerJob"}
    for job in by_type.values():
        assert (job["state"], job["hostname"], job["end_date"]) == ("running", None, None)
        assert job["start_date"]
        assert job["latest_heartbeat"]
    assert [job["job_type"] for job in jobs(stage, order_by="-job_type")] == ["WorkerJob", "SchedulerJob"]
    assert len(jobs(stage, limit=1)) == 1
    assert [job["job_type"] for job in jobs(stage, job_type="WorkerJob", is_alive=True)] == ["WorkerJob"]
    assert jobs(stage, is_alive=False) == jobs(stage, hostname="x") == jobs(stage, executor_class="x") == []
    assert jobs(stage, start_date_gt="2100-01-01T00:00:00Z") == []
    assert len(jobs(stage, start_date_lte="2100-01-01T00:00:00Z", job_state="running")) == 2
    assert jobs(stage, end_date_lte="2100-01-01T00:00:00Z") == []
    stage.is_away = True
    assert [job["state"] for job in jobs(stage)] == [None, None]
    assert len(jobs(stage, is_alive=False)) == 2


def test_providers_are_read_without_being_imported(
    stage: ApiStage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = tmp_path / "site" / "apache_airflow_providers_moon-1.2.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: apache_airflow_providers_moon\nVersion: 1.2\nSummary: To the moon\n"
        "Project-URL: Documentation, https://moon.example/docs\n"
    )
    monkeypatch.syspath_prepend(about.parent)
    found = {row["package_name"]: row for row in stage.client.get(f"{API}/providers").json()["providers"]}
    assert found["apache-airflow-providers-moon"] == {
        "package_name": "apache-airflow-providers-moon",
        "description": "To the moon",
        "version": "1.2",
        "documentation_url": "https://moon.example/docs",
    }
    assert stage.client.get(f"{API}/plugins").json() == {"plugins": [], "total_entries": 0}
    assert stage.client.get(f"{API}/plugins/importErrors").json() == {"import_errors": [], "total_entries": 0}
    stage.gate.be("", "Public")
    for path in ("jobs", "plugins", "plugins/importErrors", "providers"):
        assert stage.client.get(f"{API}/{path}").status_code == 403
    assert stage.client.get(f"{API}/version").json() == {"version": __version__, "git_version": None}


def test_health_tells_of_every_component(stage: ApiStage) -> None:
    found = stage.client.get(f"{API}/monitor/health").json()
    for part in ("metadatabase", "scheduler", "triggerer", "dag_processor"):
        assert found[part]["status"] == "healthy", part
    assert found["triggerer"]["latest_triggerer_heartbeat"]
    assert found["dag_processor"]["latest_dag_processor_heartbeat"]
    status = {"agents": [], "scheduler": {"database_away": False}, "dag_processor": {"first_scan_done": True}}
    without = health.health_of(stage.reading, status)
    assert without["triggerer"] == {"status": None, "latest_triggerer_heartbeat": None}
    assert without["dag_processor"]["status"] == "healthy"
    agent = {"connected": False, "beat_age_seconds": 60.0}
    assert health.health_of(stage.reading, {**status, "agents": [agent]})["triggerer"]["status"] == "unhealthy"
    stage.is_away = True
    found = stage.client.get(f"{API}/monitor/health").json()
    assert (found["scheduler"]["status"], found["metadatabase"]["status"]) == ("unhealthy", "healthy")
