"""Versions, sources and tasks of Dags over HTTP."""

from __future__ import annotations

from uuid import UUID

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.decisions import PutRow
from tradewind.scheduler.owner import Rows
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand

VERSIONS = "/api/v2/dags/etl/dagVersions"
SOURCE = "/api/v2/dagSources/etl"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(dag("a", dag_id="etl"))
    stage.wait(60)
    tasks = {
        "b": {"owner": "kim", "retries": 2, "execution_timeout_seconds": 90_061.5, "map": expand(x=3),
              "retry_backoff": 2.0,
              "extra": {"display_name": "Count", "operator_name": "@task", "module": "airflow.operators.python",
                        "weight_rule": "absolute", "params": {"p": {"value": 1, "schema": {}}}}},
        "a": {"pool": "small", "trigger_rule": "all_done", "template_fields": ("op_args",), "ui_color": "#fff"},
    }  # fmt: skip
    stage.load(dag("a >> b", dag_id="etl", display_name="Load it", tasks=tasks))
    stage.load(dag("x", dag_id="secret"), source="canary")
    return stage


def keep_sources(stage: ApiStage) -> None:
    with stage.reading.connect() as connection:
        stored = connection.exec_driver_sql("SELECT source, dag_id, number FROM dag_version").all()
    rows = [{"digest": digest, "text": f"# {dag_id} {number} 안녕".encode()} for digest, dag_id, number in stored]
    stage.scheduler.submit(Rows(tuple(PutRow("source", row) for row in rows)))
    stage.play()


def test_versions_are_listed_and_shown(etl: ApiStage) -> None:
    listed = etl.client.get(VERSIONS).json()
    assert [each["version_number"] for each in listed["dag_versions"]] == [1, 2]
    assert listed["total_entries"] == 2
    first = listed["dag_versions"][0]
    assert UUID(first.pop("id"))
    assert first == {
        "version_number": 1, "dag_id": "etl", "bundle_name": "dags-folder", "bundle_version": None,
        "created_at": "2024-01-01T00:00:00Z", "dag_display_name": "Load it", "bundle_url": None,
    }  # fmt: skip
    assert etl.client.get(f"{VERSIONS}/2").json() == listed["dag_versions"][1]

    def numbers(**query: object) -> list[int]:
        found = etl.client.get(VERSIONS, params=query).json()["dag_versions"]  # type: ignore[arg-type]
        return [each["version_number"] for each in found]

    assert numbers(order_by="-id") == [2, 1], "ids are in order of time"
    assert numbers(order_by="-version_number", limit=1) == [2]
    assert numbers(version_number=1) == [1]
    assert numbers(bundle_name="other") == numbers(bundle_version="1") == []
    assert len(etl.client.get("/api/v2/dags/~/dagVersions").json()["dag_versions"]) == 3
    for path in (f"{VERSIONS}/9", "/api/v2/dags/none/dagVersions", "/api/v2/dags/none/dagVersions/1"):
        assert etl.client.get(path).status_code == 404
    assert etl.client.get(f"{VERSIONS}/99999999999999999999").status_code == 422
    assert etl.client.get(VERSIONS, params={"version_number": 2**70}).status_code == 422


def test_a_source_comes_as_json_or_as_text(etl: ApiStage) -> None:
    assert etl.client.get(SOURCE).status_code == 404, "it is not kept"
    keep_sources(etl)
    assert etl.client.get(SOURCE, headers={"accept": "application/json"}).json() == {
        "content": "# etl 2 안녕", "dag_id": "etl", "version_number": 2, "dag_display_name": "Load it"}  # fmt: skip
    text = etl.client.get(SOURCE, params={"version_number": 1}, headers={"accept": "text/plain;q=0.9, image/png"})
    assert (text.text, text.headers["content-type"]) == ("# etl 1 안녕", "text/plain; charset=utf-8")
    assert etl.client.get(SOURCE, headers={"accept": "text/html, */*;q=0.1"}).json()["version_number"] == 2
    assert etl.client.get(SOURCE, headers={"accept": "text/plain, application/json;q=0.5"}).text == "# etl 2 안녕"
    for accept in ("text/html", "application/json;q=0", "application/json;q=²"):
        refused = etl.client.get(SOURCE, headers={"accept": accept.encode("latin-1")})
        assert refused.status_code == 406, accept
    assert etl.client.get(SOURCE, params={"version_number": 7}).status_code == 404
    assert etl.client.get("/api/v2/dagSources/..%2F..%2Fetc%2Fpasswd").status_code == 404


