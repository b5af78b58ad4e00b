"""What people do to task instances over HTTP: mark, note, clear, delete; one and several."""

from __future__ import annotations

from typing import Any

import pytest
from task_play import applied, begin, finish, get, names, send, start
from test_task_instances import be_scoped

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.core.dag import GroupSpec
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand

TASKS = "/dags/etl/dagRuns/r/taskInstances"
CLEAR = "/dags/etl/clearTaskInstances"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    """Two runs: in r `a` has succeeded and `part` is ready; nothing of `later` has begun."""
    groups = (GroupSpec(group_id="g", task_ids=("part", "z")),)
    stage.load(dag("a >> part >> z", tasks={"part": {"map": expand(x=3)}}, groups=groups))
    begin(stage, logical_date="2024-01-01")
    finish(stage, "a")
    return stage


def states(stage: ApiStage, run_id: str = "r", dag_id: str = "etl") -> dict[str, str]:
    rows = get(stage, f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", order_by="task_id")
    return dict(zip(names(rows), (each["state"] for each in rows["task_instances"]), strict=True))


def fail_all(stage: ApiStage) -> None:
    for index in range(3):
        finish(stage, "part", "failed_for_good", map_index=index)


# --- mark and note ---


def test_a_task_is_marked_and_the_answer_has_it(etl: ApiStage) -> None:
    answer = send(etl, "PATCH", f"{TASKS}/part", body={"new_state": "success"}, map_index=1)
    assert names(answer) == ["part1"]
    assert answer["task_instances"][0]["state"] == "success"
    assert answer["total_entries"] == 1
    assert states(etl) == {"a": "success", "part0": "queued", "part1": "success", "part2": "queued", "z": None}
    send(etl, "PATCH", f"{TASKS}/part/0", body={"new_state": "failed"})
    send(etl, "PATCH", f"{TASKS}/part/2", body={"new_state": "skipped"})
    assert states(etl) == {
        "a": "success", "part0": "failed", "part1": "success", "part2": "skipped", "z": "upstream_failed",
    }  # fmt: skip


def test_marking_reaches_what_is_before_and_after_whole(etl: ApiStage) -> None:
    body = {"new_state": "success", "include_downstream": True}
    planned = send(etl, "PATCH", f"{TASKS}/part/1/dry_run", body=body)
    assert names(planned) == ["part1", "z"]
    assert states(etl)["z"] is None, "only said"
    assert names(send(etl, "PATCH", f"{TASKS}/part/1", body=body)) == ["part1", "z"]
    assert (states(etl)["part1"], states(etl)["z"], states(etl)["part0"]) == ("success", "success", "queued")


def test_what_changes_nothing_or_cannot_be_is_refused(etl: ApiStage) -> None:
    assert "already" in send(etl, "PATCH", f"{TASKS}/a", 409, body={"new_state": "success"})["detail"]
    assert names(send(etl, "PATCH", f"{TASKS}/a/dry_run", body={"new_state": "success"})) == [], "that is the answer"
    assert "not running" in send(etl, "PATCH", f"{TASKS}/a", 400, body={"new_state": "running"})["detail"]
    send(etl, "PATCH", f"{TASKS}/a", 422, body={"new_state": "excellent"})
    send(etl, "PATCH", f"{TASKS}/a", 400, body={})
    send(etl, "PATCH", f"{TASKS}/none", 404, body={"new_state": "failed"})
    send(etl, "PATCH", f"{TASKS}/part/9", 404, body={"new_state": "failed"})
    send(etl, "PATCH", f"{TASKS}/a", 422, body={"note": "x" * 1001})
    send(etl, "PATCH", f"{TASKS}/a", 400, body={"note": "x"}, update_mask="colour")
    send(etl, "PATCH", "/dags/~/dagRuns/~/taskInstances/a", 400, body={"new_state": "failed"})


def test_a_note_is_kept_and_goes(etl: ApiStage) -> None:
    etl.gate.be("ann", "User")
    answer = send(etl, "PATCH", f"{TASKS}/part", body={"note": "looked at it 👀"})
    assert [each["note"] for each in answer["task_instances"]] == ["looked at it 👀"] * 3
    send(etl, "PATCH", f"{TASKS}/part/1", body={"note": None})
    assert [get(etl, f"{TASKS}/part/{n}")["note"] for n in (0, 1, 2)] == ["looked at it 👀", None, "looked at it 👀"]
    both = {"new_state": "failed", "note": "only this"}
    answer = send(etl, "PATCH", f"{TASKS}/part/2", body=both, update_mask="note")
    assert (answer["task_instances"][0]["note"], answer["task_instances"][0]["state"]) == ("only this", "queued")
    answer = send(etl, "PATCH", f"{TASKS}/part/2", body=both, update_mask="new_state")
    assert (answer["task_instances"][0]["note"], answer["task_instances"][0]["state"]) == ("only this", "failed")
    finish(etl, "part", map_index=0)
    assert get(etl, f"{TASKS}/part/0")["note"] == "looked at it 👀", "a note outlives the states of its task"


def test_a_group_is_marked(etl: ApiStage) -> None:
    path = "/dags/etl/dagRuns/r/taskGroupInstances/g"
    body = {"new_state": "success", "note": "all of it"}
    assert names(send(etl, "PATCH", f"{path}/dry_run", body=body)) == ["part0", "part1", "part2", "z"]
    assert states(etl)["z"] is None
    answer = send(etl, "PATCH", path, body=body)
    assert {each["state"] for each in answer["task_instances"]} == {"success"}
    assert {each["note"] for each in answer["task_instances"]} == {"all of it"}
    assert get(etl, "/dags/etl/dagRuns/r/taskInstances/a")["note"] is None
    send(etl, "PATCH", "/dags/etl/dagRuns/r/taskGroupInstances/h", 404, body=body)
    send(etl, "PATCH", "/dags/etl/dagRuns/none/taskGroupInstances/g", 404, body=body)


# --- clear ---


def test_clearing_is_only_said_unless_asked_for(etl: ApiStage) -> None:
    fail_all(etl)
    answer = send(etl, "POST", CLEAR, body={"dag_run_id": "r"})
    assert names(answer) == ["part0", "part1", "part2", "z"]
    assert states(etl)["z"] == "upstream_failed"
    answer = send(etl, "POST", CLEAR, body={"dag_run_id": "r", "dry_run": False, "note": "again"})
    assert names(answer) == ["part0", "part1", "part2", "z"]
    assert {each["note"] for each in answer["task_instances"]} == {"again"}
    assert states(etl)["part0"] == "queued"
    assert states(etl)["z"] is None


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ({"only_failed": False}, ["a", "part0", "part1", "part2", "z"]),
        ({"only_failed": False, "task_ids": ["z"]}, ["z"]),
        ({"only_failed": False, "task_ids": [["part", 1]]}, ["part1"]),
        ({"only_failed": False, "task_ids": [["part", 1], "part"]}, ["part0", "part1", "part2"]),
        ({"only_failed": False, "task_ids": [["part", 1]], "include_downstream": True}, ["part1", "z"]),
        ({"only_failed": False, "task_ids": ["z"], "include_upstream": True}, ["a", "part0", "part1", "part2", "z"]),
        ({"only_running": True, "only_failed": False}, []),
        ({"task_ids": ["part"]}, ["part0", "part1", "part2"]),
    ],
)  # fmt: skip
def test_clearing_chooses(etl: ApiStage, body: dict[str, Any], found: list[str]) -> None:
    fail_all(etl)
    assert names(send(etl, "POST", CLEAR, body={"dag_run_id": "r", **body})) == found


