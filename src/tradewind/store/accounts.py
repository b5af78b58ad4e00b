"""Who may come in, as the database has it: accounts, roles, sessions, and who has to wait."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select

from tradewind.core.access import BUILT_IN, Grant, Role
from tradewind.core.dag_access import for_many, grants_of_access
from tradewind.core.errors import InvalidInput
from tradewind.core.grants import grants_of
from tradewind.store import tables as t
from tradewind.store.checked import raw, read

log = logging.getLogger("tradewind.store")

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """An account as a login looks at it."""

    username: str
    password_hash: str | None
    roles: tuple[str, ...]
    is_active: bool
    generation: int


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session that is not over, with its account."""

    account: Known
    kind: str
    generation: int
    expires_us: int


_KNOWN = (
    t.account.c.username, t.account.c.password_hash, t.account.c.roles, t.account.c.is_active, t.account.c.generation
)  # fmt: skip


def account_known(connection: Connection, username: str) -> Known | None:
    """What a login compares with."""
    found = connection.execute(select(*_KNOWN).where(t.account.c.username == username)).first()
    return _known(found) if found else None


def session_known(connection: Connection, session: str) -> OpenSession | None:
    """A session that nobody has ended, with the account that it belongs to."""
    row = t.session.c
    query = (
        select(*_KNOWN, row.kind, row.generation.label("given"), row.expires_at)
        .join(t.session, row.username == t.account.c.username)
        .where(row.id == session, row.ended_at.is_(None))
    )
    found = connection.execute(query).first()
    return OpenSession(_known(found), found.kind, found.given, found.expires_at) if found else None


def roles_named(connection: Connection, names: Collection[str]) -> tuple[Role, ...]:
    """These roles, as far as there are such: what is built in, what is stored under their names, and what the files of
    Dags let them do."""
    wanted = sorted(set(names))
    stored = _grants_stored(connection, t.role.c.name.in_(wanted))
    there = [name for name in wanted if name in BUILT_IN or name in stored]
    of_files = access_given(connection, there)
    return tuple(_role(name, stored.get(name, ()), of_files.get(name, ())) for name in there)


def access_given(connection: Connection, names: Collection[str] | None = None) -> dict[str, tuple[Grant, ...]]:
    """What the files of Dags let these roles do, or all of them: a grant for each Dag that names the role."""
    row = t.dag_access.c
    query = select(*raw(row.role, row.dag_id, row.rights)).order_by(row.role, row.dag_id)
    found: dict[str, list[Grant]] = {}
    for given in read(connection, query if names is None else query.where(row.role.in_(sorted(names)))):
        found.setdefault(given["role"], []).extend(_given(given["role"], given["dag_id"], given["rights"]))
    return {name: for_many(grants) for name, grants in found.items()}


def roles_unknown(connection: Connection, names: Collection[str]) -> list[str]:
    """Those of these roles that there are not. What the file of a Dag gives them waits until there are."""
    there = set(connection.execute(select(t.role.c.name).where(t.role.c.name.in_(sorted(names)))).scalars())
    return [name for name in sorted(names) if name not in there and name not in BUILT_IN]


def roles_listed(connection: Connection) -> list[tuple[Role, tuple[Any, ...]]]:
    """Every role by name, and beside it what is stored for it."""
    stored = _grants_stored(connection)
    return [(_role(name, stored.get(name, ())), stored.get(name, ())) for name in sorted({*BUILT_IN, *stored})]


def role_is_stored(connection: Connection, name: str) -> bool:
    """Whether something is stored for a role of this name, also where it cannot be read."""
    return connection.execute(select(t.role.c.name).where(t.role.c.name == name)).first() is not None


def account_row(connection: Connection, username: str) -> Row | None:
    """Everything stored of an account, `roles` as a list."""
    return _row(connection.execute(select(t.account).where(t.account.c.username == username)).mappings().first())


def account_of_external(connection: Connection, external: str) -> Row | None:
    """The account that an identity provider's subject stands for."""
    return _row(connection.execute(select(t.account).where(t.account.c.external == external)).mappings().first())


def account_rows(connection: Connection) -> list[Row]:
    """All accounts, by name."""
    found = connection.execute(select(t.account).order_by(t.account.c.username)).mappings()
    return [row for each in found if (row := _row(each)) is not None]


def number_of_accounts(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).select_from(t.account)).scalar_one())


def session_row(connection: Connection, session: str) -> Row | None:
    found = connection.execute(select(t.session).where(t.session.c.id == session)).mappings().first()
    return dict(found) if found else None


