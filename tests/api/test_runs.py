"""Runs over HTTP."""

from __future__ import annotations

import json
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from typing import Any

import pytest
from play import at, do, end
from sqlalchemy.event import listen

from tradewind.core.access import ALL_ACTIONS, READING, Action, DagScope, Grant, Resource, Role
from tradewind.core.decisions import PutRow
from tradewind.core.timetables import TimetableSpec
from tradewind.scheduler.owner import Rows
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


def listed(stage: ApiStage, path: str = RUNS, **query: Any) -> list[str]:
    answer = stage.client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return [run["dag_run_id"] for run in answer.json()["dag_runs"]]


@pytest.fixture
def runs(etl: ApiStage) -> ApiStage:
    """Three runs of etl, one of weather; on each of which a day passes."""
    etl.load(dag("x", dag_id="weather", tags=("kma",), file="kma/weather.py"))
    make(etl, "r1", logical_date="2023-01-01", conf={"city": "서울", "n": 1})
    end(etl)
    end(etl)
    etl.wait(86_400)
    make(etl, "r2", logical_date="2023-01-02", note="canary-etl", triggered_by="rest_api")
    etl.wait(10)
    end(etl)
    end(etl, "failed_for_good")
    etl.wait(86_390)
    do(etl, "run.create", actor="lee", dag_id="etl", run_id="r3", conf={"city": "busan"})
    make(etl, "w1", dag_id="weather", note="canary-weather")
    return etl


def test_runs_are_listed_by_what_is_asked_for(runs: ApiStage) -> None:
    assert listed(runs) == ["r1", "r2", "r3"]
    assert listed(runs, order_by="-id") == ["r3", "r2", "r1"]
    assert listed(runs, order_by="-logical_date") == ["r2", "r1", "r3"], "what has none comes last"
    assert listed(runs, order_by=["state", "-dag_run_id"]) == ["r2", "r3", "r1"]
    assert listed(runs, order_by="-duration") == ["r2", "r1", "r3"]
    assert listed(runs, limit=1, offset=1) == ["r2"]
    assert listed(runs, state=["failed", "success"]) == ["r1", "r2"]
    assert listed(runs, state="none") == []
    assert listed(runs, run_type="manual", logical_date_gte="2023-01-02T00:00:00Z") == ["r2"]
    assert listed(runs, logical_date_gt="2023-01-01", logical_date_lt="2023-01-02") == []
    assert listed(runs, start_date_lte="2024-01-01T00:00:00+00:00") == ["r1"]
    assert listed(runs, end_date_gte="2024-01-02T00:00:00Z") == ["r2"]
    assert listed(runs, updated_at_gte="2024-01-02T00:00:10Z") == ["r2", "r3"]
    assert listed(runs, duration_gte=10) == ["r2"]
    assert listed(runs, duration_lt=10) == ["r1"]
    assert listed(runs, conf_contains="서울") == ["r1"]
    assert listed(runs, conf_contains="CITY") == ["r1", "r3"]
    assert listed(runs, conf_contains="%") == []
    assert listed(runs, run_id_pattern="R1 | 3") == ["r1", "r3"]
    assert listed(runs, run_id_prefix_pattern="R") == []
    assert listed(runs, triggering_user_name_pattern="le") == ["r3"]
    assert listed(runs, triggering_user_name_prefix_pattern="kim|lee") == ["r1", "r2", "r3"]
    assert listed(runs, dag_id_pattern="weather") == []
    assert listed(runs, dag_version=1) == ["r1", "r2", "r3"]
    assert listed(runs, dag_version=2) == []
    assert listed(runs, bundle_version="x") == []
    assert listed(runs, partition_key_pattern="x") == []
    assert listed(runs, consuming_asset_pattern="x") == []


