"""What the API says of itself: the OpenAPI document, and the page that shows it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from login_stage import bearer, make_stage, migrated, token_of

from tradewind.api.routing import served_by
from tradewind.testing.api_stage import ApiStage

AIRFLOW = json.loads((Path(__file__).parent / "data" / "airflow_3_3_operations.json").read_text())
"""Method, path, operation id, query parameters and statuses of each operation of Airflow 3.3's /api/v2."""
PAGE = files("tradewind.api.reference") / "page"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    """An installation with a login and one user who may look."""
    folder = tmp_path_factory.mktemp("reference")
    stage = make_stage(folder / "home", migrated(folder), ("kim", "Viewer"))
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def document(people: ApiStage) -> dict[str, Any]:
    answer = people.client.get("/openapi.json", headers=bearer(token_of(people)))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def resolved(document: dict[str, Any], node: Any) -> Any:
    for key in node["$ref"].removeprefix("#/").split("/") if "$ref" in node else ():
        document = document[key]
    return document if "$ref" in node else node


# --- the document --------------------------------------------------------------------------------------------------


def test_each_operation_of_airflow_is_there_with_its_id_its_parameters_and_its_answers(
    document: dict[str, Any],
) -> None:
    assert len(AIRFLOW) == 128
    for method, path, operation_id, query, statuses in AIRFLOW:
        operation = document["paths"][path][method.lower()]
        assert operation["operationId"] == operation_id
        named = {resolved(document, p)["name"] for p in operation.get("parameters", ()) if "$ref" not in p}
        assert set(query) <= named, operation_id
        assert set(statuses) <= set(operation["responses"]), operation_id


def test_operation_ids_are_unique(document: dict[str, Any]) -> None:
    ids = Counter(operation["operationId"] for _, _, operation in operations(document))
    assert max(ids.values()) == 1


def test_every_reference_leads_somewhere_and_no_shape_is_left_over(document: dict[str, Any]) -> None:
    text = json.dumps(document)
    referred = set(re.findall(r'"#/components/([^"]+)"', text))
    for reference in referred:
        kind, name = reference.split("/")
        assert name in document["components"][kind]
    left_over = {f"schemas/{name}" for name in document["components"]["schemas"]} - referred
    assert not left_over


def test_what_needs_a_login_says_how_one_shows_who_one_is(document: dict[str, Any]) -> None:
    schemes = document["components"]["securitySchemes"]
    assert {(s["type"], s.get("scheme", s.get("name"))) for s in schemes.values()} == {
        ("http", "basic"), ("http", "bearer"), ("apiKey", "_token"),
    }  # fmt: skip
    for method, path, operation in operations(document):
        if path in ("/api/v2/version", "/api/v2/monitor/health") or path.startswith(("/auth/", "/api/v2/auth/")):
            continue
        assert [list(each) for each in operation["security"]] == [["Basic"], ["Bearer"], ["Cookie"]], (method, path)
        assert {"401", "403", "404", "503"} <= set(operation["responses"]), (method, path)
    assert document["paths"]["/api/v2/version"]["get"]["security"] == []
    assert document["paths"]["/auth/token"]["post"]["security"] == []


def test_a_refusal_has_its_shape_everywhere(document: dict[str, Any]) -> None:
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400":
                (content,) = resolved(document, answer)["content"].values()
                name = "HTTPValidationError" if status == "422" else "HTTPExceptionResponse"
                if (method, path, status) != ("GET", "/api/v2/dags/{dag_id}/dagRuns/{dag_run_id}/wait", "422"):
                    assert content["schema"]["$ref"].endswith(name), (method, path, status)


def test_every_route_that_is_served_below_api_v2_is_described(people: ApiStage, document: dict[str, Any]) -> None:
    served = {
        (route.method, route.path.replace(":path", ""))
        for route in served_by(people.app)
        if route.path.startswith("/api/v2/")
    }
    assert served <= {(method, path) for method, path, _ in operations(document)}


def test_only_who_is_logged_in_reads_the_document(people: ApiStage) -> None:
    answer = people.client.get("/openapi.json")
    assert answer.status_code == 401
    assert "paths" not in answer.text


def test_the_document_says_where_it_is_served(tmp_path: Path) -> None:
    stage = make_stage(
        tmp_path / "home", migrated(tmp_path), ("kim", "Viewer"), AIRFLOW__API__BASE_URL="http://localhost:8080/flows"
    )
    try:
        answer = stage.client.get("/openapi.json", headers=bearer(token_of(stage)))
        assert answer.json()["servers"] == [{"url": "/flows"}]
    finally:
        stage.close()