def sessions_open(connection: Connection, username: str, now_us: int) -> list[Row]:
    """Sessions of an account that still count, newest first."""
    row = t.session.c
    query = (
        select(t.session)
        .join(t.account, t.account.c.username == row.username)
        .where(
            row.username == username, row.ended_at.is_(None), row.expires_at > now_us,
            row.generation == t.account.c.generation,
        )
        .order_by(row.created_at.desc(), row.id)
    )  # fmt: skip
    return [dict(each) for each in connection.execute(query).mappings()]


def sessions_past(connection: Connection, username: str, now_us: int, generation: int) -> list[str]:
    """Sessions of an account that do not count any more."""
    row = t.session.c
    query = select(row.id).where(
        row.username == username,
        or_(row.ended_at.is_not(None), row.expires_at <= now_us, row.generation != generation),
    )
    return list(connection.execute(query.order_by(row.id)).scalars())


def limits_of(connection: Connection, keys: Collection[str]) -> dict[str, tuple[int, int]]:
    """How often each of these has failed, and until when it has to wait (in microseconds)."""
    row = t.login_limit.c
    query = select(row.key, row.failures, row.until).where(row.key.in_(sorted(keys)))
    return {key: (failures, until) for key, failures, until in connection.execute(query)}


def limits_before(connection: Connection, until_us: int, most: int = 100) -> list[str]:
    """Some that have waited long ago, so that nothing is gained by remembering them."""
    row = t.login_limit.c
    return list(connection.execute(select(row.key).where(row.until < until_us).order_by(row.key).limit(most)).scalars())


def secrets_stored(connection: Connection) -> dict[str, list[Row]]:
    """Everything that is encrypted with the installation's key, by table."""
    tables: tuple[Select[Any], Select[Any]] = (select(t.variable), select(t.connection))
    variables, connections = ([dict(row) for row in connection.execute(query).mappings()] for query in tables)
    return {"variable": variables, "connection": connections}


def _known(found: Any) -> Known:
    roles = roles_of(found.username, found.roles)
    return Known(found.username, found.password_hash, roles, found.is_active, found.generation)


def _row(found: Any) -> Row | None:
    return {**found, "roles": list(roles_of(found["username"], found["roles"]))} if found else None


def _role(name: str, stored: tuple[Grant, ...], of_files: tuple[Grant, ...] = ()) -> Role:
    built_in = BUILT_IN.get(name)
    return Role(name, (*(built_in.grants if built_in else ()), *stored, *of_files))


def _grants_stored(connection: Connection, *condition: ColumnElement[bool]) -> dict[str, tuple[Grant, ...]]:
    query = select(*raw(t.role.c.name, t.role.c.grants)).where(*condition)
    return {row["name"]: _granted(row["name"], row["grants"]) for row in read(connection, query)}


# A row that cannot be read grants nothing, and the log says which it is: once, since these are remembered. Whoever is
# denied by it is told as of any other right that they do not have.


@lru_cache(maxsize=1024)
def roles_of(username: str, stored: Any) -> tuple[str, ...]:
    """The roles that are stored of an account."""
    try:
        found = json.loads(stored)
        if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
            raise ValueError("it is no list of names")
    except _ODD as error:
        _warn(f"Table account, row with username {username!r}: its roles", "has none", error)
        return ()
    return tuple(found)


@lru_cache(maxsize=1024)
def _granted(name: str, stored: Any) -> tuple[Grant, ...]:
    try:
        return grants_of(json.loads(stored)) if stored else ()
    except (*_ODD, InvalidInput) as error:
        _warn(f"Table role, row with name {name!r}: its grants", "grants nothing", error)
        return ()


@lru_cache(maxsize=4096)
def _given(role: str, dag_id: str, stored: Any) -> tuple[Grant, ...]:
    try:
        rights = json.loads(stored)
        if not isinstance(rights, dict):
            raise ValueError("they are no object")
        return grants_of_access(dag_id, rights)
    except (*_ODD, InvalidInput) as error:
        where = f"Table dag_access, row with role {role!r} and dag_id {dag_id!r}: its rights"
        _warn(where, "gives nothing, until its file is parsed anew (`tradewind dags reserialize`)", error)
        return ()


_ODD = (AttributeError, RecursionError, TypeError, ValueError)
"""What nonsense raises where it is taken for what it should be."""


def _warn(what: str, so: str, error: Exception) -> None:
    log.warning("%s cannot be read (%s: %s), so it %s; mend or delete it.", what, type(error).__name__, error, so)
