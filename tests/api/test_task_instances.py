"""Task instances over HTTP: lists, one, tries, dependencies."""

from __future__ import annotations

import pytest
from task_play import applied, begin, finish, get, names, send, start

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import GroupSpec
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand

TASKS = "/dags/etl/dagRuns/r/taskInstances"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    """extract has succeeded at its second try, two of three parts are done, and load waits."""
    spec = dag(
        "extract >> part >> load", retries=1, retry_delay_seconds=5.0,
        groups=(GroupSpec(group_id="g", task_ids=("part",)),),
        tasks={
            "part": {"map": expand(x=3), "pool": "small", "queue": "default"},
            "load": {"operator": "BashOperator", "effective_weight": 7, "extra": {
                "display_name": "Load it", "executor_config": {"a": 1}, "executor": "LocalExecutor"}},
        },
    )  # fmt: skip
    stage.load(spec)
    applied(stage, "pool.set", name="small", slots=9)
    begin(stage, logical_date="2024-01-01")
    finish(stage, "extract", "failed", error="once")
    stage.wait(6)
    finish(stage, "extract", rendered=b'{"sql": "SELECT 1", "odd": "\\ud800"}')
    for index in (0, 1):
        finish(stage, "part", map_index=index, map_label=f"label {index}")
    return stage


def test_a_task_instance_says_everything_that_is_known(etl: ApiStage) -> None:
    found = get(etl, f"{TASKS}/extract")
    version = found.pop("dag_version")
    assert version["version_number"] == 1
    assert version["dag_id"] == "etl"
    assert found == {
        "id": found["id"], "task_id": "extract", "dag_id": "etl", "dag_run_id": "r", "map_index": -1,
        "logical_date": "2024-01-01T00:00:00Z", "run_after": "2024-01-01T00:00:00Z",
        "start_date": "2024-01-01T00:00:08Z", "end_date": "2024-01-01T00:00:10Z", "duration": 2.0, "state": "success",
        "try_number": 2, "max_tries": 1, "task_display_name": "extract", "dag_display_name": "etl",
        "hostname": "local", "unixname": None, "pool": "default_pool", "pool_slots": 1, "queue": "default",
        "priority_weight": 1, "operator": "PythonOperator", "operator_name": "PythonOperator",
        "queued_when": "2024-01-01T00:00:08Z", "scheduled_when": "2024-01-01T00:00:08Z", "pid": None, "executor": None,
        "executor_config": "{}", "note": None, "rendered_map_index": None,
        "rendered_fields": {"sql": "SELECT 1", "odd": "?"}, "trigger": None, "triggerer_job": None,
    }  # fmt: skip
    assert found["id"] == get(etl, f"{TASKS}/extract")["id"]
    load = get(etl, f"{TASKS}/load")
    assert (load["state"], load["start_date"], load["try_number"], load["hostname"]) == (None, None, 0, None)
    assert (load["task_display_name"], load["priority_weight"], load["executor"]) == ("Load it", 7, "LocalExecutor")
    assert load["executor_config"] == '{"a": 1}'
    assert get(etl, f"{TASKS}/part/1")["rendered_map_index"] == "label 1"


