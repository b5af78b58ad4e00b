"""An identity provider on a loopback port, for tests: it speaks OpenID Connect, vouches for whoever a test says, and
answers wrongly in whatever way a test says."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Self
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

CLIENT, SECRET = "tradewind", "a secret: of both"


class OidcProvider:
    """`claims` is who logs in next. `spoil` changes the claims of the next tokens, `sign` makes tokens in another way.

    A code is good once, for the redirect address and the verifier that it was asked with.
    """

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.claims: dict[str, Any] = {"sub": "u-1", "preferred_username": "kim", "email": "kim@example.org"}
        self.userinfo: dict[str, Any] | None = None
        self.spoil: Mapping[str, Any] = {}
        self.sign: Callable[[dict[str, Any]], str] = self.signed
        self.facts: dict[str, Any] = {}
        self.asked: list[str] = []
        """Paths that were asked for."""
        self.clock = clock
        self._codes: dict[str, dict[str, str]] = {}
        self.keys: dict[str, Any] = {}
        self.new_key()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.issuer = f"http://127.0.0.1:{self._server.server_port}/realms/etl"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def new_key(self) -> None:
        """Sign with another key from now on; the one before is gone."""
        self.keys = {secrets.token_hex(4): rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def signed(self, claims: dict[str, Any]) -> str:
        (name, key), *_ = self.keys.items()
        return jwt.encode(claims, key, "RS256", headers={"kid": name})

    def settings(self) -> dict[str, str]:
        """What tells an installation of this provider, as environment variables."""
        return {
            "TRADEWIND__OIDC__ISSUER": self.issuer,
            "TRADEWIND__OIDC__CLIENT_ID": CLIENT,
            "TRADEWIND__OIDC__CLIENT_SECRET": SECRET,
        }

    # --- its pages ---

    def answer(self, path: str, query: dict[str, str], form: dict[str, str], headers: Any) -> tuple[int, Any]:
        """The status and the JSON of a page; a text is where it sends the browser."""
        self.asked.append(path)
        match path.removeprefix(urlsplit(self.issuer).path):
            case "/.well-known/openid-configuration":
                return 200, self._described()
            case "/keys":
                return 200, {"keys": [self._public(name, key) for name, key in self.keys.items()]}
            case "/authorize":
                return 302, self._authorized(query)
            case "/token":
                return self._tokens(form, headers.get("Authorization", ""))
            case "/userinfo":
                return 200, {"sub": self.claims["sub"], **(self.userinfo or {})}
        return 404, {"error": "not_found"}

    def _described(self) -> dict[str, Any]:
        pages = {"authorization": "authorize", "token": "token", "userinfo": "userinfo", "end_session": "logout"}
        found = {f"{name}_endpoint": f"{self.issuer}/{page}" for name, page in pages.items()}
        return {"issuer": self.issuer, "jwks_uri": f"{self.issuer}/keys", **found, **self.facts}

    def _public(self, name: str, key: rsa.RSAPrivateKey) -> dict[str, Any]:
        found: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
        return {**found, "kid": name, "use": "sig", "alg": "RS256"}

    def _authorized(self, query: dict[str, str]) -> str:
        assert query["client_id"] == CLIENT
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self._codes[code] = query
        return f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer})}"

    def _tokens(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode().split(":")
        asked = self._codes.pop(form.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        is_right = (
            asked is not None
            and [unquote_plus(part) for part in pair] == [CLIENT, SECRET]
            and form.get("redirect_uri") == asked["redirect_uri"]
            and challenge.decode() == asked["code_challenge"]
        )
        if asked is None or not is_right:
            return 400, {"error": "invalid_grant"}
        now = self.clock()
        claims = {
            "iss": self.issuer, "aud": CLIENT, "azp": CLIENT, "nonce": asked["nonce"], "iat": int(now.timestamp()),
            "exp": int((now + timedelta(minutes=5)).timestamp()), **self.claims, **self.spoil,
        }  # fmt: skip
        claims = {name: value for name, value in claims.items() if value is not None}
        return 200, {"access_token": "a", "token_type": "Bearer", "id_token": self.sign(claims)}


def _handler_of(provider: OidcProvider) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            status, said = provider.answer(parts.path, query, form, self.headers)
            body = b"" if isinstance(said, str) else json.dumps(said).encode()
            self.send_response(status)
            if isinstance(said, str):
                self.send_header("location", said)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests look at `asked`."""

    return Handler
