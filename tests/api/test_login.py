"""Logging in and out over HTTP, with the gate that an installation has."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from login_stage import HASH, PASSWORD, basic, bearer, change, make_stage, migrated, token_of
from sqlalchemy import select

from tradewind.api.login.next_page import safe_next
from tradewind.api.routing import served_by
from tradewind.security.passwords import hash_password
from tradewind.store import tables as t
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.builders import dag


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def stage(tmp_path: Path, database: Path) -> Iterator[ApiStage]:
    stage = make_stage(tmp_path, database, ("root", "Admin"), ("kim", "Viewer"))
    stage.load(dag("a", dag_id="etl"))
    yield stage
    stage.close()


def dags(stage: ApiStage, **headers: str) -> httpx.Response:
    stage.client.cookies.clear()
    answer: httpx.Response = stage.client.get("/api/v2/dags", headers=headers)
    return answer


def browser(stage: ApiStage, username: str = "kim") -> dict[str, Any]:
    """Log in as the web UI does; the client keeps the cookie."""
    answer = stage.client.post("/auth/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


# --- without a login -----------------------------------------------------------------------------------------------

OPEN_PATHS = {
    ("GET", "/health"), ("GET", "/api/v2/monitor/health"), ("POST", "/auth/token"), ("POST", "/auth/token/cli"),
    ("POST", "/auth/login"), ("POST", "/auth/logout"), ("GET", "/api/v2/auth/login"), ("GET", "/api/v2/auth/logout"),
    ("GET", "/auth/providers"), ("GET", "/auth/oidc/login"),
    ("GET", "/auth/oidc/callback"), ("GET", "/auth/oidc/logout"),
    ("GET", "/api/v2/version"), ("GET", "/favicon.svg"), ("GET", "/static/{name:path}"),
    ("GET", "/docs"), ("GET", "/docs/{name}"), ("GET", "/redoc"),
}  # fmt: skip
"""What answers somebody who has not said who they are."""


def test_without_a_login_every_other_route_says_401(stage: ApiStage) -> None:
    """S01"""
    asked = {(route.method, route.path) for route in served_by(stage.app)} - OPEN_PATHS
    assert len(asked) > 15
    for method, path in sorted(asked):
        answer = stage.client.request(method, path.replace("{", "").replace("}", ""))
        wanted = 403 if (method, path) == ("GET", "/auth/token") else 401
        assert answer.status_code == wanted, (method, path, answer.text)
        if wanted == 401:
            assert answer.json() == {"detail": "Not authenticated"}
            assert answer.headers["WWW-Authenticate"] == 'Basic realm="Tradewind", Bearer'


def test_a_page_is_not_told_of_basic_so_that_the_browser_asks_for_nothing(stage: ApiStage) -> None:
    assert dags(stage, **{"Sec-Fetch-Site": "same-origin"}).headers["WWW-Authenticate"] == "Bearer"


# --- tokens --------------------------------------------------------------------------------------------------------


def test_a_token_says_who_it_is_until_it_is_over(stage: ApiStage) -> None:
    token = token_of(stage)
    assert dags(stage, **bearer(token)).status_code == 200
    me = stage.client.get("/auth/me", headers=bearer(token)).json()
    assert (me["name"], me["roles"]) == ("kim", ["Public", "Viewer"])
    assert {"action": "read", "resource": "dag", "dags": None} in me["rights"]
    assert not any(right["action"] == "edit" and right["resource"] != "own" for right in me["rights"])
    stage.seconds += 86400 + 11
    assert dags(stage, **bearer(token)).status_code == 401


def test_a_form_gets_a_token_too_and_a_command_line_one_for_an_hour(stage: ApiStage) -> None:
    answer = stage.client.post("/auth/token", data={"username": "kim", "password": PASSWORD})
    assert answer.status_code == 201
    assert dags(stage, **bearer(answer.json()["access_token"])).status_code == 200
    token = token_of(stage, path="/auth/token/cli")
    stage.seconds += 3599
    assert dags(stage, **bearer(token)).status_code == 200
    stage.seconds += 20
    assert dags(stage, **bearer(token)).status_code == 401


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[" * 60])
def test_a_body_that_is_no_json_shows_nothing(stage: ApiStage, body: bytes) -> None:
    answer = stage.client.post("/auth/token", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b"", "body"), (b"null", "body"), (b"[]", "body"), (b'{"username": "kim"}', "password"),
        (b'{"username": "kim", "password": 7777}', "password"),
        (b'{"username": "kim", "password": "tw-7777", "more": 1}', "more"),
    ],
)  # fmt: skip
def test_a_body_that_shows_nothing_is_refused_without_what_was_in_it(stage: ApiStage, body: bytes, field: str) -> None:
    answer = stage.client.post("/auth/token", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert [problem["loc"][-1] for problem in answer.json()["detail"]] == [field]
    assert "7777" not in answer.text


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("account.password", {"password_hash": HASH}),
        ("account.update", {"roles": ["User"]}),
        ("account.update", {"is_active": False}),
        ("account.delete", {}),
        ("session.end_all", {}),
    ],
)
def test_whatever_is_taken_from_an_account_is_over_for_its_tokens_cookies_and_passwords_at_once(
    stage: ApiStage, kind: str, body: dict[str, Any]
) -> None:
    """S07"""
    token = token_of(stage)
    browser(stage)
    assert stage.client.get("/auth/me").status_code == 200
    change(stage, kind, username="kim", **body)
    assert stage.client.get("/auth/me").status_code == 401
    assert dags(stage, **bearer(token)).status_code == 401


def test_a_role_that_changes_counts_at_once(stage: ApiStage) -> None:
    token = token_of(stage)
    grant = {"actions": ["edit"], "resources": ["dag"], "dags": {"ids": ["etl"]}}
    change(stage, "role.set", name="Viewer", grants=[grant])
    change_it = {"headers": bearer(token), "json": {"is_paused": True}}
    assert stage.client.patch("/api/v2/dags/etl", **change_it).status_code == 200  # type: ignore[arg-type]
    change(stage, "role.delete", name="Viewer")
    assert stage.client.patch("/api/v2/dags/etl", **change_it).status_code == 403  # type: ignore[arg-type]


def test_a_token_of_another_installation_is_refused_like_any_other(
    stage: ApiStage, tmp_path: Path, database: Path
) -> None:
    other = make_stage(tmp_path / "other", database, ("kim", "Admin"))
    try:
        answers = [dags(stage, **bearer(token)) for token in (token_of(other), "opensesame", "")]
    finally:
        other.close()
    assert {(answer.status_code, answer.text) for answer in answers} == {(401, '{"detail":"Not authenticated"}')}


def test_a_signature_alone_opens_nothing(stage: ApiStage) -> None:
    """Somebody who knows the key still needs a session that there is."""
    logins = stage.app.state.installation.logins
    _, claims = logins.by_token(token_of(stage))
    from dataclasses import replace

    for forged in (
        replace(claims, session="0" * 32),
        replace(claims, username="root"),
        replace(claims, generation=2),
    ):
        assert dags(stage, **bearer(logins.tokens.give(forged, stage.now()))).status_code == 401


# --- Basic ---------------------------------------------------------------------------------------------------------


def test_basic_is_looked_at_once_a_minute_and_as_long_as_the_account_stays_as_it_is(
    stage: ApiStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tradewind.api.login import logins

    compared: list[str] = []
    real = logins.is_password

    def counted(password_hash: str | None, password: str) -> bool:
        compared.append(password)
        return real(password_hash, password)

    monkeypatch.setattr(logins, "is_password", counted)
    for _ in range(3):
        assert dags(stage, **basic("kim")).status_code == 200
    assert compared == [PASSWORD]
    assert dags(stage, **basic("kim", "wrong")).status_code == 401
    change(stage, "account.password", username="kim", password_hash=hash_password("another"))
    assert dags(stage, **basic("kim")).status_code == 401
    assert dags(stage, **basic("kim", "another")).status_code == 200
    later = time.monotonic() + 61
    monkeypatch.setattr(logins.time, "monotonic", lambda: later)
    assert dags(stage, **basic("kim", "another")).status_code == 200
    assert compared == [PASSWORD, "wrong", PASSWORD, "another", "another"]


@pytest.mark.parametrize(
    "shown", ["Basic", "Basic !", "Basic a2lt", "Basic /w==", "Digest x", "", "Bearer", "Bearer é"]
)
def test_what_shows_nothing_is_refused(stage: ApiStage, shown: str) -> None:
    assert dags(stage, Authorization=shown.encode("latin-1")).status_code == 401  # type: ignore[arg-type]


# --- guessing ------------------------------------------------------------------------------------------------------


def test_who_guesses_is_told_to_wait_and_so_is_who_knows(stage: ApiStage) -> None:
    """S10"""
    statuses = [dags(stage, **basic("kim", f"guess {n}")).status_code for n in range(100)]
    assert statuses[:5] == [401] * 5
    assert set(statuses[5:]) == {429}
    answer = dags(stage, **basic("kim"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "1")
    assert "wait 1 s" in answer.json()["detail"]
    stage.seconds += 1
    assert dags(stage, **basic("kim")).status_code == 200
    statuses = [dags(stage, **basic("kim", f"guess {n}")).status_code for n in range(5)]
    assert statuses == [401] * 5, "who has come in begins anew"


def test_an_address_that_tries_many_names_waits_too(stage: ApiStage) -> None:
    """S10"""
    statuses = [dags(stage, **basic(f"name{n}", "x")).status_code for n in range(30)]
    assert statuses == [401] * 20 + [429] * 10
    assert dags(stage, **basic("root")).status_code == 429


def test_guesses_are_in_the_log_without_the_password(stage: ApiStage) -> None:
    """S10, S29"""
    dags(stage, **basic("kim", "Opensesame"))
    with stage.reading.connect() as connection:
        rows = connection.execute(select(t.event.c.name, t.event.c.body)).all()
        stored = json.dumps([dict(row) for row in connection.execute(select(t.command)).mappings()])
    assert ("login.failed", '{"username": "kim", "address": "testclient"}') in rows
    assert "Opensesame" not in stored
    assert "argon2" not in stored


def test_without_a_scheduler_nobody_logs_in_and_guesses_cost_a_second(stage: ApiStage) -> None:
    token = token_of(stage)
    stage.is_away = True
    assert dags(stage, **bearer(token)).status_code == 200
    assert dags(stage, **basic("kim")).status_code == 200
    body = {"username": "kim", "password": PASSWORD}
    assert stage.client.post("/auth/token", json=body).status_code == 503
    began = time.monotonic()
    assert dags(stage, **basic("kim", "wrong")).status_code == 503
    assert time.monotonic() - began > 0.9


@pytest.mark.parametrize(
    "statement", ["DROP TABLE login_limit", "ALTER TABLE login_limit RENAME COLUMN until TO later"]
)
def test_a_database_that_has_not_been_brought_to_this_version_is_no_fault_of_the_server(
    stage: ApiStage, tmp_path: Path, statement: str
) -> None:
    """The server answers a moment before the first scheduler has made its tables."""
    with closing(sqlite3.connect(tmp_path / "tradewind.db")) as connection:
        connection.execute(statement)
    answer = stage.client.post("/auth/token", json={"username": "kim", "password": PASSWORD})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert "tables of this version" in answer.json()["detail"]


# --- browsers ------------------------------------------------------------------------------------------------------


def test_a_cookie_is_kept_from_scripts_and_other_sites(stage: ApiStage) -> None:
    """S08, S32"""
    answer = stage.client.post("/auth/login", json={"username": "kim", "password": PASSWORD})
    cookie = answer.headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert cookie.startswith("_token=")
    assert parts == {"httponly", "max-age=86400", "path=/", "samesite=lax"}
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["vary"] == "Cookie, Authorization"


def test_a_form_of_another_site_logs_nobody_in(stage: ApiStage) -> None:
    """S09"""
    answer = stage.client.post("/auth/login", data={"username": "kim", "password": PASSWORD})
    assert answer.status_code == 422
    as_text = {
        "content": json.dumps({"username": "kim", "password": PASSWORD}),
        "headers": {"content-type": "text/plain"},
    }
    assert stage.client.post("/auth/login", **as_text).status_code == 422  # type: ignore[arg-type]
    assert "set-cookie" not in answer.headers


SENT: list[tuple[dict[str, str], int]] = [
    ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Sec-Fetch-Site": "none"}, 200),
    ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Sec-Fetch-Site": "same-site"}, 403),
    ({"Sec-Fetch-Site": ""}, 403),
    ({}, 403),
    ({"X-CSRF-Token": "MARK"}, 200),
    ({"X-CSRF-Token": "0" * 64}, 403),
    ({"X-CSRF-Token": "MARK", "Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": "http://testserver"}, 200),
    ({"Origin": "https://evil.example"}, 403),
    ({"Origin": "null"}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Content-Type": "text/plain"}, 403),
    ({"Sec-Fetch-Site": "same-origin", "Content-Type": "application/x-www-form-urlencoded"}, 403),
]


def test_a_change_with_a_cookie_comes_from_a_page_of_ours(stage: ApiStage) -> None:
    """S09"""
    mark = browser(stage, "root")["csrf_token"]
    for headers, status in SENT:
        sent = {name: value.replace("MARK", mark) for name, value in headers.items()}
        answer = stage.client.patch(
            "/api/v2/dags/etl", content=b'{"is_paused": true}', headers={"Content-Type": "application/json"} | sent
        )
        assert answer.status_code == status, (headers, answer.text)
    assert stage.client.get("/api/v2/dags/etl", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 200


def test_a_mark_belongs_to_one_session(stage: ApiStage) -> None:
    mark = browser(stage, "kim")["csrf_token"]
    browser(stage, "root")
    answer = stage.client.patch("/api/v2/dags/etl", json={"is_paused": True}, headers={"X-CSRF-Token": mark})
    assert answer.status_code == 403


def test_after_logging_out_the_cookie_is_worth_nothing_and_others_go_on(stage: ApiStage) -> None:
    """S07"""
    other = token_of(stage)
    browser(stage)
    kept = stage.client.cookies["_token"]
    same = {"Sec-Fetch-Site": "same-origin"}
    assert stage.client.post("/auth/logout", headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert stage.client.get("/auth/me").status_code == 200
    answer = stage.client.post("/auth/logout", headers=same)
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert stage.client.get("/auth/me", headers={"Cookie": f"_token={kept}"}).status_code == 401
    assert stage.client.get("/auth/me", headers=bearer(kept)).status_code == 401
    assert dags(stage, **bearer(other)).status_code == 200
    assert stage.client.post("/auth/logout", headers=same).status_code == 204


def test_sessions_are_seen_and_ended_by_whose_they_are(stage: ApiStage) -> None:
    mine, another, roots = token_of(stage), token_of(stage, path="/auth/token/cli"), token_of(stage, "root")
    listed = stage.client.get("/auth/sessions", headers=bearer(mine)).json()
    assert listed["total_entries"] == 2
    assert sorted((row["use"], row["is_this"], row["address"]) for row in listed["sessions"]) == [
        ("api", True, "testclient"), ("cli", False, "testclient"),
    ]  # fmt: skip
    (of_cli,) = (row["id"] for row in listed["sessions"] if not row["is_this"])
    path = f"/auth/sessions/{of_cli}"
    assert stage.client.delete(path, headers=bearer(roots)).status_code == 404
    assert stage.client.delete(path, headers=bearer(mine)).status_code == 204
    assert dags(stage, **bearer(another)).status_code == 401
    assert stage.client.delete("/auth/sessions", headers=bearer(mine)).status_code == 204
    assert dags(stage, **bearer(mine)).status_code == 401
    assert dags(stage, **bearer(roots)).status_code == 200


def test_one_changes_the_own_password_with_the_one_before(stage: ApiStage) -> None:
    token = token_of(stage)
    answer = stage.client.post("/auth/password", json={"old": "x", "new": "y"}, headers=bearer(token))
    assert answer.status_code == 400
    answer = stage.client.post("/auth/password", json={"old": PASSWORD, "new": "y"}, headers=bearer(token))
    assert answer.status_code == 204
    assert dags(stage, **bearer(token)).status_code == 401
    assert dags(stage, **basic("kim", "y")).status_code == 200


# --- where one goes ------------------------------------------------------------------------------------------------

ELSEWHERE = [
    "//evil.example", "///evil.example", "////evil", "/\\evil.example", "\\\\evil.example", "\\/evil",
    "/\t/evil.example", "/\n/evil", "https://evil.example", "http:evil.example", "https:///evil.example",
    "HTTPS://evil.example", "evil.example", "javascript:alert(1)", "JaVaScRiPt:alert(1)", " javascript:alert(1)",
    "java\nscript:alert(1)", "data:text/html,x", "vbscript:x", "http://testserver@evil.example/",
    "http://testserver.evil.example/", "http://evil.example\\@testserver", "http://testserver:1/x",
    "ftp://testserver/x", "/x//evil.example", "/./", "/../evil", "/..//evil.example", "/%0a/..", "", "x",
    "?next=//evil", "#x", "//", "\0/", "/\0", "/ x", "http://[", "http://[::1/", "/" + "x" * 3000, "mailto:a@b",
    "file:///etc/passwd",
]  # fmt: skip


def test_after_a_login_nobody_is_sent_elsewhere(stage: ApiStage) -> None:
    """S13"""
    for wanted in ELSEWHERE:
        assert safe_next(wanted, "", "testserver") == "/", wanted
        answer = stage.client.get("/api/v2/auth/login", params={"next": wanted}, follow_redirects=False)
        # An address with a null character is none at all.
        assert (answer.status_code, answer.headers.get("location")) in (
            [(400, None)] if "\0" in wanted else [(307, "/login")]
        )


def test_after_a_login_one_goes_on_where_one_was() -> None:
    for wanted in ("/", "/dags/etl?tab=grid&x=//y#z", "/dags/%EC%97%AC", "/dags/여"):
        assert safe_next(wanted, "", "h") == wanted
    assert safe_next("http://h/dags", "", "h") == "/dags"
    assert safe_next("/tw/dags", "/tw", "h") == "/tw/dags"
    assert safe_next("/tw", "/tw", "h") == "/tw"
    for wanted in ("/other", "/twx", "/"):
        assert safe_next(wanted, "/tw", "h") == "/tw/"


def test_the_way_to_the_login_page_keeps_where_one_was(stage: ApiStage) -> None:
    answer = stage.client.get("/api/v2/auth/login?next=/dags/etl%3Fx%3D1", follow_redirects=False)
    assert answer.headers["location"] == "/login?next=%2Fdags%2Fetl%3Fx%3D1"
    browser(stage)
    answer = stage.client.get("/api/v2/auth/logout", follow_redirects=False)
    assert answer.headers["location"] == "/login"
    assert "Max-Age=0" in answer.headers["set-cookie"]
    foreign = {"Sec-Fetch-Site": "cross-site"}
    answer = stage.client.get("/api/v2/auth/logout", follow_redirects=False, headers=foreign)
    assert "set-cookie" not in answer.headers


# --- everybody, and nobody in particular ---------------------------------------------------------------------------


def test_what_public_may_do_needs_no_login(stage: ApiStage) -> None:
    reads = {"actions": ["read"], "resources": ["dag"], "dags": {"ids": ["etl"]}}
    stage.load(dag("a", dag_id="secret"))
    change(stage, "role.set", name="Public", grants=[reads])
    answer = dags(stage)
    assert [each["dag_id"] for each in answer.json()["dags"]] == ["etl"]
    assert "secret" not in answer.text
    assert stage.client.get("/api/v2/dags/secret").status_code == 404
    assert stage.client.patch("/api/v2/dags/etl", json={"is_paused": True}).status_code == 401
    assert stage.client.get("/ui/users").status_code == 401
    assert dags(stage, **bearer("stale")).status_code == 401
    stage.client.cookies.set("_token", "stale")
    assert stage.client.get("/api/v2/dags").status_code == 200


def test_a_setting_gives_everybody_a_role(tmp_path: Path, database: Path) -> None:
    stage = make_stage(tmp_path, database, AIRFLOW__FAB__AUTH_ROLE_PUBLIC="Viewer")
    try:
        assert dags(stage).status_code == 200
        assert stage.client.get("/ui/users").status_code == 401
    finally:
        stage.close()


@pytest.mark.parametrize("name", ["API__AUTHENTICATE=False", "CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True"])
def test_without_a_login_everything_is_open_but_to_pages_of_other_sites(
    tmp_path: Path, database: Path, name: str
) -> None:
    key, _, value = name.partition("=")
    stage = make_stage(tmp_path, database, **{f"AIRFLOW__{key}": value})
    stage.load(dag("a", dag_id="etl"))
    client = TestClient(stage.app, base_url="http://127.0.0.1:8080")
    try:
        assert client.get("/api/v2/dags").status_code == 200
        pause = {"json": {"is_paused": True}}
        assert client.patch("/api/v2/dags/etl", **pause).status_code == 200  # type: ignore[arg-type]
        foreign = {"headers": {"Sec-Fetch-Site": "cross-site"}, **pause}
        assert client.patch("/api/v2/dags/etl", **foreign).status_code == 403  # type: ignore[arg-type]
        rebound = {"Host": "evil.example:8080"}
        assert client.get("/api/v2/dags", headers=rebound).status_code == 403
        assert client.get("/api/v2/dags", headers={"Host": "[::1]:8080"}).status_code == 200
        assert client.get("/auth/me").json()["name"] == "admin"
        token = client.get("/auth/token")
        assert token.status_code == 201
        assert client.get("/api/v2/dags", headers=bearer(token.json()["access_token"])).status_code == 200
        assert client.get("/auth/token", headers=rebound).status_code == 403
    finally:
        client.close()
        stage.close()


def test_metrics_are_for_this_machine_and_for_who_may_look_at_the_system(stage: ApiStage) -> None:
    assert stage.client.get("/metrics").status_code == 401
    assert stage.client.get("/metrics", headers=basic("kim")).status_code == 200
    change(stage, "role.set", name="one", grants=[{"actions": ["read"], "resources": ["dag"]}])
    change(stage, "account.update", username="kim", roles=["one"])
    assert stage.client.get("/metrics", headers=basic("kim")).status_code == 403
    here = TestClient(stage.app, client=("127.0.0.1", 5000))
    assert here.get("/metrics").status_code == 200
    assert here.get("/metrics", headers=basic("kim")).status_code == 403
    assert here.get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"}).status_code == 401
    here.close()
    assert stage.client.get("/health").status_code == 200
