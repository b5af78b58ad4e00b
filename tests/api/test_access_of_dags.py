"""S03: rights that files of Dags give to roles (`access_control=`), over HTTP and with real accounts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from login_stage import HASH, basic, change, make_stage, migrated

from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag

KIM = basic("kim")
READS = {"DAGs": ["can_read"]}
EDITS = {"DAGs": ["can_edit", "can_read"], "DAG Runs": ["can_create"]}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[ApiStage]:
    """Kim has a role of no rights of its own."""
    stage = make_stage(tmp_path / "home", migrated(tmp_path), ("root", "Admin"))
    change(stage, "role.set", name="team", grants=[], new=True)
    change(stage, "account.create", username="kim", roles=["team"], password_hash=HASH)
    yield stage
    stage.close()


def loaded(stage: ApiStage, dag_id: str, **access: object) -> None:
    stage.load(dag("a", dag_id=dag_id, extra={"access_control": access} if access else {}), f"# {access}")


def seen(stage: ApiStage) -> list[str]:
    """The Dags that Kim may see; none where Kim may see no Dag at all."""
    answer = stage.client.get("/api/v2/dags", headers=KIM)
    assert answer.status_code in (200, 403)
    return [each["dag_id"] for each in answer.json().get("dags", ())]


def test_rights_come_and_go_with_the_file(stage: ApiStage) -> None:
    loaded(stage, "etl", team=READS)
    loaded(stage, "other")
    assert seen(stage) == ["etl"]
    assert stage.client.get("/api/v2/dags/other", headers=KIM).status_code == 404
    path = "/api/v2/dags/etl"
    assert stage.client.patch(path, json={"is_paused": True}, headers=KIM).status_code == 403
    loaded(stage, "etl", team=EDITS)
    assert stage.client.patch(path, json={"is_paused": True}, headers=KIM).status_code == 200
    run = {"logical_date": None, "dag_run_id": "r"}
    assert stage.client.post(f"{path}/dagRuns", json=run, headers=KIM).status_code == 200
    assert stage.client.post("/api/v2/dags/other/dagRuns", json=run, headers=KIM).status_code == 404
    assert stage.client.delete(path, headers=KIM).status_code == 403
    loaded(stage, "etl")
    assert stage.client.get(path, headers=KIM).status_code == 403
    assert seen(stage) == []


def test_a_dag_that_is_deleted_takes_its_rights_with_it(stage: ApiStage) -> None:
    loaded(stage, "etl", team=READS)
    change(stage, "dag.delete", dag_id="etl")
    loaded(stage, "etl")
    assert seen(stage) == []


def test_what_is_given_to_a_role_that_there_is_not_waits_for_it(stage: ApiStage) -> None:
    loaded(stage, "etl", later=READS)
    change(stage, "account.update", username="kim", roles=["team"])
    assert seen(stage) == []
    change(stage, "role.set", name="later", grants=[], new=True)
    change(stage, "account.update", username="kim", roles=["later"])
    assert seen(stage) == ["etl"]


def test_rights_of_files_are_shown_with_the_role(stage: ApiStage) -> None:
    loaded(stage, "etl", team=READS)
    loaded(stage, "more", team=READS)
    role = stage.client.get("/ui/roles/team", headers=basic("root")).json()
    (grant,) = role["from_dags"]
    assert (grant["actions"], grant["dags"]) == (["read"], {"ids": ["etl", "more"]})
    assert role["grants"] == []
    listed = stage.client.get("/ui/roles", headers=basic("root")).json()["roles"]
    assert [each["name"] for each in listed if each["from_dags"]] == ["team"]
