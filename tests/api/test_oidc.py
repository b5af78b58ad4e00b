"""Logging in at an identity provider that a test has started, with the browser played by an HTTP client."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from login_stage import HASH, change, make_stage, migrated
from sqlalchemy import select

from tradewind.store import tables as t
from tradewind.testing.api_stage import ApiStage
from tradewind.testing.oidc_provider import CLIENT, OidcProvider

MAPPING = "admins:Admin, /etl/team:User, /etl/team:team, gone:Nowhere"


@dataclass(frozen=True, slots=True)
class Site:
    """An installation, and the provider that it asks."""

    stage: ApiStage
    provider: OidcProvider

    def begin(self, **query: str) -> str:
        """The provider's address that a browser is sent to."""
        answer = self.stage.client.get("/auth/oidc/login", params=query, follow_redirects=False)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])

    def there(self, url: str) -> str:
        """Where the provider sends the browser after its own login."""
        return str(httpx.get(url, follow_redirects=False, trust_env=False).headers["location"])

    def back(self, url: str) -> str:
        """Where our answer to that sends it."""
        path = url.removeprefix("http://testserver")
        assert path.startswith("/auth/oidc/callback?")
        answer = self.stage.client.get(path, follow_redirects=False, headers={"Sec-Fetch-Site": "cross-site"})
        assert answer.status_code == 303, answer.text
        assert answer.headers["cache-control"] == "no-store"
        return str(answer.headers["location"])

    def log_in(self, **query: str) -> str:
        return self.back(self.there(self.begin(**query)))

    def who(self) -> Any:
        answer = self.stage.client.get("/auth/me")
        return answer.json() if answer.status_code == 200 else None

    def accounts(self) -> list[dict[str, Any]]:
        with self.stage.reading.connect() as connection:
            return [dict(row) for row in connection.execute(select(t.account)).mappings()]


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return migrated(tmp_path_factory.mktemp("migrated"))


@pytest.fixture
def site(tmp_path: Path, database: Path) -> Iterator[Site]:
    with OidcProvider() as provider:
        said = {**provider.settings(), "TRADEWIND__OIDC__ROLES_MAPPING": MAPPING, "TRADEWIND__OIDC__NAME": "Keycloak"}
        stage = make_stage(tmp_path / "home", database, ("root", "Admin"), **said)
        change(stage, "role.set", name="team", grants=[], new=True)
        provider.clock = stage.now
        provider.claims["groups"] = ["/etl/team", "offline_access"]
        yield Site(stage, provider)
        stage.close()


def roles(site: Site, username: str = "kim") -> list[str]:
    (row,) = (each for each in site.accounts() if each["username"] == username)
    found: list[str] = json.loads(row["roles"])
    return found


# --- there and back --------------------------------------------------------------------------------------------------


def test_somebody_is_made_at_the_first_login_and_goes_on_where_they_were(site: Site) -> None:
    site.provider.claims |= {"given_name": "Sumin", "family_name": "Kim"}
    assert site.log_in(next="/dags/etl?tab=grid") == "/dags/etl?tab=grid"
    me = site.who()
    assert (me["name"], me["roles"]) == ("kim", ["Public", "User", "team"])
    (row,) = (each for each in site.accounts() if each["username"] == "kim")
    assert (row["password_hash"], row["email"], row["first_name"]) == (None, "kim@example.org", "Sumin")
    assert row["external"] == f"{site.provider.issuer}#u-1"
    assert row["login_count"] == 1
    assert site.log_in() == "/"
    assert sorted(each["username"] for each in site.accounts()) == ["kim", "root"]


def test_what_is_asked_of_the_provider_is_a_code_with_pkce_state_and_nonce(site: Site) -> None:
    asked = {name: values[0] for name, values in parse_qs(urlsplit(site.begin()).query).items()}
    again = {name: values[0] for name, values in parse_qs(urlsplit(site.begin()).query).items()}
    assert (asked["response_type"], asked["client_id"], asked["scope"]) == ("code", CLIENT, "openid profile email")
    assert asked["redirect_uri"] == "http://testserver/auth/oidc/callback"
    assert asked["code_challenge_method"] == "S256"
    for name in ("state", "nonce", "code_challenge"):
        assert len(asked[name]) >= 43
        assert asked[name] != again[name]


def test_the_cookie_of_a_login_that_was_begun_says_nothing_and_is_for_these_pages_alone(site: Site) -> None:
    """S08"""
    answer = site.stage.client.get("/auth/oidc/login", follow_redirects=False)
    cookie = answer.headers["set-cookie"]
    parts = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert parts == {"httponly", "max-age=600", "path=/auth/oidc", "samesite=lax"}
    assert "callback" not in base64.urlsafe_b64decode(cookie.partition("=")[2].partition(";")[0] + "==").decode(
        "latin-1"
    )