def test_clearing_goes_over_runs(etl: ApiStage) -> None:
    fail_all(etl)
    begin(etl, run_id="s", logical_date="2024-01-02")
    whole = {"only_failed": False, "task_ids": ["a"]}
    runs = lambda body: [each["dag_run_id"] for each in send(etl, "POST", CLEAR, body=body)["task_instances"]]  # noqa: E731
    assert runs({**whole, "dag_run_id": "r", "include_future": True}) == ["r", "s"]
    assert runs({**whole, "dag_run_id": "s", "include_past": True}) == ["r", "s"]
    assert runs({**whole, "start_date": "2024-01-02"}) == ["s"]
    assert runs({**whole, "end_date": "2024-01-01T12:00:00Z"}) == ["r"]
    assert runs(whole) == ["r", "s"]
    for wrong in (
        {"include_past": True}, {"dag_run_id": "r", "start_date": "2024-01-02"}, {"task_ids": []},
    ):  # fmt: skip
        send(etl, "POST", CLEAR, 400, body=wrong)
    send(etl, "POST", CLEAR, 404, body={"dag_run_id": "none"})
    send(etl, "POST", CLEAR, 404, body={"task_ids": ["none"]})
    send(etl, "POST", CLEAR, 422, body={"task_ids": [["part", "x"]]})
    send(etl, "POST", CLEAR, 422, body={"colour": "red"})
    send(etl, "POST", "/dags/~/clearTaskInstances", 400, body={})