def test_what_a_path_names_and_is_not_there_is_said(etl: ApiStage) -> None:
    assert "'nowhere'" in get(etl, "/dags/nowhere/dagRuns/r/taskInstances/a", 404)["detail"]
    assert "'nowhen'" in get(etl, "/dags/etl/dagRuns/nowhen/taskInstances/extract", 404)["detail"]
    assert "'nothing'" in get(etl, f"{TASKS}/nothing", 404)["detail"]
    assert "is mapped" in get(etl, f"{TASKS}/part", 404)["detail"]
    assert "0 to 2" in get(etl, f"{TASKS}/part/7", 404)["detail"]
    assert "is not mapped" in get(etl, f"{TASKS}/extract/0", 404)["detail"]
    get(etl, f"{TASKS}/part/many", 422)
    get(etl, f"{TASKS}/part/99999999999999999999", 422)
    get(etl, "/dags/etl/dagRuns/nowhen/taskInstances", 404)
    get(etl, "/dags/none/dagRuns/~/taskInstances", 404)
    assert "null" in get(etl, f"{TASKS}/ex%00tract", 400)["detail"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["extract", "load", "part0", "part1", "part2"]),
        ({"task_id": "load"}, ["load"]),
        ({"state": ["success"]}, ["extract", "part0", "part1"]),
        ({"state": ["none"]}, ["load"]),
        ({"state": ["no_status", "queued"]}, ["load", "part2"]),
        ({"map_index": [1, 2]}, ["part1", "part2"]),
        ({"try_number": [2]}, ["extract"]),
        ({"version_number": [1]}, ["extract", "load", "part0", "part1", "part2"]),
        ({"version_number": [2]}, []),
        ({"pool": ["small"]}, ["part0", "part1", "part2"]),
        ({"pool_name_pattern": "EFAULT"}, ["extract", "load"]),
        ({"pool_name_prefix_pattern": "sm"}, ["part0", "part1", "part2"]),
        ({"queue": ["other"]}, []),
        ({"queue_name_pattern": "def%lt"}, ["extract", "load", "part0", "part1", "part2"]),
        ({"executor": ["LocalExecutor"]}, ["load"]),
        ({"operator": ["BashOperator"]}, ["load"]),
        ({"operator_name_pattern": "bash|nothing"}, ["load"]),
        ({"operator_name_prefix_pattern": "Python"}, ["extract", "part0", "part1", "part2"]),
        ({"task_display_name_pattern": "load it"}, ["load"]),
        ({"task_display_name_prefix_pattern": "Load"}, ["load"]),
        ({"task_group_id": "g"}, ["part0", "part1", "part2"]),
        ({"task_group_id": "h"}, []),
        ({"dag_id_pattern": "ETL"}, ["extract", "load", "part0", "part1", "part2"]),
        ({"dag_id_prefix_pattern": "x"}, []),
        ({"run_id_pattern": "r"}, ["extract", "load", "part0", "part1", "part2"]),
        ({"run_id_prefix_pattern": "%"}, []),
        ({"rendered_map_index_pattern": "label _"}, ["part0", "part1"]),
        ({"rendered_map_index_prefix_pattern": "label 1"}, ["part1"]),
        ({"start_date_gt": "2024-01-01T00:00:08Z"}, ["part0", "part1"]),
        ({"end_date_lte": "2024-01-01T00:00:10Z"}, ["extract"]),
        ({"duration_gte": 2, "duration_lt": 2.5}, ["extract", "part0", "part1"]),
        ({"duration_gt": 1e300}, []),
        ({"logical_date_lt": "2024-01-01"}, []),
        ({"run_after_gte": "2024-01-01T09:00:00+09:00"}, ["extract", "load", "part0", "part1", "part2"]),
        ({"updated_at_gte": "2024-01-01T00:00:14"}, ["part1"]),
    ],
)  # fmt: skip
def test_lists_are_narrowed(etl: ApiStage, query: dict[str, object], found: list[str]) -> None:
    answer = get(etl, TASKS, order_by="task_id", **query)
    assert names(answer) == found
    assert answer["total_entries"] == len(found)


def test_lists_have_an_order_and_pages(etl: ApiStage) -> None:
    assert names(get(etl, TASKS)) == ["extract", "load", "part0", "part1", "part2"]
    assert names(get(etl, TASKS, order_by="-start_date")) == ["part1", "part0", "extract", "part2", "load"]
    assert names(get(etl, TASKS, order_by=["-state", "-map_index"]))[0] == "part1"
    assert names(get(etl, TASKS, limit=2, offset=3)) == ["part1", "part2"]
    seen, cursor = [], ""
    while cursor is not None:
        page = get(etl, TASKS, limit=2, cursor=cursor, order_by="-task_id")
        seen += names(page)
        cursor = page["next_cursor"]
    assert seen == ["part2", "part1", "part0", "load", "extract"]
    assert "'nonsense'" in get(etl, TASKS, 400, order_by="nonsense")["detail"]
    get(etl, TASKS, 400, cursor="nonsense")
    assert "'odd'" in get(etl, TASKS, 400, state="odd")["detail"]
    get(etl, TASKS, 422, duration_gte="inf")


