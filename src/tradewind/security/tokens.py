"""Tokens: who somebody is, signed by this installation, for a time. One algorithm, one shape, one refusal.

A token names a session and the generation of its account, and counts as long as both do: the signature alone opens
nothing. Keys may be two while they are changed: the first signs, all of them are accepted.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from tradewind.config import Settings
from tradewind.core.errors import TradewindError
from tradewind.security.secrets import read_or_make_key

ALGORITHM = "HS256"
LONGEST = 4096
AUDIENCE = "tradewind"
ISSUER = "tradewind"
REQUIRED = ("iss", "aud", "sub", "exp", "nbf", "iat", "sid", "gen")
_PURPOSE = b"tradewind login tokens"


class Forged(TradewindError):
    """A token that this installation did not give, or that is over. The text never says which."""

    def __init__(self) -> None:
        super().__init__("Not authenticated")


@dataclass(frozen=True, slots=True)
class Claims:
    """What a token says."""

    username: str
    session: str
    generation: int
    expires: datetime


class Tokens:
    """Gives tokens, and reads those that it, or its like with one of the same keys, has given."""

    def __init__(
        self, keys: Sequence[bytes], *, issuer: str = ISSUER, audience: str = AUDIENCE, leeway_seconds: float = 10.0
    ) -> None:
        self._keys = {_name(key): key for key in keys}
        self._first = _name(keys[0])
        self._issuer, self._audience, self._leeway = issuer, audience, timedelta(seconds=leeway_seconds)

    def give(self, claims: Claims, now: datetime) -> str:
        """A token that says this."""
        import jwt

        at = int(now.timestamp())
        payload = {
            "iss": self._issuer, "aud": self._audience, "sub": claims.username, "iat": at, "nbf": at,
            "exp": int(claims.expires.timestamp()), "sid": claims.session, "gen": claims.generation,
        }  # fmt: skip
        return jwt.encode(payload, self._keys[self._first], ALGORITHM, headers={"kid": self._first})

    def read(self, token: str, now: datetime) -> Claims:
        """What a token says, if it is one of ours and its time has come and is not over. Raises Forged."""
        import jwt

        if len(token) > LONGEST:
            raise Forged
        try:
            header = jwt.get_unverified_header(token)
            key = self._keys.get(header.get("kid", ""))
            if key is None or set(header) != {"alg", "typ", "kid"}:
                raise Forged
            payload = jwt.decode(
                token, key, algorithms=[ALGORITHM], audience=self._audience, issuer=self._issuer,
                # Its times are looked at below, by the clock that we are given.
                options={"require": list(REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
            return self._claims(payload, now)
        except (jwt.InvalidTokenError, TypeError, ValueError, OverflowError, RecursionError):
            raise Forged from None

    def _claims(self, payload: Mapping[str, Any], now: datetime) -> Claims:
        texts, numbers = ("sub", "sid", "aud"), ("exp", "nbf", "iat", "gen")
        if not all(isinstance(payload[name], str) for name in texts):
            raise Forged
        if not all(isinstance(payload[name], int) and not isinstance(payload[name], bool) for name in numbers):
            raise Forged
        moment, leeway = now.timestamp(), self._leeway.total_seconds()
        if not (max(payload["nbf"], payload["iat"]) <= moment + leeway and moment - leeway < payload["exp"]):
            raise Forged
        expires = datetime.fromtimestamp(payload["exp"], now.tzinfo)
        return Claims(payload["sub"], payload["sid"], payload["gen"], expires)

    def mark_of(self, session: str) -> str:
        """What a page of this installation sends along to show that a session's request comes from it."""
        return hmac.new(self._keys[self._first], b"page:" + session.encode(), sha256).hexdigest()

    def is_mark_of(self, session: str, mark: str) -> bool:
        """Whether this is what such a page sends, by any of the keys."""
        wanted = b"page:" + session.encode()
        given = mark.encode("utf-8", "replace")
        found = [hmac.new(key, wanted, sha256).hexdigest().encode() for key in self._keys.values()]
        return any(hmac.compare_digest(each, given) for each in found)


def open_tokens(settings: Settings) -> Tokens:
    """The installation's tokens. Their key follows from [api_auth] jwt_secret (several, separated by commas, while it
    is changed), else from the installation's key file."""
    return Tokens(
        [derived(secret) for secret in login_secrets(settings)],
        issuer=settings.api_auth.jwt_issuer or ISSUER,
        audience=settings.api_auth.jwt_audience or AUDIENCE,
        leeway_seconds=settings.api_auth.jwt_leeway,
    )


def login_secrets(settings: Settings) -> list[str]:
    """What the keys of logins follow from: the first makes, all of them are accepted."""
    configured = settings.api_auth.jwt_secret or ""
    secrets = [secret.strip() for secret in configured.split(",") if secret.strip()]
    return secrets or [read_or_make_key(settings.key_file)]


def derived(secret: str, purpose: bytes = _PURPOSE) -> bytes:
    """A key for one purpose alone, from a secret that serves for other things too."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), 32, salt=None, info=purpose).derive(secret.encode())


def _name(key: bytes) -> str:
    return sha256(b"name:" + key).hexdigest()[:16]
