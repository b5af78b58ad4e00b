"""Runs over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from play import at, do, end

from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

RUNS = "/api/v2/dags/etl/dagRuns"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(dag("a >> b", dag_id="etl", display_name="Load it"))
    return stage


def make(stage: ApiStage, run_id: str, dag_id: str = "etl", **body: Any) -> None:
    do(stage, "run.create", dag_id=dag_id, run_id=run_id, **body)


def test_a_run_is_shown_with_everything_that_is_known_of_it(etl: ApiStage) -> None:
    make(etl, "one", logical_date="2026-01-02T00:00:00+00:00", conf={"x": 1}, note="why", triggered_by="rest_api")
    answer = etl.client.get(f"{RUNS}/one")
    assert answer.status_code == 200, answer.text
    run = answer.json()
    [version] = run.pop("dag_versions")
    assert run == {
        "dag_run_id": "one",
        "dag_id": "etl",
        "logical_date": "2026-01-02T00:00:00Z",
        "queued_at": at(etl),
        "start_date": at(etl),
        "end_date": None,
        "duration": None,
        "data_interval_start": "2026-01-02T00:00:00Z",
        "data_interval_end": "2026-01-02T00:00:00Z",
        "run_after": at(etl),
        "last_scheduling_decision": None,
        "run_type": "manual",
        "state": "running",
        "triggered_by": "rest_api",
        "triggering_user_name": "kim",
        "conf": {"x": 1},
        "note": "why",
        "bundle_version": None,
        "dag_display_name": "Load it",
        "partition_key": None,
        "partition_date": None,
    }
    assert (version["dag_id"], version["version_number"], version["dag_display_name"]) == ("etl", 1, "Load it")


def test_a_run_is_made_marked_noted_and_deleted(etl: ApiStage) -> None:
    made = etl.client.post(RUNS, json={"logical_date": None, "dag_run_id": "mine", "conf": {"x": "안녕"}})
    assert made.status_code == 200, made.text
    assert (made.json()["state"], made.json()["triggered_by"]) == ("running", "rest_api")
    again = etl.client.post(RUNS, json={"logical_date": None, "dag_run_id": "mine"})
    assert again.status_code == 409
    assert etl.client.delete(f"{RUNS}/mine").status_code == 409, "it is not over"
    marked = etl.client.patch(f"{RUNS}/mine", json={"state": "failed", "note": "by hand"})
    assert (marked.json()["state"], marked.json()["note"]) == ("failed", "by hand")
    masked = etl.client.patch(f"{RUNS}/mine?update_mask=note", json={"state": "success", "note": ""})
    assert (masked.json()["state"], masked.json()["note"]) == ("failed", None)
    queued = etl.client.patch(f"{RUNS}/mine", json={"state": "queued"})
    assert queued.json()["state"] == "success", "it was looked at once more, and the task that it ends with was skipped"
    assert etl.client.delete(f"{RUNS}/mine").status_code == 409, "its task has not stopped yet"
    end(etl, "cancelled")
    assert etl.client.delete(f"{RUNS}/mine").status_code == 204
    assert etl.client.get(f"{RUNS}/mine").status_code == 404