def test_instances_of_a_mapped_task_are_listed(etl: ApiStage) -> None:
    path = f"{TASKS}/part/listMapped"
    assert names(get(etl, path)) == ["part0", "part1", "part2"]
    assert names(get(etl, path, state="success", order_by="-map_index")) == ["part1", "part0"]
    assert "not mapped" in get(etl, f"{TASKS}/extract/listMapped", 404)["detail"]
    get(etl, f"{TASKS}/nothing/listMapped", 404)


def test_a_list_is_asked_for_in_a_body(etl: ApiStage) -> None:
    path = "/dags/~/dagRuns/~/taskInstances/list"
    body = {"dag_ids": ["etl", "\0"], "state": [None, "queued"], "order_by": "-task_id", "page_limit": 5}
    assert names(send(etl, "POST", path, body=body)) == ["part2", "load"]
    assert names(send(etl, "POST", path, body={"pool": ["small"], "page_offset": 1, "page_limit": 1})) == ["part1"]
    assert names(send(etl, "POST", path, body={"dag_run_ids": ["x"]})) == []
    assert names(send(etl, "POST", path, body={"task_ids": ["load"], "duration_lt": 4})) == []
    send(etl, "POST", path, 422, body={"speed": 1})
    assert names(send(etl, "POST", path, body={"dag_ids": ["\ud800"]})) == []
    send(etl, "POST", path, 422, body={"start_date_gte": "soon"})
    send(etl, "POST", "/dags/etl/dagRuns/~/taskInstances/list", 422, body={})


def test_tries_come_from_the_attempts(etl: ApiStage) -> None:
    tries = get(etl, f"{TASKS}/extract/tries")
    assert tries["total_entries"] == 2
    first, second = tries["task_instances"]
    assert (first["try_number"], first["state"], first["duration"]) == (1, "failed", 2.0)
    assert (first["start_date"], first["hostname"]) == ("2024-01-01T00:00:00Z", "local")
    assert (second["try_number"], second["state"]) == (2, "success")
    assert "note" not in first
    assert get(etl, f"{TASKS}/extract/tries/1") == first
    assert get(etl, f"{TASKS}/extract/-1/tries/2") == second
    assert "no try 3" in get(etl, f"{TASKS}/extract/tries/3", 404)["detail"]
    assert [each["state"] for each in get(etl, f"{TASKS}/part/0/tries")["task_instances"]] == ["success"]
    assert [each["state"] for each in get(etl, f"{TASKS}/load/tries")["task_instances"]] == [None]


def test_a_try_that_failed_is_one_while_the_next_is_waited_for(stage: ApiStage) -> None:
    stage.load(dag("a", retries=1, retry_delay_seconds=50.0))
    begin(stage)
    finish(stage, "a", "failed", error="once")
    assert get(stage, f"{TASKS}/a")["state"] == "up_for_retry"
    [only] = get(stage, f"{TASKS}/a/tries")["task_instances"]
    assert (only["try_number"], only["state"]) == (1, "failed")


def test_why_a_task_waits_is_what_the_scheduler_says(etl: ApiStage) -> None:
    [why] = get(etl, f"{TASKS}/load/dependencies")["dependencies"]
    assert why["name"] == "upstream"
    assert "part" in why["reason"]
    assert get(etl, f"{TASKS}/extract/dependencies") == {"dependencies": []}
    start(etl, "part", 2)
    etl.wait(0)
    assert get(etl, f"{TASKS}/part/2/dependencies") == {"dependencies": []}
    etl.is_away = True
    get(etl, f"{TASKS}/load/dependencies", 503)


