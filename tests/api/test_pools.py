"""Pools over HTTP, and what of their slots is held."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag
from tradewind.wire.messages import Deferral, Finished, Started

URL = "/api/v2/pools"
EMPTY = dict.fromkeys(
    ("occupied_slots", "running_slots", "queued_slots", "scheduled_slots", "deferred_slots"), 0
)  # fmt: skip


@pytest.fixture
def pools(stage: ApiStage) -> ApiStage:
    for name, slots in (("wide", -1), ("narrow", 3)):
        assert stage.client.post(URL, json={"name": name, "slots": slots}).status_code == 201
    return stage


def shown(stage: ApiStage, name: str) -> Any:
    answer = stage.client.get(f"{URL}/{name}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_pool_is_made_changed_and_deleted(stage: ApiStage) -> None:
    made = stage.client.post(URL, json={"name": "a/b", "slots": 3, "description": "few", "include_deferred": True})
    pool = {"name": "a/b", "slots": 3, "description": "few", "include_deferred": True, **EMPTY, "open_slots": 3,
            "team_name": None}  # fmt: skip
    assert (made.status_code, made.json()) == (201, pool)
    assert shown(stage, "a/b") == pool
    assert stage.client.post(URL, json={"name": "a/b", "slots": 4}).status_code == 409
    assert stage.client.patch(f"{URL}/a/b", json={"slots": 5}).json() == {**pool, "slots": 5, "open_slots": 5}
    body, mask = {"slots": 9, "description": "more"}, {"update_mask": ["description"]}
    changed = stage.client.patch(f"{URL}/a/b", json=body, params=mask).json()
    assert (changed["slots"], changed["description"], changed["include_deferred"]) == (5, "more", True)
    assert stage.scheduler.world.pools["a/b"].slots == 5
    assert stage.client.delete(f"{URL}/a/b").status_code == 204
    assert stage.client.delete(f"{URL}/a/b").status_code == 404
    assert stage.client.patch(f"{URL}/a/b", json={"slots": 1}).status_code == 404


def test_the_default_pool_stays_what_it_is(stage: ApiStage) -> None:
    assert stage.client.delete(f"{URL}/default_pool").status_code == 400
    assert stage.client.patch(f"{URL}/default_pool", json={"slots": 7}).json()["slots"] == 7
    assert stage.client.patch(f"{URL}/default_pool", json={"description": "x"}).status_code == 400


def test_slots_are_counted_by_what_holds_them(pools: ApiStage) -> None:
    tasks = {name: {"pool": "narrow", "pool_slots": slots} for name, slots in (("a", 1), ("b", 1), ("c", 2), ("d", 1))}
    pools.load(dag("a;b;c;d", tasks=tasks))
    pools.client.post("/api/v2/dags/etl/dagRuns", json={"logical_date": None})
    held = {**shown(pools, "narrow")}
    offers = {offer.task_id: offer for offer in pools.agent.offers()}
    slots = {name: tasks[name]["pool_slots"] for name in offers}
    assert sum(slots.values()) == held["queued_slots"] == held["occupied_slots"] == 3
    assert (held["scheduled_slots"], held["open_slots"], held["running_slots"]) == (2, 0, 0)
    first, second = list(offers.values())[:2]
    pools.say(Started(attempt=first.attempt, start_us=1))
    pools.say(Finished(attempt=second.attempt, outcome="deferred", end_us=2,
                       defer=Deferral(classpath="x.Y", kwargs=b"{}", method="go")))  # fmt: skip
    pools.play()
    held = shown(pools, "narrow")
    assert held["running_slots"] == slots[first.task_id]
    assert held["deferred_slots"] == slots[second.task_id]
    assert held["occupied_slots"] == held["running_slots"] + held["queued_slots"]
    assert held["open_slots"] == 3 - held["occupied_slots"]
    before = held["occupied_slots"]
    pools.client.patch(f"{URL}/narrow", json={"include_deferred": True})
    assert shown(pools, "narrow")["occupied_slots"] >= before
    wide = shown(pools, "wide")
    assert (wide["open_slots"], wide["occupied_slots"]) == (-1, 0)


def test_pools_are_listed_by_what_is_asked_for(pools: ApiStage) -> None:
    def names(**query: Any) -> list[str]:
        answer = pools.client.get(URL, params=query)
        assert answer.status_code == 200, answer.text
        return [row["name"] for row in answer.json()["pools"]]

    assert names() == ["default_pool", "narrow", "wide"]
    assert names(order_by="-slots") == ["default_pool", "narrow", "wide"]
    assert names(limit=1, offset=1) == ["narrow"]
    assert names(pool_name_pattern="RRO|wid") == ["narrow", "wide"]
    assert names(pool_name_prefix_pattern="default_") == ["default_pool"]
    assert pools.client.get(URL, params={"order_by": "speed"}).status_code == 400


def test_several_are_changed_in_one_call(pools: ApiStage) -> None:
    actions = [
        {"action": "create", "entities": [{"name": "a", "slots": 1}, {"name": "wide", "slots": 1}]},
        {
            "action": "update",
            "entities": [{"name": "narrow", "slots": 9, "description": "d"}],
            "update_mask": ["slots"],
        },
        {"action": "delete", "entities": ["a", "default_pool"]},
    ]
    body = pools.client.patch(URL, json={"actions": actions}).json()
    assert (body["create"]["success"], body["create"]["errors"][0]["status_code"]) == (["a"], 409)
    assert body["update"] == {"success": ["narrow"], "errors": []}
    assert (body["delete"]["success"], body["delete"]["errors"][0]["status_code"]) == (["a"], 400)
    assert (shown(pools, "narrow")["slots"], shown(pools, "narrow")["description"]) == (9, None)


def test_who_may_not_is_refused_and_nonsense_too(pools: ApiStage) -> None:
    for body, status in (
        ({"name": "p", "slots": -2}, 422),
        ({"name": "p", "slots": 10**12}, 400),
        ({"name": " ", "slots": 1}, 400),
        ({"name": "p" * 257, "slots": 1}, 422),
        ({"name": "p", "slots": "many"}, 422),
        ({"name": "p\0", "slots": 1}, 400),
        ({"name": "p", "slots": 1, "team_name": "a"}, 400),
    ):
        assert pools.client.post(URL, json=body).status_code == status, body
    assert pools.client.patch(f"{URL}/narrow", json={"slots": None}).status_code == 400
    assert pools.client.patch(f"{URL}/narrow", json={"pool": "wide", "slots": 1}).status_code == 400
    pools.gate.be("lee", "Viewer")
    assert pools.client.get(URL).status_code == 200
    assert pools.client.post(URL, json={"name": "p", "slots": 1}).status_code == 403
    assert pools.client.delete(f"{URL}/narrow").status_code == 403
