"""Variables over HTTP."""

import json

import pytest

from tradewind.store import queries
from tradewind.testing.api_stage import ApiStage

URL = "/api/v2/variables"


@pytest.fixture
def variables(stage: ApiStage) -> ApiStage:
    for key, value in (("region", "kr"), ("api_key", "canary-1"), ("limits", {"rows": 3, "token": "canary-2"})):
        assert stage.client.post(URL, json={"key": key, "value": value}).status_code == 201
    return stage


def stored(stage: ApiStage, key: str) -> str | None:
    with stage.reading.connect() as connection:
        return queries.variable(connection, key)


def test_a_variable_is_made_shown_changed_and_deleted(stage: ApiStage) -> None:
    body = {"key": "region", "value": "kr", "description": "where"}
    shown = {"key": "region", "value": "kr", "description": "where", "is_encrypted": True, "team_name": None}
    made = stage.client.post(URL, json=body)
    assert (made.status_code, made.json()) == (201, shown)
    assert stage.client.get(f"{URL}/region").json() == shown
    changed = stage.client.patch(f"{URL}/region", json={"key": "region", "value": "jp", "description": None})
    assert changed.json() == {**shown, "value": "jp", "description": None}
    gone = stage.client.delete(f"{URL}/region")
    assert (gone.status_code, gone.content) == (204, b"")
    assert stage.client.get(f"{URL}/region").status_code == 404
    assert stage.client.delete(f"{URL}/region").status_code == 404


def test_secrets_are_never_shown_and_stay_when_they_come_back_masked(variables: ApiStage) -> None:
    """S24"""
    rows = {row["key"]: row["value"] for row in variables.client.get(URL).json()["variables"]}
    assert rows == {"api_key": "***", "limits": '{"rows": 3, "token": "***"}', "region": "kr"}
    variables.client.patch(f"{URL}/api_key", json={"key": "api_key", "value": "***", "description": "d"})
    assert stored(variables, "api_key") == "canary-1"
    variables.client.patch(f"{URL}/limits", json={"key": "limits", "value": {"rows": 5, "token": "***"}})
    assert json.loads(stored(variables, "limits") or "") == {"rows": 5, "token": "canary-2"}
    variables.client.patch(f"{URL}/api_key", json={"key": "api_key", "value": "new"})
    assert stored(variables, "api_key") == "new"


def test_no_secret_stands_in_the_rows_of_commands_or_events(variables: ApiStage) -> None:
    """S24"""
    with variables.reading.connect() as connection:
        for table in ("command", "event"):
            rows = str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())
            assert "api_key" in rows
            assert "canary" not in rows


def test_what_the_mask_does_not_name_stays(variables: ApiStage) -> None:
    body = {"key": "region", "value": "jp", "description": "where"}
    answer = variables.client.patch(f"{URL}/region", json=body, params={"update_mask": ["description"]})
    assert (answer.json()["value"], answer.json()["description"]) == ("kr", "where")
    answer = variables.client.patch(f"{URL}/region", json=body, params={"update_mask": ["speed"]})
    assert answer.status_code == 400
    assert "'speed'" in answer.json()["detail"]
    other = variables.client.patch(f"{URL}/region", json={"key": "other", "value": "x"})
    assert other.status_code == 400
    assert variables.client.patch(f"{URL}/none", json={"key": "none", "value": "x"}).status_code == 404


def test_a_key_that_is_taken_is_a_conflict(variables: ApiStage) -> None:
    answer = variables.client.post(URL, json={"key": "region", "value": "jp"})
    assert answer.status_code == 409
    assert stored(variables, "region") == "kr"


def test_variables_are_listed_by_what_is_asked_for(variables: ApiStage) -> None:
    def keys(**query: object) -> list[str]:
        answer = variables.client.get(URL, params=query)  # type: ignore[arg-type]
        assert answer.status_code == 200, answer.text
        return [row["key"] for row in answer.json()["variables"]]

    assert keys() == ["api_key", "limits", "region"]
    assert keys(order_by="-key", limit=2) == ["region", "limits"]
    assert keys(limit=1, offset=1) == ["limits"]
    assert keys(variable_key_pattern="IMIT|egio") == ["limits", "region"]
    assert keys(variable_key_prefix_pattern="api_") == ["api_key"]
    assert keys(variable_key_prefix_pattern="apiX") == []
    assert variables.client.get(URL, params={"order_by": "value"}).status_code == 400


def test_several_are_changed_in_one_call_and_each_says_what_became_of_it(variables: ApiStage) -> None:
    actions = [
        {"action": "create", "entities": [{"key": "a", "value": 1}, {"key": "region", "value": "x"}]},
        {"action": "create", "entities": [{"key": "region", "value": "jp"}], "action_on_existence": "overwrite"},
        {"action": "create", "entities": [{"key": "limits", "value": 1}], "action_on_existence": "skip"},
        {"action": "update", "entities": [{"key": "none", "value": 1}, {"key": "a", "value": 2}]},
        {"action": "delete", "entities": ["limits", {"key": "gone", "value": 1}], "action_on_non_existence": "skip"},
    ]
    answer = variables.client.patch(URL, json={"actions": actions})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["create"]["success"] == ["a", "region"]
    assert [error["status_code"] for error in body["create"]["errors"]] == [409]
    assert (body["update"]["success"], body["update"]["errors"][0]["status_code"]) == (["a"], 404)
    assert body["delete"] == {"success": ["limits"], "errors": []}
    assert (stored(variables, "a"), stored(variables, "region"), stored(variables, "limits")) == ("2", "jp", None)


def test_who_may_not_is_refused(variables: ApiStage) -> None:
    variables.gate.be("lee", "User")
    assert variables.client.get(URL).status_code == 403
    assert variables.client.post(URL, json={"key": "k", "value": "v"}).status_code == 403
    assert variables.client.patch(URL, json={"actions": []}).status_code == 403
    assert variables.client.delete(f"{URL}/region").status_code == 403
    variables.gate.be("op", "Op")
    assert variables.client.get(URL).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"key": "k"}, 422),
        ({"key": "k" * 251, "value": 1}, 422),
        ({"key": "", "value": 1}, 400),
        ({"key": 3, "value": 1}, 422),
        ({"key": "k", "value": 1, "speed": 1}, 422),
        ({"key": "k", "value": 1, "team_name": "a"}, 400),
        ({"key": "k\0", "value": "1"}, 400),
        ({"key": "k", "value": {"a": ["\ud800"]}}, 400),
        ([], 422),
    ],
)
def test_nonsense_is_refused_with_its_reason(stage: ApiStage, body: object, status: int) -> None:
    content = json.dumps(body)
    answer = stage.client.post(URL, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status, answer.text
    assert answer.json()["detail"]


def test_without_a_scheduler_variables_are_shown_and_not_changed(variables: ApiStage) -> None:
    variables.is_away = True
    assert variables.client.get(f"{URL}/region").json()["value"] == "kr"
    assert variables.client.delete(f"{URL}/region").status_code == 503
    body = {"actions": [{"action": "delete", "entities": ["region"]}]}
    assert variables.client.patch(URL, json=body).status_code == 503
