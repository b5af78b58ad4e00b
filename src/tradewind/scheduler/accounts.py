"""Accounts, roles and sessions as people change them, and logins that failed.

Passwords never come here: whoever asks has made the hash. Whatever takes something from an account gives it another
generation, and what was handed out under the one before does not count any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from tradewind.core.access import BUILT_IN
from tradewind.core.decisions import DropRows, Operation, PutRow, Record
from tradewind.core.errors import AlreadyExists, InvalidInput, NotFound, TradewindError
from tradewind.core.grants import grants_of, plain_grants
from tradewind.core.logins import FORGOTTEN_AFTER, checked_roles, checked_text, checked_username, wait_after
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles
from tradewind.store import accounts
from tradewind.store.times import from_us, to_us

ADMIN = "Admin"
SESSION_KINDS = ("ui", "api", "cli")
LONGEST_SESSION = timedelta(days=366)


# --- accounts ------------------------------------------------------------------------------------------------------


@handles("account.create")
def create_account(context: Context, body: Body, actor: str) -> Wish:
    """Somebody new. With `first` only where there is nobody yet: anybody else has come before, and stays."""
    username = checked_username(body["username"])
    with context.engine.connect() as connection:
        if body.get("first") and accounts.number_of_accounts(connection):
            raise AlreadyExists("There are accounts already.")
        if accounts.account_row(connection, username) is not None:
            raise AlreadyExists(f"There is a user {username!r} already; choose another name.")
        external = checked_text(body.get("external"), "external") or None
        if external and accounts.account_of_external(connection, external) is not None:
            raise AlreadyExists(f"Another user is {external!r} at the identity provider.")
        roles = _known_roles(connection, body.get("roles") or [])
    password_hash = _hash(body.get("password_hash"))
    if password_hash is None and external is None:
        raise InvalidInput(f"User {username!r} needs a password.")
    row = {
        "username": username,
        "password_hash": password_hash,
        "email": checked_text(body.get("email"), "email"),
        "first_name": checked_text(body.get("first_name"), "first_name"),
        "last_name": checked_text(body.get("last_name"), "last_name"),
        "roles": roles,
        "is_active": bool(body.get("is_active", True)),
        "generation": 1,
        "login_count": 0,
        "failed_logins": 0,
        "last_login_at": None,
        "external": external,
        "created_at": context.now(),
        "updated_at": context.now(),
    }
    return Rows(
        (PutRow("account", row), Record("account.created", reason=actor, body={"username": username, "roles": roles}))
    )


@handles("account.external")
def external_account(context: Context, body: Body, actor: str) -> Wish:
    """Whoever an identity provider has vouched for: made at the first login, and as the provider has them at each. A
    name that somebody else has already is not taken over."""
    external, roles = checked_text(body["external"], "external"), body["roles"]
    if not external:
        raise InvalidInput("external is missing.")
    with context.engine.connect() as connection:
        row = accounts.account_of_external(connection, external)
    if row is None:
        return create_account(context, {**body, "password_hash": None, "is_active": True}, actor)
    facts = {name: body[name] for name in ("email", "first_name", "last_name") if body.get(name)}
    said = {**facts, "roles": roles}
    if row["is_active"] and any(row[name] != value for name, value in said.items()):
        return update_account(context, {"username": row["username"], **said}, actor)
    return Rows(())


@handles("account.update")
def update_account(context: Context, body: Body, actor: str) -> Wish:
    """Change what is named; other roles, or being disabled, end what the account has open."""
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
        changed: dict[str, Any] = {
            name: checked_text(body[name], name) for name in ("email", "first_name", "last_name") if name in body
        }
        if body.get("roles") is not None:
            changed["roles"] = _known_roles(connection, body["roles"])
        if body.get("is_active") is not None:
            changed["is_active"] = bool(body["is_active"])
        after = {**row, **changed}
        _check_an_admin_is_left(connection, row, after)
    ends = sorted(after["roles"]) != sorted(row["roles"]) or after["is_active"] != row["is_active"]
    return _changed(context, actor, after, *sorted(changed), ends=ends)


@handles("account.password")
def set_password(context: Context, body: Body, actor: str) -> Wish:
    """Another password; everything that the account has open ends, and it need not wait any more."""
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
    password_hash = _hash(body["password_hash"])
    if password_hash is None:
        raise InvalidInput("password_hash is missing.")
    wish = _changed(context, actor, {**row, "password_hash": password_hash}, "password", ends=True)
    return Rows((*wish.operations, DropRows("login_limit", {"key": f"account:{row['username']}"})))


@handles("account.add_role")
def add_role(context: Context, body: Body, actor: str) -> Wish:
    return _with_roles(context, body, actor, adds=True)


@handles("account.remove_role")
def remove_role(context: Context, body: Body, actor: str) -> Wish:
    return _with_roles(context, body, actor, adds=False)


@handles("account.delete")
def delete_account(context: Context, body: Body, actor: str) -> Wish:
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
        _check_an_admin_is_left(connection, row, {**row, "is_active": False})
    name = row["username"]
    return Rows(
        (
            DropRows("session", {"username": name}),
            DropRows("login_limit", {"key": f"account:{name}"}),
            DropRows("account", {"username": name}),
            Record("account.deleted", reason=actor, body={"username": name}),
        )
    )


def _with_roles(context: Context, body: Body, actor: str, *, adds: bool) -> Rows:
    name = str(body["role"])
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
        _known_roles(connection, [name] if adds else [])
        if (name in row["roles"]) is adds:
            what = "has the role already" if adds else "does not have the role"
            raise InvalidInput(f"User {row['username']!r} {what} {name!r}.")
        roles = [*row["roles"], name] if adds else [each for each in row["roles"] if each != name]
        after = {**row, "roles": roles}
        _check_an_admin_is_left(connection, row, after)
    return _changed(context, actor, after, "roles", ends=True)


def _account(connection: Connection, username: Any) -> accounts.Row:
    row = accounts.account_row(connection, str(username))
    if row is None:
        raise NotFound(f"There is no user {str(username)!r:.80}; `tradewind users list` shows those that there are.")
    return row


def _known_roles(connection: Connection, roles: Any) -> list[str]:
    names = checked_roles(roles)
    known = {role.name for role in accounts.roles_named(connection, names)}
    if unknown := [name for name in names if name not in known]:
        raise InvalidInput(f"There is no role {unknown[0]!r:.80}; `tradewind roles list` shows those that there are.")
    return names


def _check_an_admin_is_left(connection: Connection, before: accounts.Row, after: accounts.Row) -> None:
    if not _is_admin(before) or _is_admin(after):
        return
    others = (row for row in accounts.account_rows(connection) if row["username"] != before["username"])
    if not any(map(_is_admin, others)):
        raise InvalidInput(f"User {before['username']!r} is the last Admin; give somebody else that role first.")


def _is_admin(row: accounts.Row) -> bool:
    return ADMIN in row["roles"] and bool(row["is_active"])


def _hash(value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.startswith("$argon2id$"):
        raise InvalidInput("password_hash must be a hash of argon2id.")
    return value


def _changed(context: Context, actor: str, row: accounts.Row, *fields: str, ends: bool) -> Rows:
    """The row as it is now. `ends`: with another generation, and without the sessions of the one before."""
    after = {**row, "updated_at": context.now()}
    operations: list[Operation] = []
    if ends:
        after["generation"] += 1
        operations.append(DropRows("session", {"username": row["username"]}))
    said = Record("account.changed", reason=actor, body={"username": row["username"], "fields": list(fields)})
    return Rows((*operations, PutRow("account", after), said))


# --- roles ---------------------------------------------------------------------------------------------------------


@handles("role.set")
def set_role(context: Context, body: Body, actor: str) -> Wish:
    """What a role may do; of a built-in one, what it may do beyond that."""
    name, grants = str(body["name"]), plain_grants(grants_of(body["grants"]))
    if not name.strip() or not checked_text(name, "name"):
        raise InvalidInput("A role needs a name.")
    with context.engine.connect() as connection:
        is_there = accounts.role_is_stored(connection, name) or name in BUILT_IN
    if body.get("new") and is_there:
        raise AlreadyExists(f"There is a role {name!r} already; choose another name.")
    if name == ADMIN:
        raise InvalidInput(f"{ADMIN} may do everything already.")
    row = {"name": name, "grants": grants, "updated_at": context.now()}
    return Rows((PutRow("role", row), Record("role.set", reason=actor, body={"name": name, "grants": grants})))


@handles("role.delete")
def delete_role(context: Context, body: Body, actor: str) -> Wish:
    """A role that nobody has; one that is built in loses what was added to it."""
    name = str(body["name"])
    with context.engine.connect() as connection:
        if not accounts.role_is_stored(connection, name):
            if name in BUILT_IN:
                raise InvalidInput(f"The role {name} is built in and cannot be deleted.")
            raise NotFound(f"There is no role {name!r:.80}; `tradewind roles list` shows those that there are.")
        holders = [row["username"] for row in accounts.account_rows(connection) if name in row["roles"]]
    if holders and name not in BUILT_IN:
        raise InvalidInput(f"Role {name!r} is held by {', '.join(holders[:5])}; take it from them first.")
    return Rows((DropRows("role", {"name": name}), Record("role.deleted", reason=actor, body={"name": name})))


# --- sessions and logins -------------------------------------------------------------------------------------------


@handles("session.open")
def open_session(context: Context, body: Body, actor: str) -> Wish:
    """Somebody has shown who they are, and nothing has changed about them since. Their past sessions are dropped."""
    now, kind, session = context.now(), str(body["use"]), str(body["id"])
    seconds = float(body["seconds"])
    if kind not in SESSION_KINDS or len(session) < 32:
        raise InvalidInput(f"A session has an id of 32 characters and a use: {', '.join(SESSION_KINDS)}.")
    if not 0 < seconds <= LONGEST_SESSION.total_seconds():
        raise InvalidInput(f"A session lasts up to {LONGEST_SESSION.days} days.")
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
        if not row["is_active"] or row["generation"] != int(body["generation"]):
            raise InvalidInput(f"User {row['username']!r} was changed meanwhile; log in again.")
        if accounts.session_row(connection, session) is not None:
            raise AlreadyExists("There is a session of this id.")
        past = accounts.sessions_past(connection, row["username"], to_us(now), row["generation"])
    username, address = row["username"], checked_text(body.get("address"), "address")
    opened = {
        "id": session,
        "username": username,
        "kind": kind,
        "generation": row["generation"],
        "created_at": now,
        "expires_at": now + timedelta(seconds=seconds),
        "ended_at": None,
        "address": address,
    }
    seen = {**row, "login_count": row["login_count"] + 1, "failed_logins": 0, "last_login_at": now}
    return Rows(
        (
            *(DropRows("session", {"id": each}) for each in past),
            DropRows("login_limit", {"key": f"account:{username}"}),
            PutRow("session", opened),
            PutRow("account", seen),
            Record("login.succeeded", reason=username, body={"kind": kind, "address": address}),
        )
    )


@handles("session.end")
def end_session(context: Context, body: Body, actor: str) -> Wish:
    """One session, which must be this account's."""
    session, username = str(body["id"]), str(body["username"])
    with context.engine.connect() as connection:
        row = accounts.session_row(connection, session)
    if row is None or row["username"] != username or row["ended_at"] is not None:
        raise NotFound("There is no such session.")
    ended = {**row, "ended_at": context.now()}
    return Rows((PutRow("session", ended), Record("login.ended", reason=username, body={"kind": row["kind"]})))


