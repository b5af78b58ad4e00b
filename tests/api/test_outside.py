"""How the server is seen from outside: base paths, and proxies that are believed or not."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from login_stage import HASH, PASSWORD, basic, change, make_stage, migrated
from sqlalchemy import select

from tradewind.api.outside import proxies_of
from tradewind.config import load_settings
from tradewind.core.errors import InvalidInput
from tradewind.store import tables as t
from tradewind.testing.api_stage import ApiStage


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def proxied(tmp_path: Path, database: Path) -> Iterator[ApiStage]:
    environ = {"AIRFLOW__WEBSERVER__ENABLE_PROXY_FIX": "True", "AIRFLOW__WEBSERVER__BASE_URL": "https://etl.example/tw"}
    stage = make_stage(tmp_path, database, ("kim", "Viewer"), **environ)
    yield stage
    stage.close()


def client(stage: ApiStage, peer: str) -> TestClient:
    return TestClient(stage.app, client=(peer, 5000), follow_redirects=False)


def failed_from(stage: ApiStage) -> set[str]:
    """Addresses from which somebody guessed wrong."""
    with stage.reading.connect() as connection:
        keys = connection.execute(select(t.login_limit.c.key)).scalars().all()
    return {key.removeprefix("address:") for key in keys if key.startswith("address:")}


FORWARDED = {
    "X-Forwarded-For": "198.51.100.1, 203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "etl.example",
}


@pytest.mark.parametrize(
    ("peer", "seen"),
    [
        ("127.0.0.1", "203.0.113.9"),
        ("172.18.0.5", "203.0.113.9"),
        ("::1", "203.0.113.9"),
        ("203.0.113.77", "203.0.113.77"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_proxy_is_believed_if_it_is_one(proxied: ApiStage, peer: str, seen: str) -> None:
    with client(proxied, peer) as http:
        assert http.get("/api/v2/dags", headers={**FORWARDED, **basic("kim", "wrong")}).status_code == 401
    assert failed_from(proxied) == {seen}


def test_behind_a_proxy_the_cookie_is_for_tls_and_the_base_path_alone(proxied: ApiStage) -> None:
    """S08"""
    body = {"username": "kim", "password": PASSWORD}
    with client(proxied, "172.18.0.5") as http:
        cookie = http.post("/tw/auth/login", json=body, headers=FORWARDED).headers["set-cookie"]
        plain = http.post("/tw/auth/login", json=body).headers["set-cookie"]
    assert "Path=/tw;" in cookie
    assert "; Secure" in cookie
    assert "HttpOnly" in cookie
    assert "; Secure" not in plain


def test_paths_are_found_with_the_base_path_and_without(proxied: ApiStage) -> None:
    """A proxy may cut it off or leave it."""
    with client(proxied, "172.18.0.5") as http:
        for path in ("/tw/api/v2/dags", "/api/v2/dags"):
            answer = http.get(path, headers=basic("kim"))
            assert answer.status_code == 200
            assert answer.headers["cache-control"] == "no-store"
        assert http.get("/other/api/v2/dags", headers=basic("kim")).status_code == 404
        answer = http.get("/tw/api/v2/auth/login?next=/tw/dags/etl")
        assert answer.headers["location"] == "/tw/login?next=%2Ftw%2Fdags%2Fetl"
        assert http.get("/tw/api/v2/auth/login?next=/admin").headers["location"] == "/tw/login"


def test_a_proxy_may_say_where_it_has_put_us(proxied: ApiStage) -> None:
    with client(proxied, "172.18.0.5") as http:
        for prefix, wanted in (("/flows/", "/flows/login"), ("//evil.example", "/tw/login"), ("/a b", "/tw/login")):
            answer = http.get("/api/v2/auth/login", headers={"X-Forwarded-Prefix": prefix})
            assert answer.headers["location"] == wanted


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("203.0.113.9:4711", "203.0.113.9"),
        ('"[2001:db8::1]:4711"', "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("unknown", "172.18.0.5"),
        ("<script>", "172.18.0.5"),
        ("", "172.18.0.5"),
    ],
)
def test_what_a_proxy_says_is_an_address_or_nothing(proxied: ApiStage, said: str, seen: str) -> None:
    with client(proxied, "172.18.0.5") as http:
        http.get("/api/v2/dags", headers={"X-Forwarded-For": said, **basic("kim", "wrong")})
    assert failed_from(proxied) == {seen}


def test_without_the_setting_nobody_is_believed(tmp_path: Path, database: Path) -> None:
    stage = make_stage(tmp_path, database, ("kim", "Viewer"))
    try:
        with client(stage, "127.0.0.1") as http:
            http.get("/api/v2/dags", headers={**FORWARDED, **basic("kim", "wrong")})
            assert failed_from(stage) == {"127.0.0.1"}
            assert http.get("/metrics").status_code == 200
            assert http.get("/metrics", headers=FORWARDED).status_code == 401
    finally:
        stage.close()


def test_metrics_are_not_for_whoever_a_proxy_on_this_machine_speaks_for(proxied: ApiStage) -> None:
    with client(proxied, "127.0.0.1") as http:
        assert http.get("/metrics", headers=FORWARDED).status_code == 401
        assert http.get("/metrics", headers={**FORWARDED, "X-Forwarded-For": "127.0.0.1"}).status_code == 200
        assert http.get("/metrics").status_code == 200


def test_two_proxies_in_a_row_are_counted(tmp_path: Path, database: Path) -> None:
    environ: dict[str, Any] = {
        "AIRFLOW__FAB__ENABLE_PROXY_FIX": "True",
        "AIRFLOW__FAB__PROXY_FIX_X_FOR": "2",
        "AIRFLOW__FAB__PROXY_FIX_X_PROTO": "0",
    }
    stage = make_stage(tmp_path, database, **environ)
    try:
        change(stage, "account.create", username="kim", password_hash=HASH, roles=["Viewer"])
        with client(stage, "10.0.0.1") as http:
            http.get("/api/v2/dags", headers={**FORWARDED, **basic("kim", "wrong")})
            cookie = http.post("/auth/login", json={"username": "kim", "password": PASSWORD}, headers=FORWARDED)
        assert failed_from(stage) == {"198.51.100.1"}
        assert "; Secure" not in cookie.headers["set-cookie"]
    finally:
        stage.close()


def test_an_address_of_a_proxy_that_is_none_is_named() -> None:
    environ = {"AIRFLOW__API__ENABLE_PROXY_FIX": "True", "TRADEWIND__API__TRUSTED_PROXIES": "10.0.0.0/8, proxy"}
    with pytest.raises(InvalidInput, match="trusted_proxies: 'proxy' is no address"):
        proxies_of(load_settings(Path("/nowhere"), environ))