def test_who_else_holds_a_pool_is_for_those_who_may_see_it(stage: ApiStage) -> None:
    applied(stage, "pool.set", name="tiny", slots=1)
    stage.load(dag("canary_task", dag_id="canary_dag", pool="tiny"))
    stage.load(dag("a", pool="tiny"))
    begin(stage, "canary_dag")
    begin(stage)
    path = f"{TASKS}/a/dependencies"
    assert "canary_dag" in get(stage, path)["dependencies"][0]["reason"]
    be_scoped(stage, "etl")
    [why] = get(stage, path)["dependencies"]
    sentence = "Pool tiny has 0 of 1 slots free and it needs 1; held by 1 task."
    assert why == {"name": "pool_full", "reason": sentence}
    of = "run_id=r&task_id=a"
    for path in (f"task/page?{of}", f"task?{of}", "run/why?run_id=r", "overview"):
        said = stage.client.get(f"/ui/dags/etl/{path}")
        assert (said.status_code, sentence in said.text, "canary" in said.text) == (200, True, False), path
    home = stage.client.get("/ui/home").text
    assert (sentence in home, "canary" in home) == (True, False)


def be_scoped(stage: ApiStage, *dag_ids: str) -> None:
    """Somebody who may do anything, in these Dags alone."""
    resources = (Resource.TASK, Resource.LOG, Resource.XCOM, Resource.QUESTION, Resource.DAG, Resource.RUN)
    grant = Grant(frozenset(Action), frozenset(resources), DagScope(ids=frozenset(dag_ids)))
    stage.gate.be("kim", Role("some", (grant,)))


def test_whoever_may_see_one_dag_sees_nothing_of_another(etl: ApiStage) -> None:
    etl.load(dag("canary_task", dag_id="canary_dag"))
    begin(etl, "canary_dag", "canary_run")
    be_scoped(etl, "etl")
    for path in (
        "/dags/~/dagRuns/~/taskInstances",
        "/dags/~/dagRuns/canary_run/taskInstances",
        "/dags/~/dagRuns/~/taskInstances?pool=default_pool",
    ):
        answer = etl.client.get(f"/api/v2{path}")
        assert answer.status_code == 200
        assert "canary_task" not in answer.text
        assert "canary_dag" not in answer.text
    batch = send(etl, "POST", "/dags/~/dagRuns/~/taskInstances/list", body={"dag_ids": ["canary_dag", "etl"]})
    assert {each["dag_id"] for each in batch["task_instances"]} == {"etl"}
    for path in ("", "/canary_task", "/canary_task/tries", "/canary_task/dependencies", "/canary_task/listMapped"):
        get(etl, f"/dags/canary_dag/dagRuns/canary_run/taskInstances{path}", 404)
    etl.gate.be("lee", "Public")
    get(etl, TASKS, 403)


def test_a_long_list_costs_as_many_queries_as_a_short_one(etl: ApiStage) -> None:
    from sqlalchemy import event

    counted: list[str] = []
    event.listen(etl.reading, "before_cursor_execute", lambda *args: counted.append(args[2]))
    get(etl, TASKS, limit=1)
    short, counted[:] = len(counted), []
    get(etl, TASKS, limit=50)
    assert len(counted) <= short <= 9


def test_a_deferred_task_shows_its_trigger_without_what_it_was_given(stage: ApiStage) -> None:
    from tradewind.wire.messages import Deferral

    stage.load(dag("a"))
    begin(stage)
    wait = Deferral(classpath="some.Trigger", kwargs=b'{"token": "hunter2"}', method="go_on")
    finish(stage, "a", "deferred", defer=wait)
    found = get(stage, f"{TASKS}/a")
    assert found["state"] == "deferred"
    assert found["trigger"]["classpath"] == "some.Trigger"
    assert found["trigger"]["kwargs"] == '{"token": "***"}'
    assert "hunter2" not in str(get(stage, TASKS))
