"""S03: rights that files of Dags give to roles (`access_control=`), over HTTP and with real accounts."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from login_stage import HASH, basic, change, make_stage, migrated

from tradewind.store import accounts
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


@pytest.mark.parametrize("stored", ["{", "5", '{"DAGs": 5}', '{"DAGs": [5]}', b"\xff"])
def test_rights_that_cannot_be_read_give_nothing_and_nothing_else_stops(
    stage: ApiStage, caplog: pytest.LogCaptureFixture, stored: object
) -> None:
    loaded(stage, "etl", team=READS)
    loaded(stage, "more", team=READS)
    damage(stage, "UPDATE dag_access SET rights = ? WHERE dag_id = 'etl'", stored)
    roles_in_memory_are_forgotten()
    assert seen(stage) == ["more"]
    assert stage.client.get("/api/v2/dags/etl", headers=KIM).status_code == 404
    role = stage.client.get("/ui/roles/team", headers=basic("root")).json()
    assert [grant["dags"] for grant in role["from_dags"]] == [{"ids": ["more"]}]
    said = [record.getMessage() for record in caplog.records if "dag_access" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("Table dag_access, row with role 'team' and dag_id 'etl': its rights cannot be read (")


@pytest.mark.parametrize("stored", ["[", "5", '[{"actions": ["fly"], "resources": ["dag"]}]', b"\xff"])
def test_a_role_that_cannot_be_read_grants_nothing_and_nothing_else_stops(
    stage: ApiStage, caplog: pytest.LogCaptureFixture, stored: object
) -> None:
    loaded(stage, "etl", team=READS)
    loaded(stage, "more")
    grants = [{"actions": ["read"], "resources": ["dag"]}]
    change(stage, "role.set", name="team", grants=grants)
    change(stage, "role.set", name="well", grants=grants, new=True)
    change(stage, "account.create", username="lee", roles=["well"], password_hash=HASH)
    assert seen(stage) == ["etl", "more"]
    damage(stage, "UPDATE role SET grants = ? WHERE name = 'team'", stored)
    roles_in_memory_are_forgotten()
    assert seen(stage) == ["etl"]  # what its file gives
    assert stage.client.get("/api/v2/dags/more", headers=basic("lee")).status_code == 200
    listed = stage.client.get("/ui/roles", headers=basic("root")).json()["roles"]
    assert {"name": "team", "grants": []}.items() <= next(r for r in listed if r["name"] == "team").items()
    said = [record.getMessage() for record in caplog.records if "Table role" in record.getMessage()]
    assert len(said) == 1
    assert said[0].startswith("Table role, row with name 'team': its grants cannot be read (")
    assert "so it grants nothing" in said[0]
    change(stage, "role.set", name="team", grants=grants)
    assert seen(stage) == ["etl", "more"]


def test_an_account_whose_roles_cannot_be_read_has_none_and_is_no_admin(stage: ApiStage) -> None:
    damage(stage, "UPDATE account SET roles = 'Viewer' WHERE username = 'kim'")
    assert stage.client.get("/api/v2/dags", headers=KIM).status_code == 403
    users = stage.client.get("/ui/users", headers=basic("root")).json()["users"]
    assert {user["username"]: user["roles"] for user in users} == {"kim": [], "root": ["Admin"]}
    change(stage, "account.update", username="kim", roles=["Viewer"])
    assert stage.client.get("/api/v2/dags", headers=KIM).status_code == 200


def damage(stage: ApiStage, sql: str, *values: object) -> None:
    """Change what is stored behind everybody's back."""
    with (
        closing(sqlite3.connect(stage.app.state.installation.settings.home / "tradewind.db")) as connection,
        connection,
    ):
        assert connection.execute(sql, values).rowcount == 1


def roles_in_memory_are_forgotten() -> None:
    """As in a process that has read none of these rows before."""
    accounts._granted.cache_clear()
    accounts._given.cache_clear()