def test_the_session_is_like_any_other_and_ends_with_a_logout(site: Site) -> None:
    """S07"""
    site.log_in()
    token = site.stage.client.cookies["_token"]
    answer = site.stage.client.get("/auth/oidc/logout", follow_redirects=False)
    assert urlsplit(answer.headers["location"]).path == "/realms/etl/logout"
    assert parse_qs(urlsplit(answer.headers["location"]).query)["post_logout_redirect_uri"] == [
        "http://testserver/login"
    ]
    kept = {"Cookie": f"_token={token}", "Sec-Fetch-Site": "same-origin"}
    assert site.stage.client.get("/auth/me", headers=kept).status_code == 200, "nothing stored changes behind a GET"
    assert site.stage.client.post("/auth/logout", headers=kept).status_code == 204
    assert site.stage.client.get("/auth/me", headers=kept).status_code == 401


def test_a_login_page_is_told_where_one_can_log_in(site: Site, tmp_path: Path, database: Path) -> None:
    answer = site.stage.client.get("/auth/providers")
    named = {"name": "Keycloak", "login": "/auth/oidc/login", "logout": "/auth/oidc/logout"}
    assert answer.json() == {"providers": [named], "password": True}
    assert site.provider.asked == [], "the login page waits for nobody"
    other = make_stage(tmp_path / "other", database)
    try:
        assert other.client.get("/auth/providers").json() == {"providers": [], "password": True}
        for path in ("login", "callback", "logout"):
            assert other.client.get(f"/auth/oidc/{path}").status_code == 404
    finally:
        other.close()


def test_behind_a_base_path_one_comes_back_below_it(tmp_path: Path, database: Path) -> None:
    with OidcProvider() as provider:
        said = {**provider.settings(), "AIRFLOW__API__BASE_URL": "https://etl.example/tw"}
        stage = make_stage(tmp_path / "home", database, **said)
        try:
            site = Site(stage, provider)
            asked = parse_qs(urlsplit(site.begin(next="/tw/dags")).query)
            assert asked["redirect_uri"] == ["https://etl.example/tw/auth/oidc/callback"]
            assert stage.client.get("/auth/providers").json()["providers"][0]["login"] == "/tw/auth/oidc/login"
        finally:
            stage.close()


# --- roles ---------------------------------------------------------------------------------------------------------


def test_roles_follow_the_provider_at_each_login_and_end_what_was_open(site: Site) -> None:
    site.log_in()
    old = site.stage.client.cookies["_token"]
    site.provider.claims["groups"] = ["admins", "gone"]
    site.log_in()
    assert roles(site) == ["Admin"]
    assert site.stage.client.get("/auth/me", headers={"Authorization": f"Bearer {old}"}).status_code == 401
    assert site.who()["name"] == "kim"


def test_realm_roles_of_keycloak_are_found_in_their_object_or_in_what_it_says_beside_the_token(
    tmp_path: Path, database: Path
) -> None:
    with OidcProvider() as provider:
        said = {"ROLES_CLAIM": "realm_access.roles", "ROLES_MAPPING": "etl-op:Op"}
        environ = provider.settings() | {f"TRADEWIND__OIDC__{name}": value for name, value in said.items()}
        stage = make_stage(tmp_path / "home", database, **environ)
        provider.clock = stage.now
        site = Site(stage, provider)
        try:
            provider.claims["realm_access"] = {"roles": ["etl-op", "uma_authorization"]}
            site.log_in()
            assert roles(site) == ["Op"]
            assert f"{urlsplit(provider.issuer).path}/userinfo" not in provider.asked
            provider.claims = {"sub": "u-2", "preferred_username": "lee"}
            provider.userinfo = {"realm_access": {"roles": ["etl-op"]}}
            site.log_in()
            assert roles(site, "lee") == ["Op"]
            provider.claims = {"sub": "u-3", "preferred_username": "max"}
            provider.userinfo = {"sub": "u-2", "realm_access": {"roles": ["etl-op"]}}
            assert "problem=refused" in site.log_in()
        finally:
            stage.close()


def test_who_has_none_of_our_roles_is_not_let_in_and_not_made(site: Site) -> None:
    for groups in ([], None, "elsewhere", 7, [["admins"]], {"admins": True}):
        site.provider.claims["groups"] = groups
        assert "problem=no_role" in site.log_in(), groups
    assert site.who() is None
    assert [each["username"] for each in site.accounts()] == ["root"]


# --- whoever is somebody else already ------------------------------------------------------------------------------