def test_code_versions_and_tasks_of_other_dags_are_not_there(etl: ApiStage) -> None:
    keep_sources(etl)
    mine = DagScope(ids=frozenset({"etl"}))
    etl.gate.be("kim", Role("some", (Grant(frozenset({Action.READ}), frozenset(Resource), mine),)))
    assert etl.client.get(SOURCE).status_code == 200
    assert {each["dag_id"] for each in etl.client.get("/api/v2/dags/~/dagVersions").json()["dag_versions"]} == {"etl"}
    for path in ("dagSources/secret", "dags/secret/dagVersions", "dags/secret/dagVersions/1", "dags/secret/tasks",
                 "dags/secret/tasks/x", "dags/secret/details"):  # fmt: skip
        assert etl.client.get(f"/api/v2/{path}").status_code == 404
    no_code = Grant(frozenset({Action.READ}), frozenset({Resource.DAG, Resource.TASK}))
    etl.gate.be("lee", Role("no code", (no_code,)))
    assert etl.client.get(SOURCE).status_code == 403
    assert etl.client.get(VERSIONS).status_code == 200


def test_code_that_is_beside_that_of_a_hidden_dag_is_not_shown(etl: ApiStage) -> None:
    keep_sources(etl)
    etl.load(dag("x", dag_id="canary", file="etl.py"))
    mine = DagScope(ids=frozenset({"etl"}))
    etl.gate.be("kim", Role("some", (Grant(frozenset({Action.READ}), frozenset(Resource), mine),)))
    for query in ("", "?version_number=1"):
        refused = etl.client.get(SOURCE + query)
        assert (refused.status_code, "canary" in refused.text) == (403, False)
        assert "all of them" in refused.json()["detail"]
    both = DagScope(ids=frozenset({"etl", "canary"}))
    etl.gate.be("kim", Role("more", (Grant(frozenset({Action.READ}), frozenset(Resource), both),)))
    assert etl.client.get(SOURCE).status_code == 200


def test_tasks_are_as_the_newest_version_has_them(etl: ApiStage) -> None:
    tasks = "/api/v2/dags/etl/tasks"
    assert etl.client.get(f"{tasks}/b").json() == {
        "task_id": "b", "task_display_name": "Count", "owner": "kim", "start_date": None, "end_date": None,
        "trigger_rule": "all_success", "depends_on_past": False, "wait_for_downstream": False, "retries": 2.0,
        "queue": "default", "pool": "default_pool", "pool_slots": 1.0,
        "execution_timeout": {"__type": "TimeDelta", "days": 1, "seconds": 3661, "microseconds": 500_000},
        "retry_delay": {"__type": "TimeDelta", "days": 0, "seconds": 300, "microseconds": 0},
        "retry_exponential_backoff": 2.0, "priority_weight": 1.0, "weight_rule": "absolute", "ui_color": None,
        "ui_fgcolor": None, "template_fields": [], "downstream_task_ids": [], "doc_md": None, "operator_name": "@task",
        "params": {"p": {"value": 1, "schema": {}, "description": None}},
        "class_ref": {"module_path": "airflow.operators.python", "class_name": "PythonOperator"}, "is_mapped": True,
        "extra_links": [],
    }  # fmt: skip
    listed = etl.client.get(tasks, params={"order_by": "-task_id"}).json()
    assert ([task["task_id"] for task in listed["tasks"]], listed["total_entries"]) == (["b", "a"], 2)
    assert listed["tasks"][1]["downstream_task_ids"] == ["b"]
    for order_by in ("start_date", "-retries", "trigger_rule", "operator_name"):
        assert etl.client.get(tasks, params={"order_by": order_by}).json()["total_entries"] == 2
    assert etl.client.get(tasks, params={"order_by": "__class__"}).status_code == 400
    assert etl.client.get(f"{tasks}/c").status_code == 404
    assert etl.client.get("/api/v2/dags/none/tasks").status_code == 404
