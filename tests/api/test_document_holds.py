"""Requests drawn from the OpenAPI documents, well formed and not: never a fault of the server, and each answer is one
that the document promises. The draws are the same each time."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from httpx2 import InvalidURL
from hypothesis import HealthCheck, Phase, Verbosity, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from task_play import begin, finish

from tradewind.config import load_settings
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag, every, expand
from tradewind.testing.scheduler_stage import START

schemathesis = pytest.importorskip("schemathesis", reason="needs schemathesis, which the extra `test` brings")

RAW = {"asset": {"name": "raw", "uri": "s3://raw", "group": "lake", "extra": {}}}
KNOWN = {
    "dag_id": "etl", "dag_run_id": "r", "task_id": "a", "map_index": 0, "try_number": 1, "task_try_number": 1,
    "pool_name": "default_pool", "variable_key": "city", "connection_id": "db", "xcom_key": "return_value",
    "version_number": 1, "event_log_id": 1, "backfill_id": 1, "uri": "s3://raw", "role_name": "Viewer", "key": "k",
    "section": "core", "option": "parallelism", "group_id": "g",
}  # fmt: skip
"""What there is, so that not every request ends at a name that nobody knows."""
ORDER = ("get", "post", "put", "patch", "delete")
"""Reading first: what is changed afterwards may be gone."""
EACH = 3
"""Requests of a kind for each operation."""


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[ApiStage]:
    """An installation with something of everything."""
    home = tmp_path_factory.mktemp("full")
    shutil.copy(migrated, home / "tradewind.db")
    environ = {"TRADEWIND_HOME": str(home), "AIRFLOW__API__EXPOSE_CONFIG": "True"}
    stage = ApiStage(load_settings(environ=environ))
    stage.load(
        dag("a >> [b, m]", dag_id="etl", tasks={"m": {"map": expand(x="a")}, "b": {"extra": {"outlets": [RAW]}}})
    )
    stage.load(dag("d", dag_id="days", timetable=every(days=1), start_date=START))
    stage.load(dag("c", dag_id="reads", assets=RAW))
    begin(stage, conf={"x": 1}, note="why")
    finish(stage, "a", value=b"[1,2]", length=2)
    finish(stage, "b")
    for index in (0, 1):
        finish(stage, "m", map_index=index)
    stage.client.post("/api/v2/variables", json={"key": "city", "value": "Seoul"})
    stage.client.post("/api/v2/connections", json={"connection_id": "db", "conn_type": "http"})
    yield stage
    stage.close()


@pytest.mark.parametrize("api", ["", "/api/v1"], ids=["v2", "v1"])
def test_every_operation_answers_as_its_document_says(full: ApiStage, api: str) -> None:
    document = full.client.get(f"{api}/openapi.json").json()
    schema = schemathesis.openapi.from_dict(document)
    operations = [found.ok() for found in schema.get_all_operations()]
    operations.sort(key=lambda operation: ORDER.index(operation.method))
    assert len(operations) > 80
    faults = []
    for operation in operations:
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):
            try:
                _play(full, operation, mode, api)
            except Unsatisfiable:
                continue  # it takes nothing that could be wrong
            except (Exception, BaseExceptionGroup) as error:  # one fault must not hide the next
                faults.append(f"{operation.label}, {mode.value}: {type(error).__name__}: {error}")
    assert not faults, "\n\n".join(faults)


def _play(stage: ApiStage, operation: Any, mode: Any, api: str) -> None:
    @seed(0)
    @settings(
        max_examples=EACH, database=None, deadline=None, phases=[Phase.generate], verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck), report_multiple_bugs=False,
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode), is_known=st.booleans())
    def play(case: Any, is_known: bool) -> None:
        if is_known:
            case.path_parameters.update({name: KNOWN[name] for name in case.path_parameters if name in KNOWN})
        request = case.as_transport_kwargs(base_url=f"http://testserver{api}")
        request.pop("cookies", None)
        if isinstance(request.get("data"), (bytes, str)):
            request["content"] = request.pop("data")
        try:
            answer = stage.client.request(**request, follow_redirects=False)
        except InvalidURL:
            return  # no client can send that
        _check(case, answer)

    play()


def _check(case: Any, answer: Any) -> None:
    from schemathesis import checks

    assert answer.status_code < 500 or answer.status_code == 503, f"{answer.status_code}: {answer.text[:500]}"
    assert "Traceback" not in answer.text
    if answer.status_code >= 400:
        kind = answer.headers["content-type"]
        assert kind in ("application/json", "application/problem+json"), kind
        assert json.loads(answer.content)["detail"]
    case.validate_response(
        answer,
        checks=[
            checks.CHECKS.get_one(name)
            for name in ("status_code_conformance", "content_type_conformance", "response_schema_conformance")
        ],
    )
