"""Logins: what somebody shows, against what is stored of them. Nothing here says why it does not hold."""

from __future__ import annotations

import hmac
import math
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import uuid4

from anyio import from_thread
from sqlalchemy import Connection, Engine

from tradewind.api.call import NotAuthenticated, TooManyTries
from tradewind.api.link import Link, SchedulerAway
from tradewind.api.login.single import SingleSignOn
from tradewind.config import Settings
from tradewind.core.access import Caller
from tradewind.security.oidc import Identity
from tradewind.security.passwords import is_password, place_to_hash
from tradewind.security.tokens import Claims, Forged, Tokens, open_tokens
from tradewind.store.accounts import Known, account_known, account_of_external, limits_of, roles_named, session_known
from tradewind.store.times import to_us
from tradewind.wire.messages import Command

REMEMBERED_SECONDS = 60.0
MOST_REMEMBERED = 1000
PUBLIC = "Public"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session that has just begun."""

    token: str
    claims: Claims
    seconds: int


class Logins:
    """The logins of one installation. To be called in threads of the API's pool."""

    def __init__(self, settings: Settings, engine: Engine, link: Link, clock: Callable[[], datetime]) -> None:
        self._settings, self._engine, self._link, self.clock = settings, engine, link, clock
        self._right = _Remembered()

    @cached_property
    def tokens(self) -> Tokens:
        return open_tokens(self._settings)

    @cached_property
    def single(self) -> SingleSignOn | None:
        """The identity provider's logins; None where there is no provider."""
        return SingleSignOn(self._settings, self.clock) if self._settings.oidc.issuer else None

    # --- showing who one is ---

    def by_password(self, username: str, password: str, address: str) -> Known:
        """The account whose password this is. Raises NotAuthenticated, or TooManyTries before it looks at all.

        One guess is looked at, compared and counted before the next begins, but for one beside it.
        """
        with place_to_hash():
            now_us = to_us(self.clock())
            with self._engine.connect() as connection:
                waits = limits_of(connection, (f"account:{username}", f"address:{address}"))
                account = account_known(connection, username)
            until_us = max((until for _, until in waits.values()), default=0)
            if until_us > now_us:
                raise TooManyTries(math.ceil((until_us - now_us) / 1e6))
            known = account is not None and account.is_active
            if is_password(account.password_hash if known and account else None, password) and account is not None:
                return account
            self._count_failure(username, address)
        raise NotAuthenticated

    def by_basic(self, username: str, password: str, address: str) -> Known:
        """The same for Basic authentication, which shows the password with each request: a right one is remembered for
        a minute, as long as the account stays as it is."""
        with self._engine.connect() as connection:
            account = account_known(connection, username)
        if account is not None and account.is_active and self._right.holds(username, password, account.generation):
            return account
        account = self.by_password(username, password, address)
        self._right.add(username, password, account.generation)
        with self._engine.connect() as connection:
            failed = limits_of(connection, (f"account:{username}",))
        if failed:
            try:
                self._command("login.forgiven", username, username=username)
            except SchedulerAway:
                pass  # it will be forgotten by itself
        return account

    def by_token(self, token: str) -> tuple[Known, Claims]:
        """The account that a token of a session stands for. Raises NotAuthenticated."""
        now = self.clock()
        try:
            claims = self.tokens.read(token, now)
        except Forged:
            raise NotAuthenticated from None
        with self._engine.connect() as connection:
            session = session_known(connection, claims.session)
        if (
            session is None
            or session.account.username != claims.username
            or not session.account.is_active
            or not session.account.generation == session.generation == claims.generation
            or session.expires_us <= to_us(now)
        ):
            raise NotAuthenticated
        return session.account, claims

    def by_provider(self, identity: Identity, roles: list[str]) -> Known:
        """The account of somebody for whom the identity provider vouches; made where there is none yet. Raises Refusal
        where their name is somebody else's, and NotAuthenticated where the account is disabled."""
        with self._engine.connect() as connection:
            known = [role.name for role in roles_named(connection, roles)]
        self._command(
            "account.external", identity.username, external=identity.external, username=identity.username,
            email=identity.email, first_name=identity.first_name, last_name=identity.last_name, roles=known,
        )  # fmt: skip
        with self._engine.connect() as connection:
            row = account_of_external(connection, identity.external)
            account = account_known(connection, row["username"]) if row is not None else None
        if account is None or not account.is_active:
            raise NotAuthenticated
        return account

    # --- what follows from it ---

    def open(self, account: Known, use: str, address: str) -> Opened:
        """A session for somebody who has shown who they are. Raises SchedulerAway, and Refusal where they have been
        changed since."""
        settings = self._settings
        of_cli, usual = settings.api_auth.jwt_cli_expiration_time, settings.api_auth.jwt_expiration_time
        seconds = max(1, of_cli if use == "cli" else usual)
        session = uuid4().hex
        self._command(
            "session.open", account.username, id=session, username=account.username, generation=account.generation,
            use=use, seconds=seconds, address=address,
        )  # fmt: skip
        now = self.clock()
        claims = Claims(account.username, session, account.generation, now + timedelta(seconds=seconds))
        return Opened(self.tokens.give(claims, now), claims, seconds)

    def end(self, username: str, session: str) -> None:
        """End one session. Raises SchedulerAway, or Refusal where it is over already."""
        self._command("session.end", username, id=session, username=username)

    def caller(self, account: Known, session: str = "") -> Caller:
        """An account with what its roles grant, and what everybody may do."""
        with self._engine.connect() as connection:
            return Caller(account.username, roles_named(connection, self._with_public(account.roles)), session)

    def public(self) -> Caller:
        """Whoever has not said who they are."""
        with self._engine.connect() as connection:
            return Caller("", roles_named(connection, self._with_public(())))

    def reading(self) -> Connection:
        """A connection that cannot write; a context manager."""
        return self._engine.connect()

    def _with_public(self, roles: tuple[str, ...]) -> list[str]:
        also = self._settings.api.auth_role_public.strip()
        return [*roles, PUBLIC, *([also] if also else [])]

    def _count_failure(self, username: str, address: str) -> None:
        try:
            self._command("login.failed", "", username=username[:250], address=address)
        except SchedulerAway:
            time.sleep(1.0)  # nobody counts: nobody guesses quickly either
            raise

    def _command(self, kind: str, actor: str, /, **body: Any) -> Any:
        return from_thread.run(self._link.command, Command(key=uuid4().hex, kind=kind, body=body, actor=actor))


class _Remembered:
    """Right passwords, by a hash that only this process can make."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._until: OrderedDict[tuple[bytes, int], float] = OrderedDict()
        self._lock = Lock()

    def add(self, username: str, password: str, generation: int) -> None:
        with self._lock:
            self._until[self._name(username, password), generation] = time.monotonic() + REMEMBERED_SECONDS
            while len(self._until) > MOST_REMEMBERED:
                self._until.popitem(last=False)

    def holds(self, username: str, password: str, generation: int) -> bool:
        with self._lock:
            return self._until.get((self._name(username, password), generation), 0.0) > time.monotonic()

    def _name(self, username: str, password: str) -> bytes:
        return hmac.new(self._key, f"{username}\0{password}".encode("utf-8", "surrogatepass"), sha256).digest()
