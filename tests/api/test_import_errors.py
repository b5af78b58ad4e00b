"""Import errors over HTTP: whoever may not see every Dag of a file sees no trace of it."""

from __future__ import annotations

from typing import Any

import pytest

from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

URL = "/api/v2/importErrors"


@pytest.fixture
def broken(stage: ApiStage) -> ApiStage:
    """`shared.py` has Dags of two people, `mine/a.py` of one, and `new.py` none that anybody has seen."""
    stage.load(dag("a", dag_id="mine", file="shared.py"))
    stage.load(dag("a", dag_id="theirs", file="shared.py"))
    stage.load(dag("a", dag_id="alone", file="mine/a.py"))
    rows = [
        ("shared.py", 0, "", "canary traceback", "canary"), ("mine/a.py", 0, "", "trace of a", "bad"),
        ("mine/a.py", 1, "alone", "", "a sentence"), ("new.py", 0, "", "canary of new", "bad"),
    ]  # fmt: skip
    with stage._engine.begin() as connection:
        for file, position, dag_id, trace, message in rows:
            connection.exec_driver_sql(
                "INSERT INTO import_error (file, position, dag_id, traceback, message, at) VALUES (?, ?, ?, ?, ?, 7)",
                (file, position, dag_id, trace, message),
            )
    return stage


def errors(stage: ApiStage, **query: Any) -> list[dict[str, Any]]:
    answer = stage.client.get(URL, params=query)
    assert answer.status_code == 200, answer.text
    assert answer.json()["total_entries"] >= len(answer.json()["import_errors"])
    rows: list[dict[str, Any]] = answer.json()["import_errors"]
    return rows


def files(stage: ApiStage, **query: Any) -> list[str]:
    return [row["filename"] for row in errors(stage, **query)]


def only_sees(stage: ApiStage, scope: DagScope, dags: DagScope | None = None) -> None:
    reads = frozenset({Action.READ})
    stage.gate.be(
        "kim",
        Role("some", (Grant(reads, frozenset({Resource.IMPORT_ERROR}), scope),
                      Grant(reads, frozenset({Resource.DAG}), dags or scope))),
    )  # fmt: skip


def test_problems_are_shown_one_by_one(broken: ApiStage) -> None:
    first, second = errors(broken, filename="mine/a.py")
    assert first == {
        "import_error_id": first["import_error_id"],
        "timestamp": "1970-01-01T00:00:00.000007Z",
        "filename": "mine/a.py",
        "bundle_name": "dags-folder",
        "stack_trace": "trace of a",
    }
    assert second["stack_trace"] == "a sentence"
    assert broken.client.get(f"{URL}/{second['import_error_id']}").json() == second
    assert broken.client.get(f"{URL}/1").status_code == 404
    assert broken.client.get(f"{URL}/x").status_code == 422


def test_problems_are_listed_by_what_is_asked_for(broken: ApiStage) -> None:
    assert files(broken) == ["mine/a.py", "mine/a.py", "new.py", "shared.py"]
    assert files(broken, order_by="-filename", limit=2) == ["shared.py", "new.py"]
    assert files(broken, filename_pattern="HARED|new") == ["new.py", "shared.py"]
    assert files(broken, filename_prefix_pattern="mine/") == ["mine/a.py", "mine/a.py"]
    assert files(broken, bundle_name="dags-folder") == files(broken)
    assert files(broken, bundle_name="other") == []
    assert broken.client.get(URL, params={"order_by": "speed"}).status_code == 400


def test_whoever_may_not_see_every_dag_of_a_file_sees_no_trace_of_it(broken: ApiStage) -> None:
    """S03"""
    numbers = {row["filename"]: row["import_error_id"] for row in errors(broken)}
    only_sees(broken, DagScope(ids=frozenset({"mine", "alone"})))
    assert files(broken) == ["mine/a.py", "mine/a.py"]
    assert "canary" not in broken.client.get(URL).text
    for file in ("shared.py", "new.py"):
        assert files(broken, filename=file) == []
        assert broken.client.get(f"{URL}/{numbers[file]}").status_code == 404
    only_sees(broken, DagScope(ids=frozenset({"mine", "theirs"})))
    assert files(broken) == ["shared.py"]
    only_sees(broken, DagScope(folders=frozenset({"mine"})))
    assert files(broken) == ["mine/a.py", "mine/a.py"]
    only_sees(broken, DagScope(everything=True), DagScope(ids=frozenset({"mine"})))
    assert files(broken) == [], "the errors of Dags that they may not see are none of theirs"


def test_a_dag_that_an_error_names_counts_as_one_of_its_file(broken: ApiStage) -> None:
    with broken._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE import_error SET dag_id = 'stranger' WHERE position = 1")
    only_sees(broken, DagScope(ids=frozenset({"alone"})))
    assert files(broken) == []
