"""The task state store over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from task_play import begin, get, send, start
from test_task_instances import be_scoped

from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, expand
from tradewind.wire.messages import Request

STORE = "/dags/etl/dagRuns/r/taskInstances/a/state-store"


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    """`a` keeps how far it has come."""
    stage.load(dag("a; part", tasks={"part": {"map": expand(x=2)}}))
    begin(stage)
    offer = start(stage, "a")
    keep = {"key": "far/off", "value": b'{"page":3}'}
    stage.say(Request(id=1, method="task_state_store.set", attempt=offer.attempt, args=keep))
    stage.play()
    return stage


def test_what_a_task_keeps_is_seen_and_changed(etl: ApiStage) -> None:
    assert get(etl, STORE) == {
        "task_state_store": [
            {"key": "far/off", "value": {"page": 3}, "updated_at": "2024-01-01T00:00:00Z", "expires_at": None}
        ],
        "total_entries": 1,
    }
    assert send(etl, "PUT", f"{STORE}/b", 204, body={"value": [1], "expires_at": None}) is None
    assert get(etl, f"{STORE}/b")["value"] == [1]
    assert send(etl, "PATCH", f"{STORE}/far%2Foff", body={"value": "é"}) is None
    assert get(etl, f"{STORE}/far/off")["value"] == "é"
    assert [each["key"] for each in get(etl, STORE, limit=1, offset=0)["task_state_store"]] == ["b"]
    assert send(etl, "DELETE", f"{STORE}/b", 204) is None
    get(etl, f"{STORE}/b", 404)
    send(etl, "DELETE", f"{STORE}/b", 404)
    send(etl, "PATCH", f"{STORE}/b", 404, body={"value": 1})
    assert send(etl, "DELETE", STORE, 204) is None
    assert get(etl, STORE)["total_entries"] == 0


def test_a_value_is_kept_for_a_while(etl: ApiStage) -> None:
    send(etl, "PUT", f"{STORE}/default", 204, body={"value": 1})
    until = datetime.fromisoformat(get(etl, f"{STORE}/default")["expires_at"])
    assert timedelta(days=29) < until - datetime.now(UTC) < timedelta(days=31)
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    send(etl, "PUT", f"{STORE}/later", 204, body={"value": 1, "expires_at": later})
    kept = get(etl, f"{STORE}/later")["expires_at"]
    assert datetime.fromisoformat(kept) == datetime.fromisoformat(later)
    send(etl, "PATCH", f"{STORE}/later", body={"value": 2})
    assert get(etl, f"{STORE}/later")["expires_at"] == kept
    send(etl, "PUT", f"{STORE}/past", 400, body={"value": 1, "expires_at": "2024-01-01T00:00:00Z"})
    send(etl, "PUT", f"{STORE}/past", 422, body={"value": 1, "expires_at": "soon"})
    send(etl, "PUT", f"{STORE}/far", 400, body={"value": 1, "expires_at": "9999-01-01T00:00:00Z"})


def test_instances_keep_apart_and_forget_together(etl: ApiStage) -> None:
    path = "/dags/etl/dagRuns/r/taskInstances/part/state-store"
    for index in (0, 1):
        send(etl, "PUT", f"{path}/k", 204, body={"value": index}, map_index=index)
    assert get(etl, f"{path}/k", map_index=1)["value"] == 1
    send(etl, "DELETE", path, 204, map_index=0)
    assert [get(etl, path, map_index=n)["total_entries"] for n in (0, 1)] == [0, 1]
    send(etl, "DELETE", path, 204, all_map_indices=True)
    assert get(etl, path, map_index=1)["total_entries"] == 0
    get(etl, path, 404)


def test_bad_input_is_refused(etl: ApiStage) -> None:
    send(etl, "PUT", f"{STORE}/{'k' * 513}", 400, body={"value": 1})
    send(etl, "PUT", f"{STORE}/k", 400, body={"value": float("inf")})
    send(etl, "PUT", f"{STORE}/k", 400, body={"value": "\ud800"})
    send(etl, "PUT", f"{STORE}/k", 422, body={"value": 1, "colour": 2})
    send(etl, "PUT", "/dags/etl/dagRuns/r/taskInstances/none/state-store/k", 404, body={"value": 1})
    send(etl, "DELETE", "/dags/etl/dagRuns/r/taskInstances/none/state-store", 404)
    get(etl, "/dags/etl/dagRuns/none/taskInstances/a/state-store", 404)
    assert get(etl, STORE)["total_entries"] == 1


def test_rights(etl: ApiStage) -> None:
    be_scoped(etl, "other")
    get(etl, STORE, 404)
    send(etl, "PUT", f"{STORE}/k", 404, body={"value": 1})
    etl.gate.be("lee", "Viewer")
    get(etl, STORE)
    for method in ("PUT", "PATCH", "DELETE"):
        send(etl, method, f"{STORE}/far/off", 403, body=None if method == "DELETE" else {"value": 1})
    send(etl, "DELETE", STORE, 403)
