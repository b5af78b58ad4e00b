"""Who an identity provider says that somebody is (OpenID Connect): the authorization code flow with PKCE.

Nothing is believed but what is signed with one of the provider's own keys, by an algorithm of a fixed list, for this
client, for now, and for the login that was begun here.
"""

from __future__ import annotations

import base64
import hmac
import json
import math
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import quote_plus, urlencode, urlsplit

from tradewind.config import Settings
from tradewind.core.errors import InvalidInput, TradewindError
from tradewind.security.oidc_fetch import Fetch, Unreachable, fetch

ALGORITHMS = ("RS256", "PS256", "ES256")
KEY_TYPES = {"RS256": "RSA", "PS256": "RSA", "ES256": "EC"}
LEEWAY_SECONDS = 10
LONGEST_TOKEN = 32_768
LONGEST_EXTERNAL = 250
DISCOVERY_LASTS = timedelta(hours=1)
KEYS_REST = timedelta(seconds=30)
"""So long after keys were fetched, no unknown key has them fetched again."""
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")
_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")


class NotVouchedFor(TradewindError):
    """The provider's answer does not show who somebody is. The text is for the server's log."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A login that has been sent to the provider; whoever comes back must know all of it."""

    state: str
    nonce: str
    verifier: str
    """Of PKCE: only whoever began the login can make use of its code."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody for whom the provider vouches."""

    external: str
    """Who they are there: the issuer and its own name for them, which never changes."""
    username: str
    email: str
    first_name: str
    last_name: str
    values: tuple[str, ...]
    """What the roles claim holds."""


