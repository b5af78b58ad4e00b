"""Users and roles over HTTP."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from login_stage import PASSWORD, basic, make_stage, migrated
from sqlalchemy import select

from tradewind.store import tables as t
from tradewind.testing.api_stage import ApiStage


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def stage(tmp_path: Path, database: Path) -> Iterator[ApiStage]:
    stage = make_stage(tmp_path, database, ("root", "Admin"))
    stage.client.headers.update(basic("root"))
    yield stage
    stage.close()


NEW = {"username": "kim", "password": PASSWORD, "email": "kim@x.org", "first_name": "수민", "roles": ["Viewer"]}


def test_a_user_is_made_changed_and_removed(stage: ApiStage) -> None:
    made = stage.client.post("/ui/users", json=NEW)
    assert made.status_code == 201, made.text
    assert made.json() == {
        "username": "kim", "email": "kim@x.org", "first_name": "수민", "last_name": "", "roles": ["Viewer"],
        "is_active": True, "has_password": True, "external": None, "login_count": 0, "failed_logins": 0,
        "last_login_at": None, "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
    }  # fmt: skip
    assert PASSWORD not in made.text
    assert stage.client.get("/api/v2/dags", headers=basic("kim")).status_code == 200
    assert stage.client.post("/ui/users", json=NEW).status_code == 409
    changed = stage.client.patch("/ui/users/kim", json={"is_active": False})
    assert (changed.status_code, changed.json()["is_active"]) == (200, False)
    assert stage.client.get("/api/v2/dags", headers=basic("kim")).status_code == 401
    stage.client.patch("/ui/users/kim", json={"is_active": True, "roles": ["User"]})
    assert stage.client.post("/ui/users/kim/password", json={"password": "another"}).status_code == 204
    assert stage.client.get("/api/v2/dags", headers=basic("kim", "another")).status_code == 200
    assert stage.client.delete("/ui/users/kim").status_code == 204
    assert stage.client.get("/ui/users/kim").status_code == 404
    assert stage.client.delete("/ui/users/kim").status_code == 404
    last = stage.client.delete("/ui/users/root")
    assert (last.status_code, "last Admin" in last.json()["detail"]) == (400, True)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({**NEW, "username": "a/b"}, 400),
        ({**NEW, "username": ""}, 422),
        ({**NEW, "password": ""}, 422),
        ({**NEW, "password": None}, 422),
        ({**NEW, "roles": ["Boss"]}, 400),
        ({**NEW, "roles": "Admin"}, 422),
        ({**NEW, "email": "a\nb"}, 400),
        ({**NEW, "password_hash": "x"}, 422),
        ([], 422),
        (None, 422),
    ],
)
def test_a_user_that_cannot_be_is_refused_without_the_password(stage: ApiStage, body: Any, status: int) -> None:
    answer = stage.client.post("/ui/users", json=body)
    assert answer.status_code == status, answer.text
    assert PASSWORD not in answer.text


def test_users_are_listed_page_by_page_and_found_by_a_part_of_their_names(stage: ApiStage) -> None:
    for name in ("kim", "lee", "l%e"):
        assert stage.client.post("/ui/users", json={**NEW, "username": name, "email": f"{name}@x.org"}).is_success

    def names(**query: Any) -> list[str]:
        answer = stage.client.get("/ui/users", params=query)
        assert answer.status_code == 200, answer.text
        return [row["username"] for row in answer.json()["users"]]

    assert names() == ["kim", "l%e", "lee", "root"]
    assert names(order_by="-username", limit=2, offset=1) == ["lee", "l%e"]
    assert names(name="L%E") == ["l%e"]
    assert names(name="@X.ORG") == ["kim", "l%e", "lee"]
    assert stage.client.get("/ui/users", params={"order_by": "password_hash"}).status_code == 400


def test_every_change_leaves_one_command_without_secrets(stage: ApiStage) -> None:
    stage.client.post("/ui/users", json=NEW)
    stage.client.patch("/ui/users/kim", json={"email": "new@x.org"})
    stage.client.post("/ui/users/kim/password", json={"password": "Opensesame"})
    stage.client.put("/ui/roles/Viewer", json={"grants": []})
    stage.client.delete("/ui/users/kim")
    with stage.reading.connect() as connection:
        rows = connection.execute(select(t.command.c.kind, t.command.c.actor, t.command.c.body)).all()
    asked = [(row.kind, row.actor) for row in rows if row.actor == "root"]
    kinds = ("account.create", "account.update", "account.password", "role.set", "account.delete")
    assert asked == [(kind, "root") for kind in kinds]
    assert not any(secret in row.body for row in rows for secret in ("argon2", "Opensesame", PASSWORD))


def test_roles_are_made_of_grants_that_are_checked(stage: ApiStage) -> None:
    listed = stage.client.get("/ui/roles").json()
    assert [role["name"] for role in listed["roles"]] == ["Admin", "Op", "Public", "User", "Viewer"]
    assert "run" in listed["of_dags"]
    assert "variable" not in listed["of_dags"]
    grant = {"actions": ["read"], "resources": ["run"], "dags": {"folders": ["etl"]}}
    made = stage.client.post("/ui/roles", json={"name": "etl", "grants": [grant]})
    assert made.status_code == 201, made.text
    assert made.json() == {"name": "etl", "built_in": [], "grants": [grant], "from_dags": [], "can_be_deleted": True}
    assert stage.client.post("/ui/roles", json={"name": "etl"}).status_code == 409
    wrong = stage.client.put("/ui/roles/etl", json={"grants": [{"actions": ["fly"], "resources": ["run"]}]})
    assert (wrong.status_code, "'fly'" in wrong.json()["detail"]) == (400, True)
    assert stage.client.put("/ui/roles/none", json={"grants": []}).status_code == 404
    viewer = stage.client.put("/ui/roles/Viewer", json={"grants": [grant]}).json()
    assert viewer["grants"] == [grant]
    assert len(viewer["built_in"]) == 2
    stage.client.post("/ui/users", json={**NEW, "roles": ["etl"]})
    held = stage.client.delete("/ui/roles/etl")
    assert (held.status_code, "held by kim" in held.json()["detail"]) == (400, True)
    stage.client.patch("/ui/users/kim", json={"roles": []})
    assert stage.client.delete("/ui/roles/etl").status_code == 204
    assert stage.client.delete("/ui/roles/Op").status_code == 400


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%00", "a%2Fb", "%F0%9F%92%A5", "x" * 5000, "'; DROP TABLE account; --"]
)
def test_odd_names_in_paths_are_answered_in_good_order(stage: ApiStage, name: str) -> None:
    for path in ("/ui/users/", "/ui/roles/"):
        for method in ("GET", "DELETE"):
            answer = stage.client.request(method, f"{path}{name}")
            assert answer.status_code in (400, 404, 405, 307), (method, path, answer.status_code)
        assert stage.client.patch(f"/ui/users/{name}", json={"email": "x"}).status_code in (400, 404, 405, 307)
