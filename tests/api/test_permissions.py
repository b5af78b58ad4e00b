"""Who may call what: every route of the API against every role, in one table. A new route is written here first."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from login_stage import make_stage, migrated, token_of

from tradewind.api import routing
from tradewind.api.routing import OPEN, Routes, Undeclared, check_declared, served_by
from tradewind.core.access import Action, Resource
from tradewind.testing.api_stage import ApiStage

ROLES = ("Admin", "Op", "User", "Viewer")
ALL, ADMINS = frozenset(ROLES), frozenset({"Admin"})
OPERATORS, USERS = ADMINS | {"Op"}, ADMINS | {"Op", "User"}

EVERYBODY = None
"""Also without a login."""

MAY: dict[str, frozenset[str] | None] = {
    "GET /health": EVERYBODY,
    "GET /metrics": EVERYBODY,  # looks itself: this machine, or who may read the system
    "GET /api/v2/monitor/health": EVERYBODY,
    # logging in and out
    "POST /auth/token": EVERYBODY,
    "POST /auth/token/cli": EVERYBODY,
    "GET /auth/token": EVERYBODY,  # only where there is no login at all
    "POST /auth/login": EVERYBODY,
    "POST /auth/logout": EVERYBODY,
    "GET /auth/me": EVERYBODY,  # 401 for who is nobody
    "GET /api/v2/auth/login": EVERYBODY,
    "GET /api/v2/auth/logout": EVERYBODY,
    "GET /auth/sessions": ALL,
    "DELETE /auth/sessions": ALL,
    "DELETE /auth/sessions/{session_id}": ALL,
    "POST /auth/password": ALL,
    # users and roles
    "GET /ui/users": ADMINS,
    "POST /ui/users": ADMINS,
    "GET /ui/users/{username}": ADMINS,
    "PATCH /ui/users/{username}": ADMINS,
    "DELETE /ui/users/{username}": ADMINS,
    "POST /ui/users/{username}/password": ADMINS,
    "GET /ui/roles": ADMINS,
    "POST /ui/roles": ADMINS,
    "GET /ui/roles/{name}": ADMINS,
    "PUT /ui/roles/{name}": ADMINS,
    "DELETE /ui/roles/{name}": ADMINS,
    # Dags
    "GET /api/v2/dags": ALL,
    "GET /api/v2/dags/{dag_id}": ALL,
    "PATCH /api/v2/dags/{dag_id}": USERS,
    "DELETE /api/v2/dags/{dag_id}": USERS,
}


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    folder = tmp_path_factory.mktemp("permissions")
    stage = make_stage(folder / "home", migrated(folder), *((role.lower(), role) for role in ROLES))
    yield stage
    stage.close()


def test_the_table_has_every_route_and_no_other(stage: ApiStage) -> None:
    assert {f"{route.method} {route.path}" for route in served_by(stage.app)} == set(MAY)


def test_routes_that_anybody_may_call_are_those_of_the_table(stage: ApiStage) -> None:
    declared = {f"{route.method} {route.path}": route.need for route in served_by(stage.app)}
    assert {name for name, need in declared.items() if need is OPEN} == {name for name in MAY if MAY[name] is EVERYBODY}


@pytest.mark.parametrize("role", ROLES)
def test_a_role_is_let_through_where_the_table_says_so(stage: ApiStage, role: str) -> None:
    """What it gets there does not matter: there is nothing of that name, or nothing in the body."""
    token = token_of(stage, role.lower())
    guarded = {name: roles for name, roles in MAY.items() if roles is not None and name != "DELETE /auth/sessions"}
    found = {}
    for name in guarded:
        method, path = name.split(" ")
        path = path.replace("{", "no-").replace("}", "")
        answer = stage.client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json={})
        assert answer.status_code != 401, name
        assert answer.status_code < 500, (name, answer.text)
        found[name] = answer.status_code != 403
    assert found == {name: role in roles for name, roles in guarded.items()}


def test_a_route_that_does_not_say_what_it_needs_is_not_served() -> None:
    routes = Routes("Test")
    routes.get("/said", Resource.DAG)(lambda: None)
    app = FastAPI()
    app.include_router(routes.router, prefix="/below")
    check_declared(app)
    assert [(route.path, str(route.need)) for route in served_by(app) if "below" in route.path] == [
        ("/below/said", "read dag")
    ]
    routes.router.get("/unsaid")(lambda: None)
    late = FastAPI()
    late.include_router(routes.router)
    with pytest.raises(Undeclared, match="/unsaid"):
        check_declared(late)
    with pytest.raises(Undeclared):
        check_declared(FastAPI(openapi_url=None))


def test_reading_is_what_a_get_needs() -> None:
    routes = Routes("Test")

    def handler() -> None: ...

    routes.get("/x", Resource.DAG)(handler)
    assert handler.need == routing.Need(Action.READ, Resource.DAG)  # type: ignore[attr-defined]
