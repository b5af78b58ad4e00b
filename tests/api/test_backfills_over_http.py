"""Backfills over HTTP."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every
from tradewind.testing.scheduler_stage import START

URL = "/api/v2/backfills"
NOW = START.isoformat().replace("+00:00", "Z")


def day(number: int) -> str:
    return (START - timedelta(days=10 - number)).isoformat().replace("+00:00", "Z")


@pytest.fixture
def daily(stage: ApiStage) -> ApiStage:
    for name in ("etl", "other"):
        stage.load(dag("a", dag_id=name, timetable=every(days=1), start_date=START - timedelta(days=20)))
    return stage


def made(stage: ApiStage, dag_id: str = "etl", **more: Any) -> Any:
    body = {"dag_id": dag_id, "from_date": day(1), "to_date": day(3), **more}
    return stage.client.post(URL, json=body)


def test_a_backfill_is_made_paused_and_cancelled(daily: ApiStage) -> None:
    answer = made(daily, dag_run_conf={"a": 1}, max_active_runs=1, reprocess_behavior="failed")
    assert answer.status_code == 200, answer.text
    number = answer.json()["id"]
    shown = {
        "id": number,
        "dag_id": "etl",
        "from_date": day(1),
        "to_date": day(3),
        "dag_run_conf": {"a": 1},
        "is_paused": False,
        "reprocess_behavior": "failed",
        "max_active_runs": 1,
        "created_at": NOW,
        "completed_at": None,
        "updated_at": NOW,
        "dag_display_name": "etl",
    }
    assert answer.json() == shown
    assert daily.client.get(f"{URL}/{number}").json() == shown
    assert daily.client.put(f"{URL}/{number}/pause").json() == {**shown, "is_paused": True}
    assert daily.client.put(f"{URL}/{number}/unpause").json() == shown
    assert made(daily).status_code == 409, "a Dag has one at a time"
    assert daily.client.put(f"{URL}/{number}/cancel").json() == {**shown, "completed_at": NOW}
    for change in ("pause", "unpause", "cancel"):
        answer = daily.client.put(f"{URL}/{number}/{change}")
        assert answer.status_code == 409
        assert "cancelled" in answer.json()["detail"]


def test_a_dry_run_says_which_dates_would_be_run_and_makes_nothing(daily: ApiStage) -> None:
    body = {"dag_id": "etl", "from_date": day(1), "to_date": day(3)}
    answer = daily.client.post(f"{URL}/dry_run", json=body)
    assert answer.status_code == 200, answer.text
    dates = [row["logical_date"] for row in answer.json()["backfills"]]
    assert dates == [day(1), day(2), day(3)]
    assert answer.json()["total_entries"] == 3
    assert daily.client.get(URL, params={"dag_id": "etl"}).json() == {"backfills": [], "total_entries": 0}
    made(daily)
    again = daily.client.post(f"{URL}/dry_run", json={**body, "dag_id": "other"}).json()
    assert again["total_entries"] == 3


def test_backfills_are_listed_by_dag_and_of_all(daily: ApiStage) -> None:
    first, second = made(daily).json()["id"], made(daily, "other").json()["id"]

    def ids(**query: Any) -> list[int]:
        answer = daily.client.get(URL, params=query)
        assert answer.status_code == 200, answer.text
        return [row["id"] for row in answer.json()["backfills"]]

    assert ids(dag_id="etl") == [first]
    assert ids(dag_id="~") == [first, second]
    assert ids(dag_id="~", order_by="-id", limit=1) == [second]
    assert ids(dag_id="none") == []
    assert daily.client.get(URL).status_code == 422


def test_whoever_may_see_one_dag_sees_its_backfills_alone(daily: ApiStage) -> None:
    first, second = made(daily).json()["id"], made(daily, "other").json()["id"]
    everything = Grant(frozenset(Action), frozenset(Resource), DagScope(ids=frozenset({"etl"})))
    daily.gate.be("kim", Role("some", (everything,)))
    assert [row["id"] for row in daily.client.get(URL, params={"dag_id": "~"}).json()["backfills"]] == [first]
    assert daily.client.get(URL, params={"dag_id": "other"}).status_code == 404
    assert daily.client.get(f"{URL}/{second}").status_code == 404
    assert daily.client.get(f"{URL}/{second}").json() == {"detail": f"There is no backfill {second}."}
    for change in ("pause", "unpause", "cancel"):
        assert daily.client.put(f"{URL}/{second}/{change}").status_code == 404
    assert made(daily, "other").status_code == 404
    assert daily.client.post(f"{URL}/dry_run", json={"dag_id": "other", "from_date": day(1), "to_date": day(2)}
                             ).status_code == 404  # fmt: skip
    daily.gate.be("lee", "Viewer")
    assert daily.client.get(f"{URL}/{first}").status_code == 200
    assert daily.client.put(f"{URL}/{first}/cancel").status_code == 403
    assert made(daily).status_code == 403


def test_nonsense_is_refused_with_its_reason(daily: ApiStage) -> None:
    for more, status in (
        ({"dag_id": "none"}, 404),
        ({"to_date": day(-3)}, 400),
        ({"max_active_runs": 0}, 400),
        ({"reprocess_behavior": "all"}, 422),
        ({"from_date": "yesterday"}, 422),
        ({"from_date": "0001-01-01T00:00:00+14:00"}, 422),
        ({"dag_run_conf": []}, 422),
        ({"speed": 1}, 422),
    ):
        answer = daily.client.post(URL, json={"dag_id": "etl", "from_date": day(1), "to_date": day(3), **more})
        assert answer.status_code == status, answer.text
        assert answer.json()["detail"]
    assert daily.client.get(f"{URL}/{10**30}").status_code == 422
    assert daily.client.get(f"{URL}/7777").status_code == 404
    daily.is_away = True
    assert made(daily).status_code == 503