@handles("session.end_all")
def end_all_sessions(context: Context, body: Body, actor: str) -> Wish:
    """Every session of an account, and whatever else it has shown who it is with."""
    with context.engine.connect() as connection:
        row = _account(connection, body["username"])
    return _changed(context, actor, row, "sessions", ends=True)


@handles("login.failed")
def login_failed(context: Context, body: Body, actor: str) -> Wish:
    """A wrong guess at an account from an address. Both wait longer and longer; who has waited is forgotten."""
    now = context.now()
    username, address = str(body["username"])[:250], checked_text(body.get("address"), "address")
    keys = {f"account:{username}": "account"} | ({f"address:{address}": "address"} if address else {})
    with context.engine.connect() as connection:
        known = accounts.limits_of(connection, keys)
        row = accounts.account_row(connection, username)
        forgotten = accounts.limits_before(connection, to_us(now - FORGOTTEN_AFTER))
    operations: list[Operation] = [DropRows("login_limit", {"key": key}) for key in forgotten if key not in keys]
    for key, kind in keys.items():
        before, until = known.get(key, (0, 0))
        failures = 1 if (from_us(until) or now) < now - FORGOTTEN_AFTER else before + 1
        waits = now + wait_after(failures, kind)
        operations.append(PutRow("login_limit", {"key": key, "failures": failures, "until": waits}))
    if row is not None:
        operations.append(PutRow("account", {**row, "failed_logins": row["failed_logins"] + 1}))
    return Rows((*operations, Record("login.failed", reason="", body={"username": username, "address": address})))