def test_what_runs_is_left_alone_where_that_is_asked_for(etl: ApiStage) -> None:
    start(etl, "part", 0)
    body = {"dag_run_id": "r", "only_failed": False, "prevent_running_task": True, "dry_run": False}
    answer = send(etl, "POST", CLEAR, 409, body=body)
    assert "'part'" in answer["detail"]
    assert states(etl)["a"] == "success"
    send(etl, "POST", CLEAR, body={**body, "task_ids": ["a"]})
    assert states(etl)["a"] == "queued"


def test_a_run_that_is_over_cannot_stay_so_when_its_tasks_run_again(etl: ApiStage) -> None:
    fail_all(etl)
    body = {"dag_run_id": "r", "reset_dag_runs": False}
    assert "reset_dag_runs" in send(etl, "POST", CLEAR, 400, body=body)["detail"]
    begin(etl, run_id="s")
    send(etl, "POST", CLEAR, body={**body, "dag_run_id": "s", "only_failed": False})


def test_clearing_never_reaches_a_dag_that_the_caller_may_not_change(stage: ApiStage) -> None:
    marker = {
        "external_dag_id": "canary_dag", "external_task_id": "canary_task", "logical_date": "2024-01-01T00:00:00",
        "recursion_depth": 3,
    }  # fmt: skip
    stage.load(dag("canary_task", dag_id="canary_dag"))
    stage.load(dag("a >> m", tasks={"m": {"extra": {"marker": marker}}}))
    for dag_id in ("canary_dag", "etl"):
        begin(stage, dag_id, logical_date="2024-01-01")
        applied(stage, "run.mark", dag_id=dag_id, run_id="r", state="success")
    body = {"dag_run_id": "r", "only_failed": False, "include_downstream": True, "dry_run": False}
    be_scoped(stage, "etl")
    refused = send(stage, "POST", CLEAR, 403, body=body)
    assert "canary" not in str(refused)
    assert send(stage, "POST", CLEAR, body={**body, "include_downstream": False})["total_entries"] == 2
    stage.gate.be("ann", "User")
    assert names(send(stage, "POST", CLEAR, body=body)) == ["canary_task", "a", "m"]


# --- delete, and several at once ---


def test_a_task_instance_is_deleted_when_its_run_is_over(etl: ApiStage) -> None:
    assert "not over" in send(etl, "DELETE", f"{TASKS}/a", 400)["detail"]
    fail_all(etl)
    assert send(etl, "DELETE", f"{TASKS}/part", map_index=1) is None
    assert send(etl, "DELETE", f"{TASKS}/a") is None
    get(etl, f"{TASKS}/a", 404)
    assert list(states(etl)) == ["part0", "part2", "z"]
    send(etl, "DELETE", f"{TASKS}/a", 404)
    send(etl, "POST", CLEAR, body={"dag_run_id": "r", "dry_run": False})
    assert states(etl)["a"] == "queued", "it is made anew when the run goes on"