def test_runs_of_every_dag_are_listed_with_the_wildcard_or_in_a_batch(runs: ApiStage) -> None:
    assert listed(runs, "/api/v2/dags/~/dagRuns") == ["r1", "r2", "r3", "w1"]
    assert listed(runs, "/api/v2/dags/~/dagRuns", dag_id_prefix_pattern="wea") == ["w1"]
    batch = runs.client.post(
        "/api/v2/dags/~/dagRuns/list",
        json={"dag_ids": ["etl", "weather"], "states": ["running", None], "order_by": "-run_id", "page_limit": 1},
    )
    assert batch.status_code == 200, batch.text
    assert [run["dag_run_id"] for run in batch.json()["dag_runs"]] == ["w1"]
    assert batch.json()["total_entries"] == 2
    assert runs.client.post("/api/v2/dags/etl/dagRuns/list", json={}).status_code == 422, "only for all Dags"
    none = runs.client.post("/api/v2/dags/~/dagRuns/list", json={"dag_ids": []})
    assert none.json()["dag_runs"] == []


def test_runs_are_walked_by_cursor_in_both_directions(runs: ApiStage) -> None:
    first = runs.client.get(RUNS, params={"cursor": "", "limit": 2}).json()
    assert ([run["dag_run_id"] for run in first["dag_runs"]], first["total_entries"]) == (["r1", "r2"], None)
    second = runs.client.get(RUNS, params={"cursor": first["next_cursor"], "limit": 2}).json()
    assert ([run["dag_run_id"] for run in second["dag_runs"]], second["next_cursor"]) == (["r3"], None)
    back = runs.client.get(RUNS, params={"cursor": second["previous_cursor"], "limit": 2}).json()
    assert [run["dag_run_id"] for run in back["dag_runs"]] == ["r1", "r2"]
    assert runs.client.get(RUNS, params={"cursor": "bm9uZQ"}).status_code == 400
    for forged in (["x", 1], [1, "x"], [2**70, 1], [1.5, 1], [True, 1], [{}, 1], [1]):
        cursor = b64encode(json.dumps([False, *forged]).encode()).decode().rstrip("=")
        assert runs.client.get(RUNS, params={"cursor": cursor}).status_code == 400, forged
    text = b64encode(json.dumps([False, "\ud800", 1]).encode()).decode().rstrip("=")
    assert runs.client.get(RUNS, params={"cursor": text, "order_by": "state"}).status_code == 400


def only(*dag_ids: str, actions: frozenset[Action] = ALL_ACTIONS) -> Role:
    return Role("some", (Grant(actions, frozenset(Resource), DagScope(ids=frozenset(dag_ids))),))


def test_whoever_may_see_one_dag_sees_and_changes_nothing_of_another(runs: ApiStage) -> None:
    runs.gate.be("kim", only("etl"))
    everything = "/api/v2/dags/~/dagRuns"
    assert listed(runs, everything) == ["r1", "r2", "r3"]
    assert listed(runs, everything, dag_id_pattern="weather") == []
    other = "/api/v2/dags/weather/dagRuns"
    named = {"dag_run_id": "w1", "dag_id": "weather"}
    for method, path, body in (
        ("GET", other, None),
        ("GET", f"{other}/w1", None),
        ("GET", f"{other}/w1/wait?interval=1", None),
        ("POST", other, {"logical_date": None}),
        ("PATCH", f"{other}/w1", {"note": "x"}),
        ("DELETE", f"{other}/w1", None),
        ("POST", f"{other}/w1/clear", {}),
        ("POST", "/api/v2/dags/weather/clearDagRuns", {"dag_runs": [named]}),
        ("POST", "/api/v2/dags/~/clearDagRuns", {"dag_runs": [named]}),
        ("POST", "/api/v2/dags/weather/clearPartitions", {"run_id": "w1"}),
    ):
        answer = runs.client.request(method, path, json=body)
        assert answer.status_code == 404, (method, path, answer.text)
        assert "canary" not in answer.text
    batch = runs.client.post("/api/v2/dags/~/dagRuns/list", json={"dag_ids": ["weather"]})
    assert (batch.json()["dag_runs"], batch.json()["total_entries"]) == ([], 0)
    update = {"action": "update", "entities": [{**named, "note": "x"}], "action_on_non_existence": "skip"}
    delete = {"action": "delete", "entities": [named]}
    bulk = runs.client.patch(everything, json={"actions": [update, delete]}).json()
    assert bulk["update"]["success"] == bulk["delete"]["success"] == []
    assert [error["status_code"] for error in bulk["update"]["errors"] + bulk["delete"]["errors"]] == [404, 404]
    runs.gate.be("admin", "Admin")
    assert runs.client.get(f"{other}/w1").json()["note"] == "canary-weather"


