"""Who may call what: every route of the API against every role, in one table. A new route is written here first."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from login_stage import make_stage, migrated, token_of
from twins import TWINS

from tradewind.api import routing
from tradewind.api.routing import OPEN, Routes, Undeclared, check_declared, serve, served_by
from tradewind.core.access import Action, Resource
from tradewind.testing.api_stage import ApiStage

ROLES = ("Admin", "Op", "User", "Viewer")
ALL, ADMINS = frozenset(ROLES), frozenset({"Admin"})
OPERATORS, USERS = ADMINS | {"Op"}, ADMINS | {"Op", "User"}

EVERYBODY = None
"""Also without a login."""

PAGE = "/ui/dags/{dag_id}"
DAG = "/api/v2/dags/{dag_id}"
RUN = f"{DAG}/dagRuns/{{dag_run_id}}"
TASK = f"{RUN}/taskInstances/{{task_id}}"

MAY: dict[str, frozenset[str] | None] = {
    "GET /health": EVERYBODY,
    "GET /metrics": EVERYBODY,  # looks itself: this machine, or who may read the system
    "GET /api/v2/monitor/health": EVERYBODY,
    # what the API says of itself
    "GET /openapi.json": ALL,
    "GET /docs": EVERYBODY,  # the page alone, which says nothing of this installation
    "GET /docs/{name}": EVERYBODY,
    "GET /redoc": EVERYBODY,
    # logging in and out
    "POST /auth/token": EVERYBODY,
    "POST /auth/token/cli": EVERYBODY,
    "GET /auth/token": EVERYBODY,  # only where there is no login at all
    "POST /auth/login": EVERYBODY,
    "POST /auth/logout": EVERYBODY,
    "GET /auth/me": EVERYBODY,  # 401 for who is nobody
    "GET /auth/providers": EVERYBODY,
    "GET /auth/oidc/login": EVERYBODY,
    "GET /auth/oidc/callback": EVERYBODY,
    "GET /auth/oidc/logout": EVERYBODY,
    "GET /api/v2/auth/login": EVERYBODY,
    "GET /api/v2/auth/logout": EVERYBODY,
    "GET /auth/sessions": ALL,
    "DELETE /auth/sessions": ALL,
    "DELETE /auth/sessions/{session_id}": ALL,
    "POST /auth/password": ALL,
    # live updates
    "GET /ui/stream": ALL,
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
    # the web UI: its files, and what its pages ask for
    "GET /static/{name:path}": EVERYBODY,
    "GET /favicon.svg": EVERYBODY,
    "GET /ui/session": ALL,
    "GET /ui/alerts": ALL,
    "GET /ui/alerts/notices": ALL,
    "GET /ui/alerts/rules": ALL,
    "PUT /ui/alerts/rules/{name:path}": OPERATORS,
    "DELETE /ui/alerts/rules/{name:path}": OPERATORS,
    "POST /ui/alerts/silences": OPERATORS,
    "DELETE /ui/alerts/silences/{silence_id}": OPERATORS,
    "POST /ui/alerts/check": ADMINS,
    "GET /ui/dags": ALL,
    "GET /ui/import-errors": ALL,
    "GET /ui/settings": OPERATORS,
    "GET /ui/dag_facets": ALL,
    "GET /ui/home": ALL,
    "GET /ui/counts": ALL,
    "GET /ui/find": ALL,
    "GET /ui/charts": ALL,
    "GET /ui/workers": ALL,
    "GET /ui/scheduler": ALL,
    f"GET {PAGE}/head": ALL,
    f"GET {PAGE}/graph": ALL,
    f"GET {PAGE}/run_states": ALL,
    f"GET {PAGE}/overview": ALL,
    f"GET {PAGE}/history": ALL,
    f"GET {PAGE}/calendar": ALL,
    f"GET {PAGE}/backfills": ALL,
    f"POST {PAGE}/backfill_plan": USERS,
    f"GET {PAGE}/grid": ALL,
    f"GET {PAGE}/task": ALL,
    f"GET {PAGE}/task/page": ALL,
    f"GET {PAGE}/task/why": ALL,
    f"GET {PAGE}/log": ALL,
    f"GET {PAGE}/log/file": ALL,
    f"GET {PAGE}/log/group": ALL,
    f"GET {PAGE}/log/growth": ALL,
    f"GET {PAGE}/log/search": ALL,
    f"GET {PAGE}/run": ALL,
    f"GET {PAGE}/run/why": ALL,
    f"GET {PAGE}/run/timeline": ALL,
    # Dags
    "GET /api/v2/dags": ALL,
    "GET /api/v2/dags/{dag_id}": ALL,
    "PATCH /api/v2/dags/{dag_id}": USERS,
    "DELETE /api/v2/dags/{dag_id}": USERS,
    # one Dag
    f"GET {DAG}/details": ALL,
    f"POST {DAG}/favorite": ALL,
    f"POST {DAG}/unfavorite": ALL,
    f"GET {DAG}/assets/queuedEvents": ALL,
    f"DELETE {DAG}/assets/queuedEvents": USERS,
    f"GET {DAG}/assets/{{asset_id}}/queuedEvents": ALL,
    f"DELETE {DAG}/assets/{{asset_id}}/queuedEvents": USERS,
    f"POST {DAG}/clearDagRuns": USERS,
    f"POST {DAG}/clearPartitions": USERS,
    f"POST {DAG}/dagRuns": USERS,
    f"PATCH {DAG}/dagRuns": USERS,
    f"GET {DAG}/dagRuns": ALL,
    f"POST {DAG}/dagRuns/list": ALL,
    f"POST {DAG}/clearTaskInstances": USERS,
    f"GET {DAG}/dagVersions": ALL,
    f"GET {DAG}/dagVersions/{{version_number}}": ALL,
    f"GET {DAG}/tasks": ALL,
    f"GET {DAG}/tasks/{{task_id}}": ALL,
    # one run
    f"GET {RUN}/upstreamAssetEvents": ALL,
    f"POST {RUN}/clear": USERS,
    f"GET {RUN}/wait": ALL,
    f"PATCH {RUN}": USERS,
    f"DELETE {RUN}": USERS,
    f"GET {RUN}": ALL,
    f"GET {RUN}/hitlDetails": ALL,
    f"GET {RUN}/taskInstances": ALL,
    f"POST {RUN}/taskInstances/list": ALL,
    f"PATCH {RUN}/taskGroupInstances/{{group_id}}": USERS,
    f"PATCH {RUN}/taskGroupInstances/{{group_id}}/dry_run": USERS,
    f"PATCH {RUN}/taskInstances": USERS,
    # one task
    f"GET {TASK}/logs/{{try_number}}": ALL,
    f"GET {TASK}/externalLogUrl/{{try_number}}": ALL,
    f"GET {TASK}/links": ALL,
    f"GET {TASK}/{{map_index}}/hitlDetails": ALL,
    f"PATCH {TASK}/{{map_index}}/hitlDetails": USERS,
    f"GET {TASK}/{{map_index}}/hitlDetails/tries/{{try_number}}": ALL,
    f"GET {TASK}/state-store": ALL,
    f"GET {TASK}/state-store/{{key:path}}": ALL,
    f"PUT {TASK}/state-store/{{key:path}}": USERS,
    f"PATCH {TASK}/state-store/{{key:path}}": USERS,
    f"DELETE {TASK}/state-store/{{key:path}}": USERS,
    f"DELETE {TASK}/state-store": USERS,
    f"GET {TASK}/xcomEntries": ALL,
    f"GET {TASK}/xcomEntries/{{xcom_key:path}}": ALL,
    f"POST {TASK}/xcomEntries": USERS,
    f"PATCH {TASK}/xcomEntries/{{xcom_key:path}}": USERS,
    f"DELETE {TASK}/xcomEntries/{{xcom_key:path}}": USERS,
    f"GET {TASK}/listMapped": ALL,
    f"GET {TASK}": ALL,
    f"GET {TASK}/dependencies": ALL,
    f"GET {TASK}/tries": ALL,
    f"GET {TASK}/tries/{{task_try_number}}": ALL,
    f"GET {TASK}/{{map_index}}": ALL,
    f"GET {TASK}/{{map_index}}/dependencies": ALL,
    f"GET {TASK}/{{map_index}}/tries": ALL,
    f"GET {TASK}/{{map_index}}/tries/{{task_try_number}}": ALL,
    f"PATCH {TASK}": USERS,
    f"PATCH {TASK}/dry_run": USERS,
    f"PATCH {TASK}/{{map_index}}": USERS,
    f"PATCH {TASK}/{{map_index}}/dry_run": USERS,
    f"DELETE {TASK}": USERS,
    # the rest of /api/v2
    "PATCH /api/v2/dags": USERS,
    "POST /api/v2/assets/{asset_id}/materialize": USERS,
    "GET /api/v2/assets/{asset_id}/state-store": ALL,
    "DELETE /api/v2/assets/{asset_id}/state-store": USERS,
    "GET /api/v2/assets/{asset_id}/state-store/{key:path}": ALL,
    "PUT /api/v2/assets/{asset_id}/state-store/{key:path}": USERS,
    "DELETE /api/v2/assets/{asset_id}/state-store/{key:path}": USERS,
    "GET /api/v2/assets": ALL,
    "GET /api/v2/assets/aliases": ALL,
    "GET /api/v2/assets/aliases/{asset_alias_id}": ALL,
    "GET /api/v2/assets/events": ALL,
    "POST /api/v2/assets/events": USERS,
    "GET /api/v2/assets/{asset_id}/queuedEvents": ALL,
    "DELETE /api/v2/assets/{asset_id}/queuedEvents": USERS,
    "GET /api/v2/assets/{asset_id}": ALL,
    "GET /api/v2/backfills": ALL,
    "POST /api/v2/backfills": USERS,
    "POST /api/v2/backfills/dry_run": USERS,
    "GET /api/v2/backfills/{backfill_id}": ALL,
    "PUT /api/v2/backfills/{backfill_id}/pause": USERS,
    "PUT /api/v2/backfills/{backfill_id}/unpause": USERS,
    "PUT /api/v2/backfills/{backfill_id}/cancel": USERS,
    "GET /api/v2/config": OPERATORS,
    "GET /api/v2/config/section/{section}/option/{option}": OPERATORS,
    "POST /api/v2/connections/test": OPERATORS,
    "POST /api/v2/connections/enqueue-test": OPERATORS,
    "GET /api/v2/connections/enqueue-test": OPERATORS,
    "POST /api/v2/connections/defaults": OPERATORS,
    "GET /api/v2/connections": OPERATORS,
    "POST /api/v2/connections": OPERATORS,
    "PATCH /api/v2/connections": OPERATORS,
    "GET /api/v2/connections/{connection_id}": OPERATORS,
    "PATCH /api/v2/connections/{connection_id}": OPERATORS,
    "DELETE /api/v2/connections/{connection_id}": OPERATORS,
    "GET /api/v2/eventLogs": ALL,
    "GET /api/v2/eventLogs/{event_log_id}": ALL,
    "GET /api/v2/importErrors": ALL,
    "GET /api/v2/importErrors/{import_error_id}": ALL,
    "GET /api/v2/pools": ALL,
    "POST /api/v2/pools": OPERATORS,
    "PATCH /api/v2/pools": OPERATORS,
    "GET /api/v2/pools/{pool_name:path}": ALL,
    "PATCH /api/v2/pools/{pool_name:path}": OPERATORS,
    "DELETE /api/v2/pools/{pool_name:path}": OPERATORS,
    "GET /api/v2/jobs": ALL,
    "GET /api/v2/plugins": ALL,
    "GET /api/v2/plugins/importErrors": ALL,
    "GET /api/v2/providers": ALL,
    "GET /api/v2/version": EVERYBODY,
    "GET /api/v2/variables": OPERATORS,
    "POST /api/v2/variables": OPERATORS,
    "PATCH /api/v2/variables": OPERATORS,
    "GET /api/v2/variables/{variable_key:path}": OPERATORS,
    "PATCH /api/v2/variables/{variable_key:path}": OPERATORS,
    "DELETE /api/v2/variables/{variable_key:path}": OPERATORS,
    "GET /api/v2/dagTags": ALL,
    "GET /api/v2/dagStats": ALL,
    "GET /api/v2/dagWarnings": ALL,
    "PUT /api/v2/parseDagFile/{file_token}": USERS,
    "GET /api/v2/dagSources/{dag_id}": ALL,
}


REFUSED = {
    "GET /ui/settings",
    "POST /api/v2/connections/test",
    "POST /api/v2/connections/enqueue-test",
    "GET /api/v2/config",
    "GET /api/v2/config/section/{section}/option/{option}",
}
"""Whoever may call these is refused by the settings as they are."""


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiStage]:
    folder = tmp_path_factory.mktemp("permissions")
    stage = make_stage(folder / "home", migrated(folder), *((role.lower(), role) for role in ROLES))
    yield stage
    stage.close()


def test_the_table_has_every_route_and_no_other(stage: ApiStage) -> None:
    """S02"""
    assert {f"{route.method} {route.path}" for route in served_by(stage.app)} == set(MAY)


def test_routes_that_anybody_may_call_are_those_of_the_table(stage: ApiStage) -> None:
    declared = {f"{route.method} {route.path}": route.need for route in served_by(stage.app)}
    assert {name for name, need in declared.items() if need is OPEN} == {name for name in MAY if MAY[name] is EVERYBODY}


def test_each_route_of_the_first_api_needs_what_its_twin_needs(stage: ApiStage) -> None:
    today = {f"{route.method} {route.path}": route.need for route in served_by(stage.app)}
    first = {f"{route.method} {route.path}": route.need for route in served_by(stage.app.state.v1.app)}
    assert first == {name: today[twin] for name, twin in TWINS.items()}


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("api", ["", "/api/v1"])
def test_a_role_is_let_through_where_the_table_says_so(stage: ApiStage, role: str, api: str) -> None:
    """S02: What it gets there does not matter: there is nothing of that name, or nothing in the body."""
    token = token_of(stage, role.lower())
    left_out = {"DELETE /auth/sessions", *REFUSED}
    table = {name: MAY[twin] for name, twin in TWINS.items() if twin not in left_out} if api else MAY
    guarded = {name: roles for name, roles in table.items() if roles is not None and name not in left_out}
    found = {}
    for name in guarded:
        method, path = name.replace(" ", f" {api}", 1).split(" ")
        path = path.replace("{", "no-").replace("}", "")
        answer = stage.client.request(method, path, headers={"Authorization": f"Bearer {token}"}, json={})
        assert answer.status_code != 401, name
        assert answer.status_code < 500, (name, answer.text)
        found[name] = answer.status_code != 403
    assert found == {name: role in roles for name, roles in guarded.items()}


def test_a_route_that_does_not_say_what_it_needs_is_not_served() -> None:
    """S02"""
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
    bare = FastAPI(openapi_url=None)
    with pytest.raises(Undeclared, match="/unsaid"):
        serve(bare, routes)
    assert not bare.routes
    with pytest.raises(Undeclared):
        check_declared(FastAPI(openapi_url=None))


def test_reading_is_what_a_get_needs() -> None:
    routes = Routes("Test")

    def handler() -> None: ...

    routes.get("/x", Resource.DAG)(handler)
    assert handler.need == routing.Need(Action.READ, Resource.DAG)  # type: ignore[attr-defined]


def test_a_route_is_worked_out_when_it_is_asked_for() -> None:
    """To know what a route takes and gives costs milliseconds and memory; most routes of a server are never called."""
    asked: list[str] = []

    def extra() -> dict[str, str]:
        asked.append("extra")
        return {"x-said": "yes"}

    def handler(number: int) -> dict[str, int]:
        return {"number": number}

    routes = Routes("Test", prefix="/t")
    routes.get("/{number}", OPEN, openapi_extra=extra)(handler)
    app = FastAPI()
    serve(app, routes)
    (route,) = (route for route in served_by(app) if route.path == "/t/{number}")
    assert route.need is None
    (kept,) = routes.router.routes
    assert "dependant" not in vars(kept)
    client = TestClient(app)
    assert client.post("/t/5").status_code == 405
    assert "dependant" not in vars(kept)
    assert client.get("/t/5").json() == {"number": 5}
    assert client.get("/t/x").status_code == 422
    assert "dependant" in vars(kept)
    assert asked == ["extra"]
    assert app.openapi()["paths"]["/t/{number}"]["get"]["x-said"] == "yes"
    with pytest.raises(AttributeError, match="nothing_of_it"):
        _ = kept.nothing_of_it  # type: ignore[attr-defined]