def test_a_name_that_is_taken_is_not_taken_over(site: Site) -> None:
    site.provider.claims["preferred_username"] = "root"
    assert "problem=taken" in site.log_in()
    assert site.who() is None
    (row,) = site.accounts()
    assert (row["external"], row["password_hash"]) == (None, HASH)


def test_another_subject_with_the_same_name_is_somebody_else(site: Site) -> None:
    site.log_in()
    site.stage.client.cookies.clear()
    site.provider.claims["sub"] = "u-9"
    assert "problem=taken" in site.log_in()


def test_who_is_renamed_there_stays_who_they_are_here(site: Site) -> None:
    site.log_in()
    site.provider.claims["preferred_username"] = "root"
    assert site.log_in() == "/"
    assert site.who()["name"] == "kim"


def test_who_is_disabled_here_is_not_let_in(site: Site) -> None:
    site.log_in()
    change(site.stage, "account.update", username="kim", is_active=False)
    assert "problem=refused" in site.log_in()
    assert site.who() is None
    (row,) = (each for each in site.accounts() if each["username"] == "kim")
    assert not row["is_active"]


def test_a_name_that_cannot_be_one_is_refused(site: Site) -> None:
    for name in ("a b", "a/b", "a:b", "", "x" * 300, "a\0b", "a\nb", 7, None):
        site.provider.claims["preferred_username"] = name
        assert "problem=refused" in site.log_in(), name


# --- answers that are forged, stolen or late -------------------------------------------------------------------------


def unsigned(claims: dict[str, Any]) -> str:
    return jwt.encode(claims, None, algorithm="none")


def by_the_public_key(provider: OidcProvider) -> Callable[[dict[str, Any]], str]:
    """HS256 with what everybody knows as its key."""
    ((name, key),) = provider.keys.items()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def part(raw: bytes) -> bytes:
        return base64.urlsafe_b64encode(raw).rstrip(b"=")

    def signed(claims: dict[str, Any]) -> str:
        head = part(json.dumps({"alg": "HS256", "typ": "JWT", "kid": name}).encode())
        text = head + b"." + part(json.dumps(claims).encode())
        return (text + b"." + part(hmac.new(public, text, sha256).digest())).decode()

    return signed


def by_another_key(provider: OidcProvider) -> Callable[[dict[str, Any]], str]:
    (name,) = provider.keys
    other = OidcProvider()
    other._server.server_close()
    ((_, key),) = other.keys.items()
    return lambda claims: jwt.encode(claims, key, "RS256", headers={"kid": name})


SPOILT: list[dict[str, Any]] = [
    {"nonce": "another"}, {"nonce": None}, {"nonce": 7}, {"aud": "another"}, {"aud": None}, {"aud": []},
    {"aud": [CLIENT, "another"], "azp": None}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"},
    {"iss": "https://evil.example"}, {"iss": None}, {"exp": 1}, {"exp": None}, {"exp": "9999999999"}, {"exp": True},
    {"iat": 9_999_999_999}, {"iat": None}, {"nbf": 9_999_999_999}, {"sub": None}, {"sub": 7}, {"sub": ""},
    {"sub": "x" * 256}, {"sub": "a\nb"}, {"exp": 1e400},
]  # fmt: skip


def test_a_token_of_which_anything_does_not_hold_lets_nobody_in(site: Site) -> None:
    """S06"""
    for spoilt in SPOILT:
        site.provider.spoil = spoilt
        assert "problem=refused" in site.log_in(), spoilt
    site.provider.spoil = {}
    assert site.who() is None
    assert [each["username"] for each in site.accounts()] == ["root"]
    assert site.log_in() == "/"


def test_a_token_that_the_provider_has_not_signed_lets_nobody_in(site: Site) -> None:
    """S06: no signature, the public key as a secret, another key, an algorithm that is not on the list."""
    ((name, key),) = site.provider.keys.items()
    forgers: list[Callable[[dict[str, Any]], str]] = [
        unsigned, by_the_public_key(site.provider), by_another_key(site.provider),
        lambda claims: jwt.encode(claims, key, "RS512", headers={"kid": name}),
        lambda claims: jwt.encode(claims, key, "RS256", headers={"kid": "../../keys"}),
        lambda claims: site.provider.signed(claims)[:-8] + "AAAAAAAA",
        lambda claims: "x" * 40_000, lambda claims: "a.b.c", lambda claims: "",
    ]  # fmt: skip
    for forger in forgers:
        site.provider.sign = forger
        assert "problem=refused" in site.log_in(), forger
    assert site.who() is None


