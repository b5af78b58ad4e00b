"""Tokens: what is read again, and a table of those that somebody else has made."""

import base64
import hmac
import json
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tradewind.config import load_settings
from tradewind.security.tokens import Claims, Forged, Tokens, derived, open_tokens

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
KEY = derived("one")
CLAIMS = Claims("kim", "s" * 32, 3, NOW + timedelta(hours=1))
TOKENS = Tokens([KEY])


def payload(**changes: Any) -> dict[str, Any]:
    at = int(NOW.timestamp())
    whole = {"iss": "tradewind", "aud": "tradewind", "sub": "kim", "iat": at, "nbf": at, "exp": at + 3600}
    whole |= {"sid": "s" * 32, "gen": 3} | changes
    return {name: value for name, value in whole.items() if value is not None}


def kid(tokens: Tokens = TOKENS) -> str:
    return str(jwt.get_unverified_header(tokens.give(CLAIMS, NOW))["kid"])


def signed(key: Any = KEY, algorithm: str = "HS256", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    return jwt.encode(payload(**changes), key, algorithm, headers={"kid": kid()} if headers is None else headers)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def with_header(key: bytes = KEY, /, **header: Any) -> str:
    """A token that a library would not write."""
    head = f"{part(header)}.{part(payload())}"
    mark = hmac.new(key, head.encode(), sha256).digest()
    return f"{head}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}"


def public_key() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def test_what_was_given_is_read_again() -> None:
    assert TOKENS.read(TOKENS.give(CLAIMS, NOW), NOW) == CLAIMS
    assert TOKENS.read(signed(), NOW) == CLAIMS


FORGED: dict[str, Callable[[], str]] = {
    "empty": lambda: "",
    "no token": lambda: "opensesame",
    "three dots": lambda: "...",
    "not base64": lambda: "é.é.é",
    "without signature": lambda: TOKENS.give(CLAIMS, NOW).rpartition(".")[0] + ".",
    "another signature": lambda: TOKENS.give(CLAIMS, NOW)[:-4] + "AAAA",
    "another body": lambda: ".".join(
        [(whole := TOKENS.give(CLAIMS, NOW).split("."))[0], part(payload(sub="root")), whole[2]]
    ),
    "another key": lambda: signed(derived("two")),
    "alg none": lambda: f"{part({'alg': 'none', 'typ': 'JWT', 'kid': kid()})}.{part(payload())}.",
    "alg None": lambda: f"{part({'alg': 'None', 'typ': 'JWT', 'kid': kid()})}.{part(payload())}.",
    "HS512 with the right key": lambda: signed(KEY + KEY, "HS512"),
    "a public key as secret": lambda: with_header(public_key(), alg="HS256", typ="JWT", kid=kid()),
    "RS256 header": lambda: with_header(alg="RS256", typ="JWT", kid=kid()),
    "no kid": lambda: signed(headers={}),
    "kid of nobody": lambda: signed(headers={"kid": "0" * 16}),
    "kid as a path": lambda: signed(headers={"kid": "../../secret.key"}),
    "kid as a list": lambda: with_header(alg="HS256", typ="JWT", kid=[kid()]),
    "a header of its own": lambda: with_header(alg="HS256", typ="JWT", kid=kid(), jku="https://evil.example/keys"),
    "critical": lambda: with_header(alg="HS256", typ="JWT", kid=kid(), crit=["x"], x=1),
    "another issuer": lambda: signed(iss="airflow"),
    "another audience": lambda: signed(aud="urn:airflow.apache.org:task"),
    "a list of audiences": lambda: signed(aud=["tradewind"]),
    **{f"no {name}": (lambda name=name: signed(**{name: None})) for name in payload()},  # type: ignore[misc]
    "over": lambda: signed(exp=int(NOW.timestamp()) - 11),
    "not yet": lambda: signed(nbf=int(NOW.timestamp()) + 11),
    "from the future": lambda: signed(iat=int(NOW.timestamp()) + 11),
    "exp as text": lambda: signed(exp="9999999999"),
    "exp that never comes": lambda: signed(exp=10**30),
    "exp as truth": lambda: signed(exp=True),
    "gen as text": lambda: signed(gen="3"),
    "gen as a half": lambda: signed(gen=3.5),
    "sub as a number": lambda: signed(sub=7),
    "sid as a list": lambda: signed(sid=["s" * 32]),
    "8 kB of claims": lambda: signed(more="x" * 8192),
    "deep": lambda: signed(more=json.loads("[" * 100 + "]" * 100)) + "x",
}


@pytest.mark.parametrize("name", FORGED)
@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
def test_a_token_that_is_not_ours_is_refused_in_the_same_words(name: str) -> None:
    """S06"""
    with pytest.raises(Forged) as refused:
        TOKENS.read(FORGED[name](), NOW)
    assert str(refused.value) == "Not authenticated"


def test_clocks_may_differ_by_ten_seconds() -> None:
    at = int(NOW.timestamp())
    assert TOKENS.read(signed(exp=at - 9), NOW)
    assert TOKENS.read(signed(nbf=at + 10, iat=at + 10), NOW)


def test_a_key_is_changed_by_having_two_for_a_while() -> None:
    old, new = Tokens([derived("old")]), Tokens([derived("new"), derived("old")])
    given = old.give(CLAIMS, NOW)
    assert new.read(given, NOW) == CLAIMS
    assert Tokens([derived("new")]).read(new.give(CLAIMS, NOW), NOW) == CLAIMS
    with pytest.raises(Forged):
        old.read(new.give(CLAIMS, NOW), NOW)
    with pytest.raises(Forged):
        Tokens([derived("new")]).read(given, NOW)


def test_the_key_is_derived_as_hkdf_says() -> None:
    wanted = HKDF(SHA256(), 32, salt=None, info=b"tradewind login tokens").derive(b"some secret")
    assert derived("some secret") == wanted


def test_two_installations_do_not_believe_each_other(tmp_path: Path) -> None:
    """S01, S06"""
    one, other = (open_tokens(load_settings(tmp_path / name, {})) for name in "ab")
    assert one.read(one.give(CLAIMS, NOW), NOW) == CLAIMS
    with pytest.raises(Forged):
        other.read(one.give(CLAIMS, NOW), NOW)
    assert stat.S_IMODE((tmp_path / "a" / "secret.key").stat().st_mode) == 0o600


def test_installations_that_share_a_secret_believe_each_other(tmp_path: Path) -> None:
    secret = {"AIRFLOW__API_AUTH__JWT_SECRET": "shared-secret-of-both, old-one"}
    one, other = (open_tokens(load_settings(tmp_path / name, secret)) for name in "ab")
    assert other.read(one.give(CLAIMS, NOW), NOW) == CLAIMS
    assert not (tmp_path / "a" / "secret.key").exists()


def test_a_page_shows_that_it_is_ours_by_a_mark_of_its_session() -> None:
    mark = TOKENS.mark_of("s" * 32)
    assert TOKENS.is_mark_of("s" * 32, mark)
    assert Tokens([derived("new"), KEY]).is_mark_of("s" * 32, mark)
    for session, given in (("t" * 32, mark), ("s" * 32, ""), ("s" * 32, "é" + mark), ("s" * 32, mark.upper())):
        assert not TOKENS.is_mark_of(session, given)