def test_a_viewer_changes_no_run(runs: ApiStage) -> None:
    runs.gate.be("lee", "Viewer")
    for method, path, body in (
        ("POST", RUNS, {"logical_date": None}),
        ("PATCH", f"{RUNS}/r1", {"note": "x"}),
        ("PATCH", RUNS, {"actions": []}),
        ("DELETE", f"{RUNS}/r1", None),
        ("POST", f"{RUNS}/r1/clear", {}),
        ("POST", "/api/v2/dags/etl/clearDagRuns", {"dag_runs": [{"dag_run_id": "r1"}]}),
        ("POST", "/api/v2/dags/etl/clearPartitions", {"run_id": "r1"}),
    ):
        assert runs.client.request(method, path, json=body).status_code == 403, (method, path)


def test_deleting_in_bulk_needs_the_right_to_delete(runs: ApiStage) -> None:
    runs.gate.be("kim", only("etl", actions=frozenset({Action.READ, Action.EDIT})))
    actions = [
        {"action": "update", "entities": [{"dag_run_id": "r1", "note": "x"}]},
        {"action": "delete", "entities": ["r1"]},
    ]
    answer = runs.client.patch(RUNS, json={"actions": actions}).json()
    assert answer["update"] == {"success": ["etl.r1"], "errors": []}
    assert [error["status_code"] for error in answer["delete"]["errors"]] == [403]
    assert listed(runs) == ["r1", "r2", "r3"]


def test_several_runs_are_changed_in_one_call_each_by_itself(runs: ApiStage) -> None:
    actions = [
        {
            "action": "update",
            "entities": [
                {"dag_id": "etl", "dag_run_id": "r3", "state": "failed", "note": "stop"},
                {"dag_id": "etl", "dag_run_id": "none", "note": "x"},
                {"dag_run_id": "r1", "note": "of which Dag?"},
            ],
        },
        {"action": "delete", "entities": [{"dag_id": "etl", "dag_run_id": "r1"}, "r2"]},
        {"action": "create", "entities": [{"dag_id": "etl", "dag_run_id": "new"}]},
    ]
    answer = runs.client.patch("/api/v2/dags/~/dagRuns", json={"actions": actions})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["update"]["success"] == ["etl.r3"]
    assert [error["status_code"] for error in body["update"]["errors"]] == [404, 400]
    assert body["delete"]["success"] == ["etl.r1"]
    assert "with ~ in the path" in body["delete"]["errors"][0]["error"]
    assert "cannot be made in bulk" in body["create"]["errors"][0]["error"]
    run = runs.client.get(f"{RUNS}/r3").json()
    assert (run["state"], run["note"]) == ("failed", "stop")
    skipped = {"action": "delete", "entities": ["none"], "action_on_non_existence": "skip"}
    assert runs.client.patch(RUNS, json={"actions": [skipped]}).json() == {"delete": {"success": [], "errors": []}}


def test_what_a_run_is_asked_for_with_is_checked(etl: ApiStage) -> None:
    etl.load(dag("x", dag_id="strict", params={"n": {"value": 1, "schema": {"type": "integer"}}},
                 extra={"allowed_run_types": ["manual"]}))  # fmt: skip
    etl.load(dag("x", dag_id="closed", extra={"allowed_run_types": ["scheduled"]}))

    def asked(dag_id: str = "etl", **body: Any) -> tuple[int, str]:
        answer = etl.client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, **body})
        return answer.status_code, answer.text

    assert etl.client.post(RUNS, json={}).status_code == 422, "logical_date is null, but it has to be said"
    assert asked(dag_id="none")[0] == 404
    assert asked(dag_id="strict", conf={"n": 2})[0] == 200
    status, text = asked(dag_id="strict", conf={"n": "two"})
    assert status == 400
    assert "param 'n'" in text
    status, text = asked(dag_id="closed")
    assert status == 400
    assert "allowed_run_types" in text
    assert asked(dag_run_id="../../etc/passwd")[0] == 400
    assert asked(dag_run_id="scheduled__x")[0] == 400
    assert asked(conf=[1])[0] == 422
    assert asked(data_interval_start="2024-01-01T00:00:00Z")[0] == 422
    interval = {"data_interval_start": "2024-01-01T00:00:00Z", "data_interval_end": "2024-01-03T00:00:00Z"}
    assert asked(**interval)[0] == 400, "a run without a logical date covers no data"
    status, text = asked(**interval, logical_date="2024-01-02T00:00:00", dag_run_id="spans")
    assert status == 200
    assert json.loads(text)["data_interval_end"] == "2024-01-03T00:00:00Z"
    assert asked(logical_date="2024-01-02T00:00:00Z")[0] == 409, "one run for each logical date"
    assert asked(logical_date="0001-01-01T00:00:00+14:00")[0] == 400
    assert asked(partition_key="x")[0] == 400
    assert asked(run_after="2024-01-02T00:00:00Z", dag_run_id="later")[0] == 200
    assert etl.client.get(f"{RUNS}/later").json()["state"] == "queued"


