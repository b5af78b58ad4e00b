"""Connections over HTTP."""

import json
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tradewind.api import connection_tests
from tradewind.api.call import TooMuch
from tradewind.api.public import connections
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


def test_no_connection_is_tested_unless_a_setting_allows_it(lake: ApiStage) -> None:
    for method, path in (("POST", "/test"), ("POST", "/enqueue-test"), ("GET", "/enqueue-test")):
        headers = {"Airflow-Connection-Test-Token": "t"}
        answer = lake.client.request(method, URL + path, json=LAKE, headers=headers)
        assert answer.status_code == 403
        assert "[core] test_connection" in answer.json()["detail"]


@pytest.fixture
def testing(tmp_path: Path) -> Iterator[ApiStage]:
    """Where connections may be tested."""
    environ = {"TRADEWIND_HOME": str(tmp_path), "AIRFLOW__CORE__TEST_CONNECTION": "Enabled"}
    stage = ApiStage(load_settings(environ=environ))
    assert stage.client.post(URL, json=LAKE).status_code == 201
    yield stage
    stage.close()


def test_a_test_is_made_by_a_process_of_its_own(testing: ApiStage, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    there = {"connection_id": "new", "conn_type": "fs", "extra": json.dumps({"path": str(tmp_path / "there")})}
    answer = testing.client.post(f"{URL}/test", json=there)
    assert (answer.status_code, answer.json()["status"]) == (200, True), answer.text
    odd = testing.client.post(f"{URL}/test", json={"connection_id": "new", "conn_type": "os.system"}).json()
    assert odd["status"] is False
    assert "'os.system' cannot be tested here; these can: http, postgres," in odd["message"]


def test_a_test_that_takes_too_long_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    silent = socket.create_server(("127.0.0.1", 0))  # takes connections, and says nothing
    fields = {"conn_type": "http", "host": "127.0.0.1", "port": silent.getsockname()[1]}
    with silent:
        assert connection_tests.outcome_of(fields, seconds=3.0) == (False, "It did not answer within 3 s.")


def test_no_more_than_two_tests_are_made_at_once() -> None:
    for _ in range(connection_tests.AT_ONCE):
        connection_tests._turns.acquire()
    try:
        with pytest.raises(TooMuch):
            connection_tests.outcome_of({"conn_type": "fs"})
    finally:
        for _ in range(connection_tests.AT_ONCE):
            connection_tests._turns.release()


def test_what_is_stored_is_sent_to_no_other_address_than_its_own(
    testing: ApiStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Mapping[str, object]] = []
    monkeypatch.setattr(connections, "outcome_of", lambda fields: (seen.append(fields), (True, "ok"))[1])
    for change in ({"host": "thief.example"}, {"port": 1}, {"conn_type": "smtp"}, {"connection_id": "unknown"},
                   {"extra": '{"region": "elsewhere", "auth": {"api_key": "***"}}'}):  # fmt: skip
        answer = testing.client.post(f"{URL}/test", json={**SHOWN, **change})
        assert (answer.status_code, seen) == (400, []), answer.text
    assert testing.client.post(f"{URL}/test", json={**SHOWN, "description": "other"}).status_code == 200
    assert (seen[0]["password"], "canary-2" in str(seen[0]["extra"])) == ("canary-1", True)
    typed = {**SHOWN, "host": "new.example", "password": "typed", "extra": None}
    assert testing.client.post(f"{URL}/test", json=typed).status_code == 200
    assert (seen[1]["host"], seen[1]["password"]) == ("new.example", "typed")


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