# --- the page ------------------------------------------------------------------------------------------------------


def test_the_page_comes_with_all_that_it_needs_and_nothing_from_elsewhere(people: ApiStage) -> None:
    page = people.client.get("/docs")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    wanted = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
    assert sorted(wanted) == ["docs/page.css", "docs/page.js"]
    for name in [*wanted, "docs/document.js"]:
        part = people.client.get(f"/{name}")
        assert part.status_code == 200
        assert part.headers["content-type"].startswith("text/css" if name.endswith("css") else "text/javascript")
        assert not re.search(r"""["'(](https?:)?//""", part.text)
    assert not re.search(r"<script(?! type=\"module\" src=)|<style|\son\w+=|\sstyle=", page.text)


@pytest.mark.parametrize("name", ["page.html.bak", "..%2Fpage.py", "%2e%2e/page.py", "__init__.py"])
def test_nothing_else_is_served_beside_the_page(people: ApiStage, name: str) -> None:
    assert people.client.get(f"/docs/{name}").status_code == 404


def test_airflows_second_address_leads_to_the_page(people: ApiStage) -> None:
    answer = people.client.get("/redoc", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (307, "/docs")


SCRIPT = """
import {{ address, curl, example, fieldsOf, isMeant, missing, operationsByTag, spans, typeText }} from {module};
import {{ readFileSync }} from "node:fs";
const api = JSON.parse(readFileSync({document}, "utf8"));
const all = operationsByTag(api).flatMap(([, operations]) => operations);
const named = (id) => all.find((operation) => operation.id === id);
const made = named("trigger_dag_run"), listed = named("get_dag_runs"), entry = named("get_xcom_entry");
const values = {{ "path dag_id": "a b/c", "query state": "failed, queued", "query limit": "5" }};
const request = {{ method: "POST", url: "/x", headers: {{ "Idempotency-Key": "it's" }}, body: '{{"a": 1}}' }};
console.log(JSON.stringify({{
  count: all.length,
  address: address("/flows/", listed, values),
  missing: [missing(listed, {{}}), missing(entry, {{ "path dag_id": "a" }})],
  example: example(api, made.body),
  fields: fieldsOf(api, made.body).map(([name, , required]) => [name, required]).slice(0, 4),
  types: fieldsOf(api, made.body).slice(0, 4).map(([, schema]) => typeText(api, schema)),
  key: made.parameters.map(({{ name }}) => name),
  found: all.filter((operation) => isMeant(operation, "POST clear runs")).map(({{ id }}) => id),
  curl: curl("http://here", request, "kim"),
  spans: spans("a `b` c"),
  examples: all.filter((operation) => operation.body).map((operation) => example(api, operation.body)).length,
}}));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node, which runs the page's script")
def test_the_page_computes_requests_from_the_document(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "openapi.json").write_text(json.dumps(document))
    shutil.copy(str(PAGE / "document.js"), tmp_path / "document.mjs")
    script = SCRIPT.format(
        module=json.dumps(str(tmp_path / "document.mjs")), document=json.dumps(str(tmp_path / "openapi.json"))
    )
    (tmp_path / "try.mjs").write_text(script)
    done = subprocess.run(["node", tmp_path / "try.mjs"], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["count"] == sum(1 for _ in operations(document))
    assert said["address"] == "/flows/api/v2/dags/a%20b%2Fc/dagRuns?limit=5&state=failed&state=queued"
    assert said["missing"] == [["dag_id"], ["dag_run_id", "task_id", "xcom_key"]]
    assert said["example"] == {"logical_date": None}
    assert said["fields"][:1] == [["dag_run_id", False]]
    assert ["logical_date", True] in said["fields"]
    assert said["types"][1] == "string (date-time) or null"
    assert said["key"] == ["dag_id", "Idempotency-Key"]
    assert "clear_dag_runs" in said["found"]
    assert "get_dag_runs" not in said["found"]
    assert said["curl"] == (
        "curl -sS -X POST --user kim -H 'Idempotency-Key: it'\\''s' -H 'content-type: application/json' "
        "-d '{\"a\": 1}' http://here/x"
    )
    assert said["spans"] == [["a ", False], ["b", True], [" c", False]]
    assert said["examples"] > 40
