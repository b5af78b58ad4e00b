"""Nonsense for every route of task instances: an answer that says what is wrong, never a fault of the server."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute
from task_play import begin, finish

from tradewind.api.public import questions, task_changes, task_instances, task_logs, task_state_store, xcoms
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

FAMILIES = (task_instances, task_changes, task_logs, xcoms, task_state_store, questions)
ROUTES = [route for family in FAMILIES for route in family.routes.router.routes if isinstance(route, APIRoute)]
SOUND = {
    "dag_id": "etl", "dag_run_id": "r", "task_id": "a", "map_index": "-1", "try_number": "1", "task_try_number": "1",
    "xcom_key": "return_value", "key": "k", "group_id": "g",
}  # fmt: skip
TEXTS = ("~", "..", "../../x", "\0", "é👀", "%", "' OR 1=1 --", "x" * 3000, "-1", "9" * 30, "𝟙", " ", "\r\n", "a\\")
VALUES = (
    "", "null", "\0", "%\\", "' OR 1=1 --", "-" * 300, "9" * 40, "-9223372036854775809", "1e309", "NaN", "%a" * 400,
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2024-13-01", "[]", "true", "🦆", "-", "--id", "|",
)  # fmt: skip
BODIES: tuple[Any, ...] = (
    None, [], {}, "x", 7, {"": 1}, {"value": None}, {"note": "\ud800"}, {"note": "\0"}, {"new_state": None},
    {"new_state": "success", "note": 3}, {"actions": [{"action": "update", "entities": [{"task_id": "\0"}]}]},
    {"actions": [{"action": "delete", "entities": ["\ud800", "~", {"task_id": "a", "map_index": 2**40}]}]},
    {"actions": [{"action": "update", "entities": [{"task_id": "a", "dag_id": "\ud800", "dag_run_id": "~"}]}]},
    {"dag_run_id": "\ud800"}, {"task_ids": [["a", 2**70]]}, {"task_ids": ["\0"]}, {"start_date": 10**30},
    {"start_date": "0001-01-01T00:00:00+14:00", "dry_run": False}, {"end_date": "9999-12-31T23:59:59-14:00"},
    {"start_date_gte": "0001-01-01T00:00:00+14:00", "duration_gte": -1e308}, {"page_limit": -1}, {"page_limit": 10**30},
    {"dag_ids": ["\ud800"], "pool": ["\ud800"]}, {"order_by": "\ud800"}, {"key": "\0", "value": 1},
    {"key": "k", "value": {"\ud800": 1}}, {"key": "k", "value": 10**400}, {"value": float("nan")},
    {"value": 1, "expires_at": 10**30}, {"chosen_options": ["\0"], "params_input": {"\ud800": []}},
)  # fmt: skip


@pytest.fixture
def etl(stage: ApiStage) -> ApiStage:
    stage.load(dag("a >> b"))
    begin(stage)
    finish(stage, "a", value=b"1")
    return stage


def path_of(route: APIRoute, **odd: str) -> str:
    def put(found: re.Match[str]) -> str:
        return quote({**SOUND, **odd}[found[1]], safe="~")

    return "/api/v2" + re.sub(r"{(\w+)(?::path)?}", put, route.path)


def check(
    stage: ApiStage, route: APIRoute, path: str, *, body: Any = None, query: dict[str, str] | None = None
) -> None:
    [method] = route.methods
    content = json.dumps(body) if body is not None else "{}" if method in ("PATCH", "POST", "PUT") else None
    headers = {"content-type": "application/json"}
    answer = stage.client.request(method, path, params=query, content=content, headers=headers)
    said = f"{method} {path} {query} {body!r:.200}: {answer.status_code} {answer.text[:300]}"
    assert answer.status_code < 500, said
    if answer.status_code >= 400:
        assert answer.json()["detail"], said


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nonsense_is_answered(etl: ApiStage, route: APIRoute) -> None:
    names = re.findall(r"{(\w+)", route.path)
    for place, name in enumerate(names):
        for text in TEXTS[place :: len(names)]:
            check(etl, route, path_of(route, **{name: text}))
    queries = [each.alias for each in route.dependant.query_params]
    queries += [each.alias for part in route.dependant.dependencies for each in part.query_params]
    queries += [
        each.alias
        for part in route.dependant.dependencies
        for inner in part.dependencies
        for each in inner.query_params
    ]
    for place, name in enumerate(queries):
        for step in range(3):
            check(etl, route, path_of(route), query={name: VALUES[(place * 3 + step) % len(VALUES)]})
    if route.body_field is not None:
        for body in BODIES:
            check(etl, route, path_of(route), body=body)
            if "dag_id" in names:
                check(etl, route, path_of(route, dag_id="~", dag_run_id="~"), body=body)
