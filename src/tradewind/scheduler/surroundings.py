"""Wishes about what tasks find around them: variables, connections, pools.

`new` refuses to replace what exists. `only` names the fields that change; all others stay as they are stored, and what
is to change must exist. Both are looked at in the turn that stores the change, so two callers never undo each other.
"""

import json
from typing import Any

from tradewind.core.decisions import DropRows, PutRow, Record
from tradewind.core.errors import AlreadyExists, InvalidInput, NotFound
from tradewind.core.records import Pool
from tradewind.core.sensitive import REDACTED, with_stored
from tradewind.core.soundness import LONGEST_ID, MOST
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles
from tradewind.store import queries


@handles("variable.set")
def set_variable(context: Context, body: Body, actor: str) -> Wish:
    key, only = str(body["key"]), _only(body)
    if not key or len(key) > 250:
        raise InvalidInput("A variable's key has 1 to 250 characters.")
    with context.engine.connect() as connection:
        stored = queries.variable_row(connection, key)
    _check_existence(f"variable {key!r}", stored, body)
    row = {
        "key": key,
        "value": stored["value"] if stored and not _changes("value", only) else _value(context, body, stored),
        "description": stored["description"] if stored and not _changes("description", only) else _text(body),
        "updated_at": context.now(),
    }
    return Rows((PutRow("variable", row), Record("variable.set", reason=actor, body={"key": key})))


def _value(context: Context, body: Body, stored: dict[str, Any] | None) -> str:
    """A variable's value, encrypted. What says `***` where something is stored is that."""
    value = body["value"]
    text = value if isinstance(value, str) else json.dumps(value)
    if stored is not None and REDACTED in text:
        text = _merged(text, context.decrypt(stored["value"]))
    return context.encrypt(text)


def _merged(text: str, stored: str) -> str:
    if text == REDACTED:
        return stored
    try:
        new, old = json.loads(text), json.loads(stored)
    except ValueError:
        return text
    merged = with_stored(new, old)
    return text if merged == new else json.dumps(merged)


@handles("variable.delete")
def delete_variable(context: Context, body: Body, actor: str) -> Wish:
    key = str(body["key"])
    return Rows((DropRows("variable", {"key": key}), Record("variable.deleted", reason=actor, body={"key": key})))


_PARTS_OF_A_CONNECTION = ("conn_type", "description", "host", "schema", "login", "password", "port", "extra")


@handles("connection.set")
def set_connection(context: Context, body: Body, actor: str) -> Wish:
    conn_id, only = str(body["conn_id"]), _only(body)
    if not conn_id:
        raise InvalidInput("A connection needs a conn_id.")
    port = body.get("port")
    if port is not None and not (str(port).isdecimal() and int(port) <= MOST):
        raise InvalidInput(f"Connection {conn_id}: port {port!r} is not a number.")
    with context.engine.connect() as connection:
        stored = queries.connection_named(connection, conn_id)
    _check_existence(f"connection {conn_id!r}", stored, body)
    given = {
        **{name: body.get(name) for name in ("description", "host", "schema", "login")},
        "conn_type": str(body.get("conn_type") or "generic"),
        "password": _password(context, body.get("password"), stored),
        "port": int(port) if port is not None else None,
        "extra": _extra(context, body.get("extra"), stored),
    }
    parts = {name: given[name] if _changes(name, only) or not stored else stored[name] for name in given}
    row = {"conn_id": conn_id, **{name: parts[name] for name in _PARTS_OF_A_CONNECTION}, "updated_at": context.now()}
    return Rows((PutRow("connection", row), Record("connection.set", reason=actor, body={"conn_id": conn_id})))


def _password(context: Context, given: str | None, stored: dict[str, Any] | None) -> str | None:
    if given == REDACTED and stored is not None and stored["password"]:
        return str(stored["password"])
    return context.encrypt(given) if given else None


def _extra(context: Context, given: Any, stored: dict[str, Any] | None) -> str | None:
    if not given:
        return None
    text = given if isinstance(given, str) else json.dumps(given)
    if stored is not None and stored["extra"] and REDACTED in text:
        text = _merged(text, context.decrypt(stored["extra"]))
    return context.encrypt(text)


@handles("connection.delete")
def delete_connection(context: Context, body: Body, actor: str) -> Wish:
    conn_id = str(body["conn_id"])
    gone = Record("connection.deleted", reason=actor, body={"conn_id": conn_id})
    return Rows((DropRows("connection", {"conn_id": conn_id}), gone))


@handles("pool.set")
def set_pool(context: Context, body: Body, actor: str) -> Wish:
    name, only = str(body["name"]), _only(body)
    stored = context.world().pools.get(name)
    _check_existence(f"pool {name!r}", stored, body)
    slots = _slots(name, body["slots"]) if stored is None or _changes("slots", only) else stored.slots
    if not name.strip() or len(name) > LONGEST_ID:
        raise InvalidInput(f"A pool needs a name of at most {LONGEST_ID} characters.")
    kept_text, kept_switch = (stored.description, stored.include_deferred) if stored else ("", False)
    pool = Pool(
        name=name,
        slots=slots,
        description=_text(body) or "" if not stored or _changes("description", only) else kept_text,
        include_deferred=bool(body.get("include_deferred"))
        if not stored or _changes("include_deferred", only)
        else kept_switch,
    )
    context.world().set_pool(pool)
    row = {"name": name, "slots": slots, "description": pool.description, "include_deferred": pool.include_deferred}
    return Rows((PutRow("pool", row), Record("pool.set", reason=actor, body={"name": name, "slots": slots})))


def _slots(name: str, given: Any) -> int:
    try:
        slots = int(given)
    except (TypeError, ValueError, OverflowError):
        raise InvalidInput(f"Pool {name}: slots {given!r} is not a whole number.") from None
    if slots > MOST:
        raise InvalidInput(f"Pool {name}: slots {slots} is more than {MOST}; -1 means without limit.")
    if slots < -1:
        raise InvalidInput(f"Pool {name}: slots {slots} is less than -1, which means without limit.")
    return slots


@handles("pool.delete")
def delete_pool(context: Context, body: Body, actor: str) -> Wish:
    name = str(body["name"])
    if name == "default_pool":
        raise InvalidInput("default_pool cannot be deleted; set its slots instead.")
    if context.world().pools.pop(name, None) is None:
        raise NotFound(f"No pool {name!r}; `tradewind pools list` shows the existing ones.")
    return Rows((DropRows("pool", {"name": name}), Record("pool.deleted", reason=actor, body={"name": name})))


def _only(body: Body) -> frozenset[str] | None:
    """The fields that are to change; None: all of them."""
    given = body.get("only")
    if given is not None and not (isinstance(given, list | tuple) and all(isinstance(name, str) for name in given)):
        raise InvalidInput("only must be a list of fields.")
    return None if given is None else frozenset(given)


def _changes(field: str, only: frozenset[str] | None) -> bool:
    return only is None or field in only


def _check_existence(what: str, stored: object, body: Body) -> None:
    if body.get("new") and stored is not None:
        raise AlreadyExists(f"There is a {what} already; change that, or choose another name.")
    if body.get("only") is not None and stored is None:
        raise NotFound(f"There is no {what}; create it first.")


def _text(body: Body) -> str | None:
    text = body.get("description")
    return None if text is None else str(text)