class Provider:
    """One identity provider. To be called in threads; what it says of itself is kept for a while."""

    def __init__(self, settings: Settings, clock: Callable[[], datetime], fetch: Fetch = fetch) -> None:
        self._settings, self._clock, self._fetch = settings, clock, fetch
        self._issuer = settings.oidc.issuer or ""
        self._lock = Lock()
        self._facts: tuple[datetime, dict[str, Any]] | None = None
        self._keys: tuple[datetime, list[dict[str, Any]]] | None = None

    # --- there and back ---

    def begin(self, redirect_uri: str) -> tuple[str, Begun]:
        """Where to send a browser, and what it must bring back. Raises Unreachable, or NotVouchedFor."""
        begun = Begun(*(secrets.token_urlsafe(32) for _ in range(3)))
        asked = {
            "response_type": "code", "client_id": self._settings.oidc.client_id, "redirect_uri": redirect_uri,
            "scope": self._settings.oidc.scope, "state": begun.state, "nonce": begun.nonce,
            "code_challenge": _base64(sha256(begun.verifier.encode()).digest()), "code_challenge_method": "S256",
        }  # fmt: skip
        return _with_query(self.facts()["authorization_endpoint"], asked), begun

    def finish(self, begun: Begun, answered: Mapping[str, str], redirect_uri: str) -> Identity:
        """Who has come back. Raises Unreachable, or NotVouchedFor."""
        if not hmac.compare_digest(begun.state.encode(), answered.get("state", "").encode()):
            raise NotVouchedFor("The state is not that of the login that was begun.")
        if answered.get("iss", self._issuer) != self._issuer:
            raise NotVouchedFor("The answer comes from another provider.")  # RFC 9207
        if "error" in answered:
            raise NotVouchedFor(f"The provider says {answered['error']!r:.100}.")
        if not answered.get("code"):
            raise NotVouchedFor("The answer has no code.")
        tokens = self._tokens(answered["code"], begun, redirect_uri)
        claims = self.verified(str(tokens.get("id_token", "")), begun.nonce)
        return self._identity({**self._more(claims, tokens), **claims})

    def end_url(self, redirect_uri: str) -> str | None:
        """Where a browser ends its session at the provider too; None where the provider has no such page."""
        page = self.facts().get("end_session_endpoint")
        if not isinstance(page, str) or not self._is_safe(page):
            return None
        return _with_query(page, {"client_id": self._settings.oidc.client_id, "post_logout_redirect_uri": redirect_uri})

    # --- what the provider says of itself ---

    def facts(self) -> dict[str, Any]:
        """Its endpoints (OpenID Connect Discovery)."""
        with self._lock:
            now = self._clock()
            if self._facts is None or not timedelta(0) <= now - self._facts[0] < DISCOVERY_LASTS:
                self._facts = now, self._discovered()
            return self._facts[1]

    def _discovered(self) -> dict[str, Any]:
        if not self._is_safe(self._issuer):
            raise NotVouchedFor(f"[oidc] issuer {self._issuer!r:.200} must be an https address.")
        found = self._json(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != self._issuer:
            raise NotVouchedFor(
                f"The provider calls itself {found.get('issuer')!r:.200}; write that as [oidc] issuer, to the letter."
            )
        for name in _ENDPOINTS:
            if not isinstance(found.get(name), str) or not self._is_safe(found[name]):
                raise NotVouchedFor(f"The provider's {name} {found.get(name)!r:.200} is no https address.")
        return found

    def _key(self, key_id: Any, algorithm: str) -> dict[str, Any]:
        """The provider's key of this name; where it is new, the provider has changed its keys."""
        with self._lock:
            fetched = self._keys
        now = self._clock()
        if fetched is not None and (key := _chosen(fetched[1], key_id, algorithm)):
            return key
        if fetched is None or now - fetched[0] >= KEYS_REST:
            found = self._json(self.facts()["jwks_uri"]).get("keys")
            keys = [key for key in found if isinstance(key, dict)] if isinstance(found, list) else []
            with self._lock:
                self._keys = now, keys
            if key := _chosen(keys, key_id, algorithm):
                return key
        raise NotVouchedFor("The token is signed with a key that is not the provider's.")

    # --- what it says of somebody ---

    def _tokens(self, code: str, begun: Begun, redirect_uri: str) -> dict[str, Any]:
        form = {
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri,
            "code_verifier": begun.verifier,
        }  # fmt: skip
        headers = {}
        client, secret = self._settings.oidc.client_id, self._settings.oidc.client_secret
        if not secret:
            form["client_id"] = client
        elif "client_secret_basic" in self.facts().get(
            "token_endpoint_auth_methods_supported", ["client_secret_basic"]
        ):
            pair = f"{quote_plus(client)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": client, "client_secret": secret}
        return self._json(self.facts()["token_endpoint"], form, headers)

    def verified(self, token: str, nonce: str) -> dict[str, Any]:
        """What an id token says. Raises NotVouchedFor unless all of it holds."""
        import jwt

        if not token or len(token) > LONGEST_TOKEN:
            raise NotVouchedFor("The provider gave no id token.")
        try:
            header = jwt.get_unverified_header(token)
            algorithm = header.get("alg")
            if algorithm not in ALGORITHMS:
                raise NotVouchedFor(f"The token is signed with {algorithm!r:.40}; known are {', '.join(ALGORITHMS)}.")
            key = jwt.PyJWK.from_dict(self._key(header.get("kid"), algorithm), algorithm)
            claims = jwt.decode(
                token, key, algorithms=[algorithm], audience=self._settings.oidc.client_id, issuer=self._issuer,
                # Its times are looked at below, by the clock that we are given.
                options={"require": list(_REQUIRED), "verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )  # fmt: skip
        except (jwt.PyJWTError, TypeError, ValueError, OverflowError, RecursionError) as error:
            raise NotVouchedFor(f"The token does not hold: {error}.") from None
        self._check(claims, nonce)
        return dict(claims)

    def _check(self, claims: Mapping[str, Any], nonce: str) -> None:
        now = self._clock().timestamp()
        numbers = [claims["exp"], claims["iat"], claims.get("nbf", claims["iat"])]
        if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
            raise NotVouchedFor("The token's times are no numbers.")
        if not (max(numbers[1:]) <= now + LEEWAY_SECONDS and now - LEEWAY_SECONDS < claims["exp"] < math.inf):
            raise NotVouchedFor("The token is over, or not valid yet; look at the clocks.")
        if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
            raise NotVouchedFor("The token was given for another login.")
        several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._settings.oidc.client_id:
            raise NotVouchedFor("The token was given to another client.")
        if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= 255:
            raise NotVouchedFor("The token names nobody.")

    def _more(self, claims: Mapping[str, Any], tokens: Mapping[str, Any]) -> dict[str, Any]:
        """What the provider says beside the token, where the token leaves out what we need."""
        needed = (self._settings.oidc.roles_claim, self._settings.oidc.username_claim)
        page, access = self.facts().get("userinfo_endpoint"), tokens.get("access_token")
        if all(_claim(claims, name) is not None for name in needed) or not isinstance(access, str):
            return {}
        if not isinstance(page, str) or not self._is_safe(page):
            return {}
        found = self._json(page, headers={"Authorization": f"Bearer {access}"})
        if found.get("sub") != claims["sub"]:
            raise NotVouchedFor("The provider speaks of somebody else beside the token.")
        return found

    def _identity(self, claims: Mapping[str, Any]) -> Identity:
        username = _claim(claims, self._settings.oidc.username_claim)
        if not isinstance(username, str) or not username:
            raise NotVouchedFor(f"The token has no {self._settings.oidc.username_claim}; see [oidc] username_claim.")
        external = f"{self._issuer}#{claims['sub']}"
        if len(external) > LONGEST_EXTERNAL:
            raise NotVouchedFor(f"Issuer and subject have more than {LONGEST_EXTERNAL} characters together.")
        values = _claim(claims, self._settings.oidc.roles_claim)
        found = [values] if isinstance(values, str) else values if isinstance(values, list) else []
        return Identity(
            external=external,
            username=username,
            values=tuple(value for value in found if isinstance(value, str)),
            **{
                ours: _short(claims.get(theirs))
                for ours, theirs in (("email", "email"), ("first_name", "given_name"), ("last_name", "family_name"))
            },
        )

    def _is_safe(self, url: str) -> bool:
        """Whether it may be spoken to: over TLS, or on this machine."""
        parts = urlsplit(url)
        is_here = parts.hostname in ("localhost", "127.0.0.1", "::1")
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and (is_here or self._settings.oidc.allow_http))
        )

    def _json(
        self, url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        try:
            found = json.loads(self._fetch(url, form, headers or {}))
        except (ValueError, RecursionError):
            raise NotVouchedFor(f"{urlsplit(url).path} of the provider answers with no JSON.") from None
        if not isinstance(found, dict):
            raise NotVouchedFor(f"{urlsplit(url).path} of the provider answers with no JSON object.")
        return found


def roles_mapped(mapping: str) -> dict[str, list[str]]:
    """Our roles by the values of the provider's claim. Raises InvalidInput for what is not VALUE:ROLE."""
    found: dict[str, list[str]] = {}
    for part in mapping.split(","):
        if not part.strip():
            continue
        value, colon, role = part.strip().rpartition(":")
        if not colon or not value.strip() or not role.strip():
            raise InvalidInput(f"[oidc] roles_mapping: {part.strip()!r:.60} is not VALUE:ROLE.")
        found.setdefault(value.strip(), []).append(role.strip())
    return found


def _chosen(keys: list[dict[str, Any]], key_id: Any, algorithm: str) -> dict[str, Any] | None:
    """The key of this name that is made for this algorithm; without a name, the only one that is."""
    fit = [
        key for key in keys
        if key.get("kty") == KEY_TYPES[algorithm] and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
    ]  # fmt: skip
    named = [key for key in fit if key.get("kid") == key_id] if key_id is not None else fit
    return named[0] if len(named) == 1 else None


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or by the way into an object: `realm_access.roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for step in path.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _short(text: Any) -> str:
    return text[:250] if isinstance(text, str) and text[:250].isprintable() else ""


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


__all__ = ["Begun", "Identity", "NotVouchedFor", "Provider", "Unreachable", "roles_mapped"]