def test_the_same_request_with_its_key_makes_one_run(etl: ApiStage) -> None:
    key = {"Idempotency-Key": "one"}
    first = etl.client.post(RUNS, json={"logical_date": None}, headers=key).json()
    assert etl.client.post(RUNS, json={"logical_date": None}, headers=key).json() == first
    assert listed(etl) == [first["dag_run_id"]]


def test_a_run_of_a_dag_whose_file_is_broken_is_refused(etl: ApiStage) -> None:
    problem = {"file": "etl.py", "position": 0, "message": "no", "at": etl.now()}
    etl.scheduler.submit(Rows((PutRow("import_error", problem),)))
    etl.play()
    answer = etl.client.post(RUNS, json={"logical_date": None})
    assert answer.status_code == 400
    assert "cannot be imported" in answer.json()["detail"]


def test_a_run_is_cleared_after_showing_what_that_would_touch(etl: ApiStage) -> None:
    make(etl, "one")
    end(etl)
    end(etl, "failed_for_good")
    shown = etl.client.post(f"{RUNS}/one/clear", json={})
    assert shown.status_code == 200, shown.text
    assert [(task["task_id"], task["state"]) for task in shown.json()["task_instances"]] == [
        ("a", "success"), ("b", "failed")]  # fmt: skip
    shown = etl.client.post(f"{RUNS}/one/clear", json={"only_failed": True}).json()
    assert ([task["task_id"] for task in shown["task_instances"]], shown["total_entries"]) == (["b"], 1)
    assert etl.client.get(f"{RUNS}/one").json()["state"] == "failed", "nothing happened yet"
    cleared = etl.client.post(f"{RUNS}/one/clear", json={"only_failed": True, "dry_run": False, "note": "again"})
    assert (cleared.json()["state"], cleared.json()["note"]) == ("running", "again")
    assert end(etl) == ["b"]
    assert etl.client.get(f"{RUNS}/one").json()["state"] == "success"
    both = etl.client.post(f"{RUNS}/one/clear", json={"only_failed": True, "only_new": True})
    assert both.status_code == 422
    assert etl.client.post(f"{RUNS}/none/clear", json={}).status_code == 404


def test_a_run_takes_the_tasks_that_its_dag_got_since(etl: ApiStage) -> None:
    make(etl, "one")
    end(etl)
    end(etl)
    etl.load(dag("a >> b >> c", dag_id="etl", tasks={"c": {"extra": {"display_name": "Count"}}}))
    assert etl.client.post(f"{RUNS}/one/clear", json={"only_new": True}).json() == {
        "task_instances": [{"task_id": "c", "task_display_name": "Count"}], "total_entries": 1}  # fmt: skip
    taken = etl.client.post(f"{RUNS}/one/clear", json={"only_new": True, "dry_run": False})
    assert taken.json()["state"] == "running"
    assert [version["version_number"] for version in taken.json()["dag_versions"]] == [1, 2]
    assert end(etl) == ["c"], "what had run does not run again"
    assert etl.client.get(f"{RUNS}/one").json()["state"] == "success"
    none = etl.client.post(f"{RUNS}/one/clear", json={"only_new": True, "dry_run": False})
    assert none.json()["state"] == "success", "there is nothing new, so nothing happens"