def test_a_token_of_a_clock_that_differs_a_little_counts(site: Site) -> None:
    now = int(site.stage.now().timestamp())
    site.provider.spoil = {"iat": now + 9, "exp": now - 9}
    assert site.log_in() == "/"


def test_keys_that_the_provider_changes_are_fetched_again_but_not_for_every_unknown_one(site: Site) -> None:
    site.log_in()
    keys = f"{urlsplit(site.provider.issuer).path}/keys"
    assert site.provider.asked.count(keys) == 1
    site.log_in()
    assert site.provider.asked.count(keys) == 1
    site.stage.seconds += 60
    site.provider.new_key()
    assert site.log_in() == "/"
    assert site.provider.asked.count(keys) == 2
    site.provider.sign = by_another_key(site.provider)
    for _ in range(3):
        site.log_in()
    site.provider.sign = lambda claims: jwt.encode(claims, "x" * 64, "HS256", headers={"kid": "new"})
    site.log_in()
    assert site.provider.asked.count(keys) == 2


def test_a_state_that_is_not_this_browsers_lets_nobody_in(site: Site) -> None:
    """S09: somebody else's login cannot be finished in this browser."""
    others = site.there(site.begin())
    site.stage.client.cookies.clear()
    assert "problem=expired" in site.back(others), "this browser has begun none"
    site.begin()
    assert "problem=refused" in site.back(others), "and here another one"
    site.begin()
    assert "problem=refused" in site.back("http://testserver/auth/oidc/callback?code=x")
    assert site.who() is None


def test_an_answer_counts_once(site: Site) -> None:
    url = site.there(site.begin())
    kept = site.stage.client.cookies["_oidc"]
    assert site.back(url) == "/"
    site.stage.client.cookies.clear()
    site.stage.client.cookies.set("_oidc", kept, path="/auth/oidc")
    assert "problem=expired" in site.back(url)
    assert site.who() is None


def test_a_code_that_the_provider_does_not_know_lets_nobody_in(site: Site) -> None:
    state = parse_qs(urlsplit(site.begin()).query)["state"][0]
    assert "problem=provider" in site.back(f"http://testserver/auth/oidc/callback?code=stolen&state={state}")
    state = parse_qs(urlsplit(site.begin()).query)["state"][0]
    assert "problem=refused" in site.back(f"http://testserver/auth/oidc/callback?error=access_denied&state={state}")
    url = site.there(site.begin())
    assert "problem=refused" in site.back(f"{url}&state=x")
    url = site.there(site.begin())
    other = url.partition("&iss=")[0] + "&iss=https%3A%2F%2Fevil.example"
    assert "problem=refused" in site.back(other), "the answer names another provider"


def test_a_login_that_takes_too_long_is_over(site: Site) -> None:
    url = site.there(site.begin())
    site.stage.seconds += 601
    assert "problem=expired" in site.back(url)


def test_after_it_nobody_is_sent_elsewhere(site: Site) -> None:
    """S13"""
    for wanted in ("//evil.example", "https://evil.example", "javascript:alert(1)", "/\\evil"):
        assert site.log_in(next=wanted) == "/", wanted


# --- a provider that is set up wrongly, or away ----------------------------------------------------------------------


def test_what_a_provider_says_of_itself_must_hold(site: Site) -> None:
    for facts in (
        {"issuer": "https://evil.example"}, {"token_endpoint": "http://evil.example/token"}, {"jwks_uri": None},
        {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": "file:///etc/passwd"},
    ):  # fmt: skip
        site.provider.facts = facts
        assert urlsplit(site.begin()).path == "/login", facts


def test_without_the_provider_one_is_told_so_and_passwords_go_on(tmp_path: Path, database: Path) -> None:
    with OidcProvider() as provider:
        said = provider.settings()
    stage = make_stage(tmp_path / "home", database, ("root", "Admin"), **said)
    try:
        site = Site(stage, provider)
        assert site.begin(next="/dags") == "/login?problem=provider&next=%2Fdags"
        assert stage.client.get("/auth/oidc/logout", follow_redirects=False).headers["location"] == "/login"
        stage.is_away = True
        assert stage.client.get("/auth/providers").status_code == 200
    finally:
        stage.close()


def test_without_a_scheduler_one_is_told_so(site: Site) -> None:
    url = site.there(site.begin())
    site.stage.is_away = True
    assert "problem=away" in site.back(url)


def test_the_log_of_events_has_the_login(site: Site) -> None:
    """S29"""
    site.log_in()
    with site.stage.reading.connect() as connection:
        rows = connection.execute(select(t.event.c.name, t.event.c.reason)).all()
    assert ("account.created", "kim") in rows
    assert ("login.succeeded", "kim") in rows
