"""The event log over HTTP."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.testing.scheduler_stage import START

URL = "/api/v2/eventLogs"
NOW = START.isoformat().replace("+00:00", "Z")


@pytest.fixture
def log(stage: ApiStage) -> ApiStage:
    """Two people have asked for something, of two Dags and of none."""
    stage.load(dag("a", dag_id="etl", display_name="Nightly"))
    stage.load(dag("a", dag_id="canary"))
    stage.gate.be("kim", "Admin")
    stage.client.patch("/api/v2/dags/etl", json={"is_paused": True})
    stage.client.post("/api/v2/variables", json={"key": "k", "value": "secret-value", "description": "d"})
    stage.gate.be("lee\nforged", "Admin")
    stage.wait(60)
    stage.client.patch("/api/v2/dags/canary", json={"is_paused": True})
    stage.client.patch("/api/v2/dags/etl", json={"is_paused": False})
    stage.client.post("/api/v2/dags/etl/dagRuns", json={"logical_date": None, "dag_run_id": "r1"})
    return stage


def logs(stage: ApiStage, **query: Any) -> list[dict[str, Any]]:
    answer = stage.client.get(URL, params=query)
    assert answer.status_code == 200, answer.text
    rows: list[dict[str, Any]] = answer.json()["event_logs"]
    return rows


def events(stage: ApiStage, **query: Any) -> list[str]:
    return [row["event"] for row in logs(stage, **query)]


def test_every_command_is_a_line_with_who_asked_for_it(log: ApiStage) -> None:
    """S29"""
    (line,) = logs(log, event="dag.pause", dag_id="etl")
    assert line == {
        "event_log_id": line["event_log_id"],
        "when": NOW,
        "dag_id": "etl",
        "task_id": None,
        "run_id": None,
        "map_index": None,
        "try_number": None,
        "event": "dag.pause",
        "logical_date": None,
        "owner": "kim",
        "extra": '{"dag_id": "etl"}',
        "dag_display_name": "Nightly",
        "task_display_name": None,
    }
    assert log.client.get(f"{URL}/{line['event_log_id']}").json() == line
    assert events(log, owner="kim") == ["dag.pause", "variable.set"]
    assert events(log, owner="lee\nforged") == ["dag.pause", "dag.unpause", "run.create"]


def test_what_may_be_secret_is_in_no_line(log: ApiStage) -> None:
    """S24, S29"""
    (line,) = logs(log, event="variable.set")
    assert json.loads(line["extra"]) == {"key": "k", "description": "d", "new": True}
    assert "secret-value" not in log.client.get(URL, params={"limit": 100}).text


def test_what_followed_is_there_as_well(log: ApiStage) -> None:
    moved = logs(log, event="task.moved", run_id="r1", task_id="a")
    assert moved
    assert moved[0]["owner"] is None
    assert moved[0]["map_index"] == -1
    assert json.loads(moved[-1]["extra"])["after"] == "queued"
    assert "run.created" in events(log, run_id="r1")


def test_lines_are_found_by_what_is_asked_for(log: ApiStage) -> None:
    commands = {"included_events": ["dag.pause", "dag.unpause", "variable.set"]}
    assert events(log, **commands) == ["dag.pause", "variable.set", "dag.pause", "dag.unpause"]
    assert events(log, **commands, order_by="-when", limit=1) == ["dag.unpause"]
    assert events(log, **commands, order_by="event", offset=3) == ["variable.set"]
    assert events(log, **commands, excluded_events=["dag.pause"]) == ["variable.set", "dag.unpause"]
    assert events(log, **commands, after=START.isoformat()) == ["dag.pause", "dag.unpause"]
    assert events(log, **commands, before=(START.replace(second=1)).isoformat()) == ["dag.pause", "variable.set"]
    assert events(log, event_pattern="AUSE|variable", dag_id_pattern="cana") == ["dag.paused", "dag.pause"]
    assert events(log, event_prefix_pattern="dag.unp") == ["dag.unpaused", "dag.unpause"]
    assert events(log, owner_prefix_pattern="k") == ["dag.pause", "variable.set"]
    assert events(log, owner_pattern="forg", run_id_prefix_pattern="r") == ["run.create"]
    assert set(events(log, task_id_pattern="a", run_id_pattern="r_")) == {"task.moved"}
    assert events(log, map_index=5) == []
    assert set(events(log, map_index=-1)) == {"task.moved"}
    assert events(log, try_number=99) == []
    assert log.client.get(URL, params={"order_by": "speed"}).status_code == 400
    assert log.client.get(URL, params={"map_index": 10**30}).status_code == 422


def test_whoever_may_see_one_dag_sees_its_lines_alone(log: ApiStage) -> None:
    (other,) = logs(log, event="dag.pause", dag_id="canary")
    everything = Grant(frozenset(Action), frozenset(Resource), DagScope(ids=frozenset({"etl"})))
    log.gate.be("kim", Role("some", (everything,)))
    assert {row["dag_id"] for row in logs(log, limit=100)} == {"etl"}
    assert "canary" not in log.client.get(URL, params={"limit": 100}).text
    assert log.client.get(f"{URL}/{other['event_log_id']}").status_code == 404
    assert logs(log, dag_id="canary") == []
    log.gate.be("", "Public")
    assert log.client.get(URL).status_code == 403


@pytest.mark.parametrize("base", ["/api/v2", "/api/v1"])
def test_moments_are_bounds_however_they_are_written(log: ApiStage, base: str) -> None:
    def found(query: str) -> int:
        answer = log.client.get(f"{base}/eventLogs?{query}")
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total_entries"])

    begun, every = f"{START:%Y-%m-%dT%H:%M:%S}", found("")
    later = found(f"after={begun}Z")
    assert 0 < later < every
    assert found(f"after={begun}%2B00:00") == later
    assert found(f"after={begun}+00:00") == later, "a plus that nobody has encoded is a space"
    assert found(f"after={START.astimezone(timezone(timedelta(hours=9))).isoformat().replace('+', '%2B')}") == later
    assert found("before=9999-12-31T23:59:59Z") == every == found("after=0001-01-01T00:00:00%2B14:00")
    assert found("after=9999-12-31T23:59:59-14:00") == 0


@pytest.mark.parametrize("base", ["/api/v2", "/api/v1"])
def test_bounds_of_runs_are_written_the_same_ways(log: ApiStage, base: str) -> None:
    def found(query: str) -> int:
        answer = log.client.get(f"{base}/dags/etl/dagRuns?{query}")
        assert answer.status_code == 200, answer.text
        return int(answer.json()["total_entries"])

    begun = f"{START:%Y-%m-%dT%H:%M:%S}"
    assert found(f"start_date_gte={begun}+00:00") == 1 == found("start_date_lte=9999-12-31T23:59:59Z")
    assert found(f"start_date_lte={begun}+00:00") == 0 == found("start_date_lte=0001-01-01T00:00:00Z")
