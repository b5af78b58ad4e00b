"""Tasks that ask people, over HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest
from task_play import begin, finish, get, send
from test_task_instances import be_scoped

from tradewind.core.access import Action, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.messages import Question

DETAIL = "/dags/etl/dagRuns/r/taskInstances/a/-1/hitlDetails"
ALL = "/dags/~/dagRuns/~/hitlDetails"
FORM = {"n": {"value": 5, "description": "how many", "schema": {"type": "integer", "minimum": 1}}}


def ask(stage: ApiStage, task_id: str = "a", **wish: Any) -> None:
    fields = {"subject": "Go on?", "options": ["Yes", "No"], "method": "execute_complete", **wish}
    finish(stage, task_id, "awaiting_input", ask=Question(**fields))


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    """`a` asks anybody, `b` asks Ann."""
    stage.load(dag("a; b", retries=1))
    begin(stage)
    ask(stage, body="Really, 100%?", params=json.dumps(FORM).encode(), defaults=["No"])
    ask(stage, "b", subject="Ann?", assigned=[["ann", "Ann Lee"]])
    return stage


def subjects(answer: Any) -> list[str]:
    return [each["subject"] for each in answer["hitl_details"]]


def test_a_question_is_shown_with_its_task(etl: ApiStage) -> None:
    found = get(etl, DETAIL)
    task = found.pop("task_instance")
    assert (task["task_id"], task["state"]) == ("a", "awaiting_input")
    assert found == {
        "options": ["Yes", "No"], "subject": "Go on?", "body": "Really, 100%?", "defaults": ["No"], "multiple": False,
        "params": FORM, "assigned_users": [], "created_at": "2024-01-01T00:00:02Z", "responded_by_user": None,
        "responded_at": None, "chosen_options": None, "params_input": {}, "response_received": False,
    }  # fmt: skip
    get(etl, "/dags/etl/dagRuns/r/taskInstances/none/-1/hitlDetails", 404)
    get(etl, "/dags/etl/dagRuns/r/taskInstances/a/2/hitlDetails", 404)


def test_an_answer_lets_the_task_go_on(etl: ApiStage) -> None:
    etl.gate.be("kim", "User")
    answer = send(etl, "PATCH", DETAIL, body={"chosen_options": ["Yes"], "params_input": {"n": 2}})
    assert answer == {
        "responded_by": {"id": "kim", "name": "kim"}, "responded_at": "2024-01-01T00:00:04Z",
        "chosen_options": ["Yes"], "params_input": {"n": 2},
    }  # fmt: skip
    found = get(etl, DETAIL)
    assert (found["response_received"], found["chosen_options"]) == (True, ["Yes"])
    assert found["responded_by_user"] == {"id": "kim", "name": "kim"}
    assert found["task_instance"]["state"] == "queued"
    assert "already" in send(etl, "PATCH", DETAIL, 409, body={"chosen_options": ["No"]})["detail"]
    history = get(etl, f"{DETAIL}/tries/1")
    assert (history["subject"], history["task_instance"]["try_number"]) == ("Go on?", 1)
    assert "note" not in history["task_instance"]
    get(etl, f"{DETAIL}/tries/2", 404)


def test_an_answer_that_does_not_fit_is_refused(etl: ApiStage) -> None:
    for body in (
        {"chosen_options": ["Perhaps"]}, {"chosen_options": []}, {"chosen_options": ["Yes", "No"]},
        {"chosen_options": ["Yes"], "params_input": {"n": 0}}, {"chosen_options": ["Yes"], "params_input": {"m": 1}},
        {"chosen_options": ["\ud800"]},
    ):  # fmt: skip
        send(etl, "PATCH", DETAIL, 400, body=body)
    send(etl, "PATCH", DETAIL, 422, body={"chosen_options": "Yes"})
    send(etl, "PATCH", DETAIL, 422, body={})
    assert get(etl, DETAIL)["response_received"] is False


def test_only_those_who_are_asked_may_answer(etl: ApiStage) -> None:
    path = "/dags/etl/dagRuns/r/taskInstances/b/-1/hitlDetails"
    etl.gate.be("kim", "Admin")
    assert "Ann Lee" in send(etl, "PATCH", path, 403, body={"chosen_options": ["Yes"]})["detail"]
    etl.gate.be("Ann Lee", "User")
    send(etl, "PATCH", path, 403, body={"chosen_options": ["Yes"]})
    etl.gate.be("ann", "User")
    answer = send(etl, "PATCH", path, body={"chosen_options": ["Yes"]})
    assert answer["responded_by"] == {"id": "ann", "name": "Ann Lee"}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["Go on?", "Ann?"]),
        ({"task_id": "b"}, ["Ann?"]),
        ({"task_id_pattern": "A"}, ["Go on?"]),
        ({"task_id_prefix_pattern": "b"}, ["Ann?"]),
        ({"dag_id_pattern": "etl"}, ["Go on?", "Ann?"]),
        ({"dag_id_prefix_pattern": "x"}, []),
        ({"map_index": 0}, []),
        ({"state": "awaiting_input"}, ["Ann?"]),
        ({"response_received": True}, ["Go on?"]),
        ({"response_received": False}, ["Ann?"]),
        ({"responded_by_user_id": "kim"}, ["Go on?"]),
        ({"responded_by_user_name": ["kim", "x"]}, ["Go on?"]),
        ({"responded_by_user_id": "ki"}, []),
        ({"responded_by_user_name": '"'}, []),
        ({"subject_search": "GO"}, ["Go on?"]),
        ({"body_search": "100%"}, ["Go on?"]),
        ({"body_search": "1%0"}, []),
        ({"created_at_gt": "2024-01-01T00:00:02Z"}, ["Ann?"]),
        ({"order_by": "-subject"}, ["Go on?", "Ann?"]),
        ({"order_by": "created_at", "limit": 1, "offset": 1}, ["Ann?"]),
    ],
)
def test_lists_are_narrowed(etl: ApiStage, query: dict[str, Any], found: list[str]) -> None:
    etl.gate.be("kim", "User")
    send(etl, "PATCH", DETAIL, body={"chosen_options": ["Yes"]})
    answer = get(etl, ALL, **query)
    assert subjects(answer) == found


def test_of_a_task_that_asks_again_the_newest_question_is_shown(etl: ApiStage) -> None:
    send(etl, "PATCH", DETAIL, body={"chosen_options": ["No"]})
    ask(etl, subject="And now?")
    assert subjects(get(etl, ALL, task_id="a")) == ["And now?"]
    assert get(etl, DETAIL)["subject"] == "And now?"


def test_questions_are_for_those_who_may_see_them_and_their_tasks(etl: ApiStage) -> None:
    etl.load(dag("canary_task", dag_id="canary_dag"))
    begin(etl, "canary_dag")
    ask(etl, "canary_task", subject="canary?")
    path = "/dags/canary_dag/dagRuns/r/taskInstances/canary_task/-1/hitlDetails"
    be_scoped(etl, "etl")
    assert "canary" not in etl.client.get(f"/api/v2{ALL}").text
    get(etl, path, 404)
    send(etl, "PATCH", path, 404, body={"chosen_options": ["Yes"]})
    etl.gate.be("kim", Role("asked", (Grant(frozenset({Action.READ}), frozenset({Resource.QUESTION})),)))
    assert subjects(get(etl, ALL)) == [], "their tasks are not theirs to see"
    get(etl, path, 404)
    etl.gate.be("lee", "Viewer")
    get(etl, path)
    send(etl, "PATCH", path, 403, body={"chosen_options": ["Yes"]})