def test_several_runs_are_cleared_in_one_call(runs: ApiStage) -> None:
    some = {"dag_runs": [{"dag_run_id": "r1", "note": "one"}, {"dag_run_id": "r2"}]}
    shown = runs.client.post("/api/v2/dags/etl/clearDagRuns", json=some).json()
    assert shown["total_entries"] == 4
    cleared = runs.client.post("/api/v2/dags/etl/clearDagRuns", json={**some, "dry_run": False}).json()
    assert [(run["dag_run_id"], run["state"], run["note"]) for run in cleared["dag_runs"]] == [
        ("r1", "running", "one"), ("r2", "running", "canary-etl")]  # fmt: skip
    missing = {"dag_runs": [{"dag_run_id": "r1"}, {"dag_run_id": "none"}], "dry_run": False}
    assert runs.client.post("/api/v2/dags/etl/clearDagRuns", json=missing).status_code == 404
    assert runs.client.post("/api/v2/dags/etl/clearDagRuns", json={}).status_code == 422
    assert runs.client.post("/api/v2/dags/~/clearDagRuns", json={"partition_key": "x"}).status_code == 400


def test_runs_leave_their_partition_and_run_once_more_if_asked(etl: ApiStage) -> None:
    runtime = TimetableSpec(kind="never", partitioned_at_runtime=True)
    etl.load(dag("a", dag_id="parts", timetable=runtime))
    parts = "/api/v2/dags/parts"
    for name in ("x", "y"):
        made = etl.client.post(
            f"{parts}/dagRuns", json={"logical_date": None, "dag_run_id": name, "partition_key": name}
        )
        assert made.json()["partition_key"] == name
    end(etl)
    assert listed(etl, f"{parts}/dagRuns", partition_key_prefix_pattern="x") == ["x"]
    only_shown = etl.client.post(f"{parts}/clearPartitions", json={"partition_key": "x"}).json()
    assert only_shown == {"dag_runs_cleared": 1, "task_instances_cleared": 0, "dry_run": True}
    assert listed(etl, f"{parts}/dagRuns", partition_key_pattern="x") == ["x"]
    body = {"partition_key": "x", "dry_run": False, "clear_task_instances": True}
    done = etl.client.post(f"{parts}/clearPartitions", json=body).json()
    assert done == {"dag_runs_cleared": 1, "task_instances_cleared": 1, "dry_run": False}
    run = etl.client.get(f"{parts}/dagRuns/x").json()
    assert (run["partition_key"], run["state"]) == (None, "running")
    again = etl.client.post(f"{parts}/clearPartitions", json={"run_id": "y", "dry_run": False}).json()
    assert again == {"dag_runs_cleared": 1, "task_instances_cleared": 0, "dry_run": False}
    assert etl.client.get(f"{parts}/dagRuns/y").json()["state"] == "success"
    cleared = etl.client.post(f"{parts}/clearDagRuns", json={"partition_key": "none"}).json()
    assert cleared == {"task_instances": [], "total_entries": 0}
    for wrong in ({}, {"run_id": "x", "partition_key": "x"},
                  {"partition_date_start": "2024-01-02", "partition_date_end": "2024-01-01"}):  # fmt: skip
        assert etl.client.post(f"{parts}/clearPartitions", json=wrong).status_code == 422, wrong


def test_a_list_costs_the_same_number_of_queries_however_long_it_is(runs: ApiStage) -> None:
    counted: list[str] = []

    def count(*args: Any) -> None:
        counted.append(args[2])

    listen(runs.reading, "before_cursor_execute", count)
    listed(runs, limit=1)
    one, counted[:] = len(counted), []
    for n in range(20):
        make(runs, f"more{n}")
    counted.clear()
    assert len(listed(runs, limit=50)) == 23
    assert len(counted) <= one


def test_without_a_scheduler_runs_are_shown_and_nothing_is_made(runs: ApiStage) -> None:
    runs.is_away = True
    assert listed(runs) == ["r1", "r2", "r3"]
    answer = runs.client.post(RUNS, json={"logical_date": None})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