def test_several_are_changed_each_by_itself(etl: ApiStage) -> None:
    begin(etl, run_id="s")
    body = {
        "actions": [
            {"action": "create", "entities": [{"task_id": "a"}]},
            {
                "action": "update",
                "entities": [
                    {"task_id": "part", "map_index": 1, "new_state": "success"},
                    {"task_id": "a", "new_state": "success"},
                    {"task_id": "none", "new_state": "failed"},
                    {"task_id": "a", "dag_run_id": "s", "new_state": "failed", "note": "there"},
                ],
            },
        ]
    }
    answer = send(etl, "PATCH", TASKS, body=body)
    assert answer["update"]["success"] == ["etl.r.part[1]", "etl.s.a"]
    assert [error["status_code"] for error in answer["update"]["errors"]] == [409, 404]
    assert [error["status_code"] for error in answer["create"]["errors"]] == [400]
    assert "delete" not in answer
    assert (states(etl)["part1"], states(etl, "s")["a"]) == ("success", "failed")
    assert get(etl, "/dags/etl/dagRuns/s/taskInstances/a")["note"] == "there"


def test_several_are_deleted(etl: ApiStage) -> None:
    fail_all(etl)
    skipping = {"action": "delete", "entities": ["a", "a", {"task_id": "part", "map_index": 2}, {"task_id": "part"}]}
    answer = send(etl, "PATCH", TASKS, body={"actions": [{**skipping, "action_on_non_existence": "skip"}]})
    assert answer["delete"] == {"success": ["etl.r.a", "etl.r.part[2]", "etl.r.part"], "errors": []}
    assert list(states(etl)) == ["z"]
    answer = send(etl, "PATCH", TASKS, body={"actions": [{"action": "delete", "entities": ["a"]}]})
    assert answer["delete"]["errors"][0]["status_code"] == 404
    send(etl, "PATCH", TASKS, 422, body={"actions": [{"action": "burn", "entities": []}]})


def test_what_a_body_names_is_looked_at_like_what_a_path_names(etl: ApiStage) -> None:
    etl.load(dag("canary_task", dag_id="canary_dag"))
    begin(etl, "canary_dag")
    be_scoped(etl, "etl")
    entity = {"task_id": "canary_task", "dag_id": "canary_dag", "dag_run_id": "r"}
    for path in (TASKS, "/dags/~/dagRuns/~/taskInstances"):
        for action in ({"action": "update"}, {"action": "delete"}):
            body = {"actions": [{**action, "entities": [{**entity, "new_state": "failed"}]}]}
            answer = send(etl, "PATCH", path, body=body)[action["action"]]
            assert answer["success"] == []
            assert answer["errors"][0]["status_code"] == 404
    answer = send(
        etl, "PATCH", "/dags/~/dagRuns/~/taskInstances",
        body={"actions": [{"action": "update", "entities": [{"task_id": "a", "new_state": "failed"}]}]},
    )  # fmt: skip
    assert "name its dag_id" in answer["update"]["errors"][0]["error"]
    etl.gate.be("admin", "Admin")
    assert states(etl, dag_id="canary_dag") == {"canary_task": "queued"}


def test_whoever_may_edit_may_not_delete_by_that(etl: ApiStage) -> None:
    fail_all(etl)
    edits = Grant(frozenset({Action.READ, Action.EDIT}), frozenset({Resource.TASK}), DagScope(ids=frozenset({"etl"})))
    etl.gate.be("kim", Role("edits", (edits,)))
    send(etl, "DELETE", f"{TASKS}/a", 403)
    answer = send(etl, "PATCH", TASKS, body={"actions": [{"action": "delete", "entities": ["a"]}]})
    assert answer["delete"]["errors"][0]["status_code"] == 403
    send(etl, "PATCH", f"{TASKS}/a", body={"new_state": "failed"})


def test_a_viewer_changes_nothing(etl: ApiStage) -> None:
    etl.gate.be("lee", "Viewer")
    body = {"new_state": "failed"}
    for method, path in (
        ("PATCH", f"{TASKS}/a"), ("PATCH", f"{TASKS}/a/dry_run"), ("PATCH", f"{TASKS}/part/1"),
        ("PATCH", "/dags/etl/dagRuns/r/taskGroupInstances/g"), ("DELETE", f"{TASKS}/a"), ("POST", CLEAR),
        ("PATCH", TASKS),
    ):  # fmt: skip
        send(etl, method, path, 403, body=None if method == "DELETE" else body)
    assert names(get(etl, TASKS))
    etl.gate.be("ann", "User")
    etl.is_away = True
    send(etl, "PATCH", f"{TASKS}/a", 503, body=body)
    send(etl, "POST", CLEAR, 503, body={"dag_run_id": "r"})
