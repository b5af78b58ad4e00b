"""Dags over HTTP."""

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


@pytest.fixture
def dags(stage: ApiStage) -> ApiStage:
    for name, tags, folder in (
        ("etl", ("daily",), "etl"),
        ("weather", ("daily", "kma"), "weather"),
        ("old", (), "etl"),
    ):
        stage.load(dag("a >> b", dag_id=name, tags=tags, file=f"{folder}/{name}.py"))
    return stage


def ids(stage: ApiStage, **query: object) -> list[str]:
    answer = stage.client.get("/api/v2/dags", params=query)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return [each["dag_id"] for each in answer.json()["dags"]]


def test_dags_are_listed_by_what_is_asked_for(dags: ApiStage) -> None:
    assert ids(dags) == ["etl", "old", "weather"]
    assert ids(dags, order_by="-dag_id") == ["weather", "old", "etl"]
    assert ids(dags, tags=["kma", "x"]) == ["weather"]
    assert ids(dags, tags=["kma", "daily"], tags_match_mode="all") == ["weather"]
    assert ids(dags, dag_id_pattern="LD | eath") == ["old", "weather"]
    assert ids(dags, limit=1, offset=1) == ["old"]


def test_a_dag_is_paused_and_goes_on(dags: ApiStage) -> None:
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": True}).json()["is_paused"] is True
    assert ids(dags, paused=True) == ["etl"]
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": False}).json()["is_paused"] is False


def test_an_order_or_a_field_that_there_is_not_is_named(dags: ApiStage) -> None:
    answer = dags.client.get("/api/v2/dags", params={"order_by": "nonsense"})
    assert answer.status_code == 400
    assert "'nonsense'" in answer.json()["detail"]
    answer = dags.client.patch("/api/v2/dags/etl", json={"is_paused": True, "speed": 3})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "speed"]
    assert dags.client.get("/api/v2/dags/none").status_code == 404


@pytest.mark.parametrize(
    ("scope", "seen"),
    [
        (DagScope(ids=frozenset({"old"})), ["old"]),
        (DagScope(tags=frozenset({"daily"})), ["etl", "weather"]),
        (DagScope(tags=frozenset({"dail"})), []),
        (DagScope(folders=frozenset({"etl"})), ["etl", "old"]),
        (DagScope(folders=frozenset({"et"})), []),
    ],
)
def test_whoever_may_see_some_dags_sees_these_alone(dags: ApiStage, scope: DagScope, seen: list[str]) -> None:
    reads = Grant(frozenset({Action.READ}), frozenset({Resource.DAG}), scope)
    dags.gate.be("kim", Role("some", (reads,)))
    answer = dags.client.get("/api/v2/dags")
    if not scope:
        assert answer.status_code == 403
        return
    assert [each["dag_id"] for each in answer.json()["dags"]] == seen
    assert answer.json()["total_entries"] == len(seen)
    for name in ("etl", "weather", "old"):
        assert dags.client.get(f"/api/v2/dags/{name}").status_code == (200 if name in seen else 404)
        status = dags.client.patch(f"/api/v2/dags/{name}", json={"is_paused": True}).status_code
        assert status == 403, "reading is no right to change"


def test_a_viewer_changes_nothing(dags: ApiStage) -> None:
    dags.gate.be("lee", "Viewer")
    assert dags.client.patch("/api/v2/dags/etl", json={"is_paused": True}).status_code == 403
    dags.gate.be("", "Public")
    assert dags.client.get("/api/v2/dags").status_code == 403


def test_without_a_scheduler_reading_goes_on_and_writing_says_so(dags: ApiStage) -> None:
    dags.is_away = True
    assert ids(dags) == ["etl", "old", "weather"]
    answer = dags.client.patch("/api/v2/dags/etl", json={"is_paused": True})
    assert answer.status_code == 503
    assert "scheduler" in answer.json()["detail"]


def test_a_body_too_large_or_too_deep_is_refused(dags: ApiStage) -> None:
    answer = dags.client.patch("/api/v2/dags/etl", content=b"[" * 70, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert "64 levels" in answer.json()["detail"]
    answer = dags.client.patch("/api/v2/dags/etl", content=b" " * (1 << 20) + b"{}")
    assert answer.status_code == 413