@handles("login.forgiven")
def login_forgiven(context: Context, body: Body, actor: str) -> Wish:
    """Whoever guessed wrong has come in after all."""
    return Rows((DropRows("login_limit", {"key": f"account:{body['username']}"}),))


# --- secrets at rest -----------------------------------------------------------------------------------------------


@handles("secrets.rotate")
def rotate_secrets(context: Context, body: Body, actor: str) -> Wish:
    """Every stored secret once more, encrypted with the first key. What cannot be read refuses all of it."""
    with context.engine.connect() as connection:
        stored = accounts.secrets_stored(connection)
    operations: list[Operation] = []
    for row in stored["variable"]:
        operations.append(PutRow("variable", {**row, "value": _again(context, row["value"], f"variable {row['key']}")}))
    for row in stored["connection"]:
        name = f"connection {row['conn_id']}"
        secret = {part: _again(context, row[part], name) for part in ("password", "extra") if row[part]}
        operations.append(PutRow("connection", {**row, **secret}))
    counts = {table: len(rows) for table, rows in stored.items()}
    return Rows((*operations, Record("secrets.rotated", reason=actor, body=counts)))


def _again(context: Context, token: str, name: str) -> str:
    try:
        return context.encrypt(context.decrypt(token))
    except TradewindError as fault:
        raise InvalidInput(f"{name[0].upper()}{name[1:]}: {fault} Nothing was changed.") from None
