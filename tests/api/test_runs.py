"""Runs over HTTP."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from play import at, do, end

from tradewind.core.access import READING, Grant, Resource, Role
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


def listens(stage: ApiStage) -> None:
    """Wait until somebody is told of events."""
    deadline = monotonic() + 20
    while not stage.listeners:
        assert monotonic() < deadline, "nobody listens"
        sleep(0.01)


def test_waiting_for_a_run_gives_a_line_for_each_state_and_ends_with_it(etl: ApiStage) -> None:
    do(etl, "dag.pause", dag_id="etl")
    make(etl, "one")
    with ThreadPoolExecutor() as pool:
        answer = pool.submit(etl.client.get, f"{RUNS}/one/wait?interval=0.1&result=b&result=none")
        listens(etl)
        do(etl, "dag.unpause", dag_id="etl")
        assert end(etl) == ["a"]
        assert end(etl, return_value=b'{"rows": 3}') == ["b"]
        found = answer.result(20)
    assert found.headers["content-type"] == "application/x-ndjson"
    lines = [json.loads(line) for line in found.text.splitlines()]
    assert lines[-1] == {"state": "success", "results": {"b": {"rows": 3}}}
    assert [line["state"] for line in lines[:-1]] in (["queued"], ["queued", "running"]), "each state once, in order"
    assert etl.listeners == []


def test_waiting_for_a_run_that_is_over_or_is_not_there_ends_at_once(etl: ApiStage) -> None:
    make(etl, "one")
    do(etl, "run.mark", dag_id="etl", run_id="one", state="failed")
    assert etl.client.get(f"{RUNS}/one/wait?interval=5").text == '{"state": "failed"}\n'
    etl.is_away = True
    assert etl.client.get(f"{RUNS}/one/wait?interval=5").text == '{"state": "failed"}\n'
    assert etl.client.get(f"{RUNS}/two/wait?interval=5").status_code == 404
    assert etl.client.get(f"{RUNS}/one/wait?interval=0").status_code == 422


def test_results_of_tasks_are_for_those_alone_who_may_see_values(etl: ApiStage) -> None:
    make(etl, "one")
    end(etl, return_value=b'"canary"')
    end(etl)
    runs = Grant(READING, frozenset({Resource.DAG, Resource.RUN}))
    etl.gate.be("lee", Role("runs", (runs,)))
    assert etl.client.get(f"{RUNS}/one/wait?interval=5").text == '{"state": "success"}\n'
    refused = etl.client.get(f"{RUNS}/one/wait?interval=5&result=a")
    assert (refused.status_code, "canary" in refused.text) == (404, False)
