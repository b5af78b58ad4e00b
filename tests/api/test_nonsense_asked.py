"""Whatever is asked of the routes that administer: a typed answer, never a fault of the server."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from fastapi.routing import APIRoute

from tradewind.api.public import (
    asset_materialize,
    asset_state_store,
    assets,
    backfills,
    config,
    connections,
    event_logs,
    import_errors,
    pools,
    system,
    variables,
)
from tradewind.testing.api_stage import ApiStage

FAMILIES = (
    asset_materialize, asset_state_store, assets, backfills, config, connections, event_logs, import_errors, pools,
    system, variables,
)  # fmt: skip
NONSENSE = (
    "", "x", "-1", "1", "9" * 40, "1.5", "NaN", "true", "~", "..", "../../etc/passwd", "a" * 2000, "💥ﬀ\u202e", "\0",
    "'; DROP TABLE dag; --", "%", "_", "\\", "|", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59+00:00", "\r\nx: y",
)  # fmt: skip
BODIES = (
    b"", b"null", b"[]", b"{}", b'"x"', b"{", b"\xff\xfe", b'{"a": 1e999}', b'{"key": "\\ud800", "value": "\\ud800"}',
    json.dumps({"actions": [{"action": "create", "entities": [{}]}]}).encode(),
    json.dumps({"actions": [{"action": "none"}]}).encode(),
    json.dumps({"asset_id": 2**63, "name": "\0", "slots": 2**70, "key": "\0", "value": None, "dag_id": "\0"}).encode(),
)  # fmt: skip


def routes() -> list[APIRoute]:
    return [route for family in FAMILIES for route in family.routes.router.routes if isinstance(route, APIRoute)]


def check(answer: Any, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.text}"
    if answer.content and answer.status_code >= 400:
        assert answer.json()["detail"], what
        assert "Traceback" not in answer.text


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.__name__.rpartition(".")[2])
def test_nonsense_in_paths_and_queries_gets_an_answer(stage: ApiStage, family: Any) -> None:
    for route in family.routes.router.routes:
        if not isinstance(route, APIRoute):
            continue
        (method,) = route.methods
        for text in NONSENSE:
            path = route.path_format
            for param in route.dependant.path_params:
                path = path.replace("{" + param.alias + "}", quote(text, safe="") or "-")
            query = {param.alias: text for param in route.dependant.query_params}
            check(stage.client.request(method, f"/api/v2{path}", params=query), f"{method} {path} {text[:20]!r}")


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body[:24]))
def test_nonsense_in_bodies_gets_an_answer(stage: ApiStage, body: bytes) -> None:
    for route in routes():
        (method,) = route.methods
        if method in ("POST", "PUT", "PATCH"):
            path = route.path_format
            for param in route.dependant.path_params:
                path = path.replace("{" + param.alias + "}", "1")
            headers = {"content-type": "application/json"}
            answer = stage.client.request(method, f"/api/v2{path}", content=body, headers=headers)
            check(answer, f"{method} {path} {body[:30]!r}")
