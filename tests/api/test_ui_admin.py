"""What administrators' pages ask for beyond the public API: problems of files, and settings with their sources."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tradewind.config import load_settings
from tradewind.config.settings import SECTIONS
from tradewind.core.access import Action, DagScope, Grant, Resource, Role
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


@pytest.fixture
def broken(stage: ApiStage) -> ApiStage:
    """`shared.py` has Dags of two people and a traceback, `mine/a.py` a sentence about one of its own."""
    stage.load(dag("a", dag_id="mine", file="shared.py"))
    stage.load(dag("a", dag_id="canary_theirs", file="shared.py"))
    stage.load(dag("a", dag_id="alone", file="mine/a.py"))
    rows = [
        ("shared.py", 0, "", 12, "ImportError", "canary", "canary traceback", 7),
        ("mine/a.py", 0, "alone", None, "", "a sentence", "", 9),
    ]
    with stage._engine.begin() as connection:
        for row in rows:
            connection.exec_driver_sql(
                "INSERT INTO import_error (file, position, dag_id, line, kind, message, traceback, at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                row,
            )
    return stage


def problems(stage: ApiStage, **query: Any) -> dict[str, Any]:
    answer = stage.client.get("/ui/import-errors", params=query)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_problem_says_where_it_is_and_which_dags_run_on(broken: ApiStage) -> None:
    found = problems(broken)
    assert found["total"] == 2
    assert [each["file"] for each in found["problems"]] == ["mine/a.py", "shared.py"], "newest first"
    assert found["problems"][1] == {
        "file": "shared.py",
        "position": 0,
        "line": 12,
        "kind": "ImportError",
        "message": "canary",
        "traceback": "canary traceback",
        "dag_id": "",
        "at": 7,
        "dags": [{"dag_id": "canary_theirs", "is_paused": False}, {"dag_id": "mine", "is_paused": False}],
    }
    assert [each["file"] for each in problems(broken, newest=False, file="shared")["problems"]] == ["shared.py"]
    assert problems(broken, limit=1, offset=1)["problems"][0]["file"] == "shared.py"


def test_a_dag_that_is_gone_does_not_run_on(broken: ApiStage) -> None:
    with broken._engine.begin() as connection:
        connection.exec_driver_sql("UPDATE dag SET is_stale = 1 WHERE dag_id = 'canary_theirs'")
    assert problems(broken, file="shared")["problems"][0]["dags"] == [{"dag_id": "mine", "is_paused": False}]


def test_whoever_may_not_see_every_dag_of_a_file_sees_nothing_of_it(broken: ApiStage) -> None:
    scope = DagScope(ids=frozenset({"mine", "alone"}))
    reads = Grant(frozenset({Action.READ}), frozenset({Resource.IMPORT_ERROR, Resource.DAG}), scope)
    broken.gate.be("kim", Role("some", (reads,)))
    answer = broken.client.get("/ui/import-errors")
    assert [each["file"] for each in answer.json()["problems"]] == ["mine/a.py"]
    assert "canary" not in answer.text


@contextmanager
def shown(tmp_path: Path, migrated: Path, value: str) -> Iterator[ApiStage]:
    shutil.copy(migrated, tmp_path / "tradewind.db")
    environ = {
        "TRADEWIND_HOME": str(tmp_path), "AIRFLOW__API__EXPOSE_CONFIG": value, "TRADEWIND__CORE__PARALLELISM": "7",
        "AIRFLOW__CORE__FERNET_KEY": "canary" * 7 + "A=", "AIRFLOW__MINE__MY_PASSWORD": "canary-3",
    }  # fmt: skip
    stage = ApiStage(load_settings(environ=environ))
    try:
        yield stage
    finally:
        stage.close()


def test_settings_come_with_their_sources_and_without_their_secrets(tmp_path: Path, migrated: Path) -> None:
    with shown(tmp_path, migrated, "True") as stage:
        answer = stage.client.get("/ui/settings")
    assert "canary" not in answer.text
    rows = {(row["section"], row["key"]): row for row in answer.json()["settings"]}
    assert {section for section, _ in rows} == {*SECTIONS, "mine"}
    assert rows["core", "parallelism"] == {
        "section": "core",
        "key": "parallelism",
        "value": "7",
        "source": "TRADEWIND__CORE__PARALLELISM",
        "is_default": False,
        "is_secret": False,
        "is_used": True,
        "help": "Most tasks running at once in this installation.",
    }
    assert rows["core", "fernet_key"]["is_secret"]
    assert rows["mine", "my_password"]["value"] == "< hidden >"
    assert not rows["core", "executor"]["is_used"]
    assert rows["core", "max_active_tasks_per_dag"]["source"] == "default"


def test_settings_are_refused_where_the_configuration_is_not_shown(tmp_path: Path, migrated: Path) -> None:
    with shown(tmp_path, migrated, "False") as stage:
        answer = stage.client.get("/ui/settings")
    assert answer.status_code == 403
    assert "expose_config" in answer.json()["detail"]
