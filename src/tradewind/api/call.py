"""One call of the API: who makes it, what they may see, and how its handler reaches database and scheduler."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from anyio import from_thread
from fastapi import Request
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, Engine

from tradewind.api.asset_catalogue import Mentions
from tradewind.api.link import Link
from tradewind.api.log_index import LogIndexes
from tradewind.api.recent import Recent
from tradewind.api.specs import Specs
from tradewind.config import Settings
from tradewind.core.access import OF_DAGS, Action, Caller, DagFacts, DagScope, Need
from tradewind.core.dag import DagSpec
from tradewind.core.errors import DagNotFound, InvalidInput, TradewindError
from tradewind.core.sensitive import Sensitive
from tradewind.store.reading.dags import dag_facts
from tradewind.store.reading.known_columns import KnownColumns
from tradewind.store.reading.traits import KnownTraits
from tradewind.wire.messages import Command

if TYPE_CHECKING:
    from tradewind.api.login.logins import Logins


STEPS_LAST_US = 3_600_000_000


class NotAuthenticated(TradewindError):
    """Nobody has said who asks, or what they said does not hold. The text never says which."""

    def __init__(self) -> None:
        super().__init__("Not authenticated")


class NotPermitted(TradewindError):
    """Whoever asks may not do this."""

    def __init__(self, need: Need, text: str = "") -> None:
        """`text` says why, where it is not for want of a role."""
        role = f"You may not {need.action} this ({need.resource}); ask an administrator for a role that may."
        super().__init__(text or role)
        self.need = need


class Forbidden(TradewindError):
    """Nobody may do this here; the text says why."""


class Vault(Protocol):
    """Reads what is stored encrypted."""

    def decrypt(self, token: str) -> str:
        """The text. Raises TradewindError where it cannot be read."""


class FromElsewhere(TradewindError):
    """A browser sends a change that no page of this installation asked for."""

    def __init__(self) -> None:
        super().__init__("This change does not come from a page of this installation; open its own pages to make it.")


class TooManyTries(TradewindError):
    """Somebody has guessed wrong too often, and has to wait; also whoever knows the password by now."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"Too many tries that failed; wait {seconds} s.")
        self.retry_after_seconds = seconds


class TooMuch(TradewindError):
    """Somebody asks for more than one may have at a time."""

    def __init__(self, sentence: str, seconds: int) -> None:
        super().__init__(sentence)
        self.retry_after_seconds = seconds


class Gate(Protocol):
    """Says who makes a request."""

    def caller(self, request: Request) -> Caller:
        """Whoever makes it. Raises NotAuthenticated."""


@dataclass(frozen=True, slots=True)
class Installation:
    """What the API serves."""

    settings: Settings
    engine: Engine
    """Read-only."""
    link: Link
    gate: Gate
    logins: Logins
    vault: Vault
    specs: Specs = field(default_factory=Specs)
    mentions: Mentions = field(default_factory=Mentions)
    traits: KnownTraits = field(default_factory=KnownTraits)
    logs: LogIndexes = field(default_factory=LogIndexes)
    recent: Recent = field(default_factory=Recent)
    steps: Recent = field(default_factory=lambda: Recent(lasts_us=STEPS_LAST_US))
    """What was found in steps of time that are over."""
    columns: KnownColumns = field(default_factory=KnownColumns)


@dataclass(frozen=True, slots=True)
class Call:
    """A call that its caller may make. Handlers get it, and run in a thread of their own."""

    request: Request
    installation: Installation
    caller: Caller
    need: Need

    @property
    def settings(self) -> Settings:
        return self.installation.settings

    @property
    def scope(self) -> DagScope:
        """The Dags on which the caller may do what this route does. Lists are narrowed to it in SQL."""
        return self.caller.scope(self.need)

    def scope_of(self, need: Need) -> DagScope:
        """The same for something else that the answer shows."""
        return self.caller.scope(need)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that cannot write; what is read through one belongs to one moment."""
        with self.installation.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN")
            yield connection

    def permit(self, dag_id: str, need: Need | None = None) -> None:
        """Raise unless the caller may do this (or what the route needs) to this Dag.

        For whoever may not even see it, a Dag is one that does not exist.
        """
        need = need or self.need
        sees = self.caller.scope(Need(Action.READ, need.resource))
        scope = self.caller.scope(need)
        if scope.everything:
            return
        with self.reading() as connection:
            facts = dag_facts(connection, dag_id) or DagFacts(dag_id)
        if not scope.holds(facts):
            raise NotPermitted(need) if sees.holds(facts) else DagNotFound(dag_id)

    def allow(self, need: Need) -> None:
        """Raise NotPermitted unless the caller may do this: for a call that does more than its route says."""
        if not self.caller.may(need):
            raise NotPermitted(need)

    def spec(self, connection: Connection, version: str) -> DagSpec:
        """A Dag as one of its versions has it. Raises InvalidInput for one that is stored damaged."""
        return self.installation.specs.of(connection, version)

    @property
    def sensitive(self) -> Sensitive:
        """Which names are secrets' names here."""
        core = self.settings.core
        return Sensitive(core.sensitive_var_conn_names.split(","), goes_by_name=core.hide_sensitive_var_conn_fields)

    def command(self, kind: str, **body: Any) -> Any:
        """What the scheduler gives for this command. The same call with the same Idempotency-Key is applied once.

        Raises Refusal, or SchedulerAway after 10 s.
        """
        _check_unicode(kind, body)
        command = Command(key=self._key(kind, body), kind=kind, body=body, actor=self.caller.name)
        return from_thread.run(self.installation.link.command, command)

    def ask(self, method: str, **args: Any) -> Any:
        """The scheduler's answer to a question. Raises Refusal or SchedulerAway."""
        link = self.installation.link

        async def asked() -> Any:
            return await link.request(method, **args)

        return from_thread.run(asked)

    def _key(self, kind: str, body: dict[str, Any]) -> str:
        given = self.request.headers.get("idempotency-key")
        if not given:
            return uuid4().hex
        named = json.dumps([self.caller.name, given, kind, body], sort_keys=True, default=str)
        return hashlib.blake2b(named.encode(), digest_size=16).hexdigest()


def _check_unicode(kind: str, body: dict[str, Any]) -> None:
    """Half a character can be written in JSON, and can neither be sent nor stored."""
    try:
        json.dumps(body, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise InvalidInput(f"Command {kind}: something in it holds text that is no valid Unicode.") from None


def _check_texts(request: Request) -> None:
    """No database holds a null character, so nothing is found by one."""
    for texts in (request.path_params, request.query_params):
        for name, value in texts.items():
            if "\0" in str(value):
                raise InvalidInput(f"{name[:60]!r} holds a null character; leave it out.")


async def call_of(request: Request) -> Call:
    """The call that a request makes: its caller is known, may do what the route needs, and it is their turn.

    A Dag that the path names is looked at here already, so that no handler can forget to.
    """
    need = request.scope["route"].endpoint.need
    installation: Installation = request.app.state.installation
    _check_texts(request)
    call = Call(request, installation, await run_in_threadpool(installation.gate.caller, request), need)
    whose = call.caller.name or (request.client.host if request.client else "")
    request.app.state.budgets.take(whose)
    if not call.caller.may(need):
        raise NotPermitted(need)
    await request.scope["turn"].take(whose)
    dag_id = request.path_params.get("dag_id")
    if dag_id is not None and dag_id != "~" and need.resource in OF_DAGS:
        await run_in_threadpool(call.permit, dag_id)
    return call
