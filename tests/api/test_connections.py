"""Connections over HTTP."""

import json
from pathlib import Path

import pytest

from tradewind.config import load_settings
from tradewind.store import queries
from tradewind.testing.api_stage import ApiStage

URL = "/api/v2/connections"
LAKE = {
    "connection_id": "lake", "conn_type": "http", "host": "lake.example", "login": "me", "schema": "https",
    "port": 8443, "password": "canary-1", "extra": '{"region": "kr", "auth": {"api_key": "canary-2"}}',
    "description": "raw data",
}  # fmt: skip
SHOWN = {
    **LAKE, "password": "***", "extra": '{"region": "kr", "auth": {"api_key": "***"}}', "team_name": None,
}  # fmt: skip


@pytest.fixture
def lake(stage: ApiStage) -> ApiStage:
    made = stage.client.post(URL, json=LAKE)
    assert (made.status_code, made.json()) == (201, SHOWN)
    return stage


def stored(stage: ApiStage, conn_id: str = "lake") -> dict[str, object]:
    with stage.reading.connect() as connection:
        return queries.connection_named(connection, conn_id) or {}


def test_a_connection_is_shown_without_its_secrets(lake: ApiStage) -> None:
    """S24"""
    assert lake.client.get(f"{URL}/lake").json() == SHOWN
    listed = lake.client.get(URL)
    assert listed.json() == {"connections": [SHOWN], "total_entries": 1}
    assert "canary" not in listed.text
    with lake.reading.connect() as connection:
        for table in ("command", "event"):
            assert "canary" not in str(connection.exec_driver_sql(f"SELECT * FROM {table}").all())


def test_an_extra_that_is_no_object_is_hidden_whole(lake: ApiStage) -> None:
    with lake._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE connection SET extra = 'canary text'")
    assert lake.client.get(f"{URL}/lake").json()["extra"] == "***"


def test_what_comes_back_masked_stays_and_the_rest_changes(lake: ApiStage) -> None:
    changed = {**LAKE, "host": "other", "password": "***", "extra": '{"region": "jp", "auth": {"api_key": "***"}}'}
    answer = lake.client.patch(f"{URL}/lake", json=changed)
    assert answer.json() == {**SHOWN, "host": "other", "extra": '{"region": "jp", "auth": {"api_key": "***"}}'}
    row = stored(lake)
    assert row["password"] == "canary-1"
    assert json.loads(str(row["extra"])) == {"region": "jp", "auth": {"api_key": "canary-2"}}


def test_what_a_body_or_its_mask_leaves_out_stays(lake: ApiStage) -> None:
    lake.client.patch(f"{URL}/lake", json={"connection_id": "lake", "conn_type": "http", "port": None})
    assert (stored(lake)["port"], stored(lake)["password"], stored(lake)["schema"]) == (None, "canary-1", "https")
    mask = {"update_mask": ["password", "schema"]}
    lake.client.patch(f"{URL}/lake", json={**LAKE, "host": "x", "password": None, "schema": "ftp"}, params=mask)
    assert (stored(lake)["host"], stored(lake)["password"], stored(lake)["schema"]) == ("lake.example", None, "ftp")
    assert lake.client.get(f"{URL}/lake").json()["password"] is None
    answer = lake.client.patch(f"{URL}/lake", json={**LAKE, "connection_id": "other"})
    assert answer.status_code == 400


def test_connections_are_found_made_once_and_deleted(lake: ApiStage) -> None:
    lake.client.post(URL, json={"connection_id": "lab", "conn_type": "ssh"})
    assert lake.client.post(URL, json=LAKE).status_code == 409

    def ids(**query: object) -> list[str]:
        return [row["connection_id"] for row in lake.client.get(URL, params=query).json()["connections"]]  # type: ignore[arg-type]

    assert ids() == ["lab", "lake"]
    assert ids(order_by="-conn_type") == ["lab", "lake"]
    assert ids(order_by="-connection_id", limit=1) == ["lake"]
    assert ids(connection_id_pattern="AKE") == ["lake"]
    assert ids(connection_id_prefix_pattern="la") == ["lab", "lake"]
    assert lake.client.delete(f"{URL}/lab").status_code == 204
    assert lake.client.delete(f"{URL}/lab").status_code == 404
    assert lake.client.get(f"{URL}/lab").status_code == 404


def test_several_are_changed_in_one_call(lake: ApiStage) -> None:
    actions = [
        {"action": "create", "entities": [{"connection_id": "a", "conn_type": "http"}]},
        {"action": "update", "entities": [{**LAKE, "host": "moved", "password": "***"}], "update_mask": ["host"]},
        {"action": "delete", "entities": ["a", "none"]},
    ]
    body = lake.client.patch(URL, json={"actions": actions}).json()
    assert body["create"] == {"success": ["a"], "errors": []}
    assert body["update"] == {"success": ["lake"], "errors": []}
    assert (body["delete"]["success"], body["delete"]["errors"][0]["status_code"]) == (["a"], 404)
    assert (stored(lake)["host"], stored(lake)["password"]) == ("moved", "canary-1")


@pytest.mark.parametrize("setting", [{}, {"AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}])
def test_no_connection_is_tested_over_the_api(tmp_path: Path, setting: dict[str, str]) -> None:
    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(tmp_path), **setting}))
    try:
        for method, path in (("POST", "/test"), ("POST", "/enqueue-test"), ("GET", "/enqueue-test")):
            headers = {"Airflow-Connection-Test-Token": "t"}
            answer = stage.client.request(method, URL + path, json=LAKE, headers=headers)
            assert answer.status_code == 403
            assert "[core] test_connection" in answer.json()["detail"]
            assert "test_connection()" in answer.json()["detail"]
    finally:
        stage.close()


def test_airflows_examples_are_made_where_there_are_none_of_that_name(lake: ApiStage) -> None:
    lake.client.post(URL, json={"connection_id": "aws_default", "conn_type": "mine"})
    assert lake.client.post(f"{URL}/defaults").status_code == 204
    assert stored(lake, "aws_default")["conn_type"] == "mine"
    assert stored(lake, "postgres_default")["host"] == "postgres"
    assert lake.client.get(URL).json()["total_entries"] > 50


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ({"connection_id": "a b"}, 422),
        ({"connection_id": "../x"}, 422),
        ({"connection_id": "x" * 201}, 422),
        ({"extra": "[1]"}, 422),
        ({"extra": "{"}, 422),
        ({"extra": "[" * 5000}, 422),
        ({"port": -1}, 400),
        ({"port": 10**30}, 400),
        ({"host": "a\0b"}, 400),
        ({"team_name": "a"}, 400),
        ({"speed": 1}, 422),
    ],
)
def test_nonsense_is_refused_with_its_reason(stage: ApiStage, part: dict[str, object], status: int) -> None:
    answer = stage.client.post(URL, json={**LAKE, **part})
    assert answer.status_code == status, answer.text
    assert "canary" not in answer.text


def test_who_may_not_is_refused(lake: ApiStage) -> None:
    lake.gate.be("lee", "Viewer")
    for method, path in (("GET", ""), ("GET", "/lake"), ("POST", "/defaults"), ("POST", "/test"), ("DELETE", "/lake")):
        assert lake.client.request(method, URL + path, json=LAKE).status_code == 403
