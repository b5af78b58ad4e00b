"""Whatever is sent, the answer is one sentence in JSON: no trace, and no fault of the server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute
from play import do
from sqlalchemy.event import listen, remove
from sqlalchemy.exc import DataError

from tradewind.api.public import dag_facts, dag_versions, dags, run_clears, run_wait, run_wishes, runs, tasks
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

ROUTES = [
    route
    for family in (dags, dag_versions, tasks, runs, run_wishes, run_clears, run_wait)
    for route in family.routes.router.routes
] + [
    route
    for router in (dag_facts.routes, dag_facts.stats, dag_facts.warnings, dag_facts.parsing)
    for route in router.router.routes
]
TEXTS = (
    "~", "%00", "%F0%9F%90%B3", "..%2F..%2Fetc%2Fpasswd", "%27%20OR%201%3D1--", "%25_%5C", "x" * 3000, "-1",
    "99999999999999999999999", "%ED%A0%80", "NaN", "%E2%80%AE",
)  # fmt: skip
BODIES = (
    b"", b"null", b"[]", b"{", b'"x"', b"{}", b'{"a": 1}', b'{"\\ud800": 1}', b'{"note": "\\ud800"}',
    b'{"logical_date": "\\u0000"}', b'{"logical_date": null, "conf": {"x": "\\ud800"}}',
    b'{"logical_date": null, "conf": {"x": 1e999}}', b'{"logical_date": null, "conf": {"x": NaN}}',
    b'{"logical_date": null, "dag_run_id": "\\u0000"}', b'{"logical_date": "9999-12-31T23:59:59-14:00"}',
    b'{"logical_date": 1e300}', b'{"logical_date": null, "note": 5}', b'{"is_paused": "maybe"}', b'{"is_paused": true}',
    b'{"logical_date": null, "conf": ' + b'{"a":' * 50 + b"1" + b"}" * 50 + b"}",
    b'{"page_offset": 99999999999999999999}', b'{"page_limit": -1}', b'{"page_limit": 99999999999999999999}',
    b'{"duration_gte": 1e308, "run_after_gte": "0001-01-01T00:00:00+14:00"}', b'{"duration_gte": NaN}',
    b'{"dag_ids": ["\\u0000", "~"], "conf_contains": "\\u0000%_"}', b'{"order_by": "--id"}', b'{"states": ["x"]}',
    b'{"actions": [{"action": "delete", "entities": ["\\u0000", {"dag_run_id": "~"}]}]}', b'{"actions": [{}]}',
    b'{"actions": [{"action": "update", "entities": [{"dag_run_id": "x", "state": "running"}]}]}',
    b'{"dag_runs": [{"dag_run_id": "~", "dag_id": "~"}]}', b'{"partition_key": "\\u0000"}', b'{"run_id": ""}',
    b'{"partition_date_start": "0001-01-01T00:00:00+14:00", "dry_run": false}', b'{"only_new": true, "dry_run": true}',
    b'{"state": "queued", "note": "' + b"x" * 1001 + b'"}', b'{"dry_run": false, "run_on_latest_version": false}',
)  # fmt: skip


@pytest.fixture(scope="module")
def one_stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    from tradewind.config import load_settings

    stage = ApiStage(load_settings(environ={"TRADEWIND_HOME": str(tmp_path_factory.mktemp("home"))}))
    stage.load(dag("a >> b", dag_id="etl"))
    do(stage, "run.create", dag_id="etl", run_id="one", logical_date="2024-01-01")
    yield stage
    stage.close()


def addresses(route: APIRoute) -> Iterator[str]:
    """Its path with the names that there are, and with each of the odd texts in their place."""
    known = {"dag_id": "etl", "dag_run_id": "one", "task_id": "a", "version_number": "1", "file_token": "x" * 40}
    names = list(route.param_convertors)
    yield route.path.format(**known)
    for name in names:
        for text in TEXTS:
            yield route.path.format(**{**known, name: text})


def queries(route: APIRoute) -> Iterator[str]:
    yield ""
    for field in route.dependant.query_params + [f for d in route.dependant.dependencies for f in d.query_params]:
        for text in ("", "%00", "9" * 30, "0001-01-01T00:00:00%2B14:00", "1e400", "-%7C%7C%25_%5C", "a%7C" * 300):
            yield f"?{field.alias}={text}"


def check(stage: ApiStage, method: str, address: str, body: bytes | None = None) -> None:
    headers = {"content-type": "application/json"} if body is not None else {}
    answer = stage.client.request(method, f"/api/v2{address}", content=body, headers=headers)
    assert answer.status_code < 500, (method, address, body, answer.text)
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        assert json.loads(answer.text)["detail"], (method, address, body)


def test_dates_with_and_without_zone_are_compared(one_stage: ApiStage) -> None:
    body = {"partition_date_start": "2024-01-02T00:00:00", "partition_date_end": "2024-01-01T00:00:00Z"}
    answer = one_stage.client.post("/api/v2/dags/etl/clearPartitions", json=body)
    assert answer.status_code == 422
    assert "is after partition_date_end" in answer.text


def test_a_value_that_the_database_refuses_is_the_callers_mistake(one_stage: ApiStage) -> None:
    def refuse(*_: Any) -> None:
        raise DataError("SELECT", {}, ValueError("canary"))

    listen(one_stage.reading, "before_cursor_execute", refuse)
    try:
        answer = one_stage.client.get("/api/v2/dags")
    finally:
        remove(one_stage.reading, "before_cursor_execute", refuse)
    assert answer.status_code == 400
    assert "canary" not in answer.text


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)
def test_nothing_that_is_sent_is_a_fault(one_stage: ApiStage, route: Any) -> None:
    (method,) = route.methods
    if route.name == "wait_dag_run_until_finished":  # what was sent elsewhere may have let the run begin anew
        do(one_stage, "run.mark", dag_id="etl", run_id="one", state="failed")
    interval = "interval=1" if route.name == "wait_dag_run_until_finished" else ""
    for address in addresses(route):
        check(one_stage, method, f"{address}?{interval}", b"{}" if method in ("POST", "PATCH") else None)
    address = next(addresses(route))
    for query in queries(route):
        check(one_stage, method, f"{address}{query}{'&' if query else '?'}{interval}")
    if method in ("POST", "PATCH"):
        for body in BODIES:
            check(one_stage, method, address, body)
            check(one_stage, method, address.replace("etl", "~"), body)
