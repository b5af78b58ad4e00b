"""Connections. Passwords can be set and never read; what in `extra` looks like a secret is `***`. Either of them sent
back as `***` leaves what is stored as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, NoReturn

from fastapi import Header, Query, Response
from pydantic import AfterValidator, Field

from tradewind.api.call import Call, Forbidden
from tradewind.api.connection_tests import may_reach, outcome_of
from tradewind.api.default_connections import DEFAULT_CONNECTIONS
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, OrderBy, collection, page_of
from tradewind.api.public.bulk import BulkBody, BulkResponse
from tradewind.api.public.bulk_named import Named
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import check_no_team, masked
from tradewind.core.access import Resource
from tradewind.core.errors import InvalidInput, TradewindError
from tradewind.core.sensitive import REDACTED
from tradewind.store import queries
from tradewind.store import tables as t
from tradewind.store.reading import surroundings as reading

routes = Routes("Connection", prefix=f"{API}/connections")


class ConnectionResponse(Answer):
    """A connection. `password` is `***` where there is one. `extra` is `***` where it is no JSON object, and null where
    it cannot be decrypted."""

    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema_: str | None = Field(alias="schema")
    port: int | None
    password: str | None
    extra: str | None
    team_name: str | None


class ConnectionCollectionResponse(Answer):
    connections: list[ConnectionResponse]
    total_entries: int


def check_object(extra: str) -> str:
    """What `extra` may be. Raises ValueError."""
    try:
        fits = not extra or isinstance(json.loads(extra), dict)
    except (ValueError, RecursionError):
        fits = False
    if not fits:
        raise ValueError("extra must be a JSON object, as text")
    return extra


class ConnectionBody(Body):
    connection_id: Annotated[str, Field(max_length=200, pattern=r"^[\w.-]+$")]
    conn_type: str
    description: str | None = None
    host: str | None = None
    login: str | None = None
    schema_: str | None = Field(None, alias="schema")
    port: int | None = None
    password: str | None = None
    extra: Annotated[str, AfterValidator(check_object)] | None = None
    team_name: Annotated[str, Field(max_length=50)] | None = None


class ConnectionTestRequestBody(ConnectionBody):
    commit_on_success: bool = False
    executor: str | None = None
    queue: str | None = None


class ConnectionTestResponse(Answer):
    status: bool
    message: str


class ConnectionTestQueuedResponse(Answer):
    token: str
    connection_id: str
    state: str


class AsyncConnectionTestResponse(Answer):
    token: str
    connection_id: str
    state: str
    result_message: str | None = None
    created_at: Moment


# --- what is no connection's id ----------------------------------------------------------------------------------


@routes.post("/test", Resource.CONNECTION, response_model=ConnectionTestResponse)
def test_connection(call: Asked, body: ConnectionBody) -> dict[str, Any]:
    """Whether the API's machine reaches what the connection names; refused unless [core] test_connection allows it.

    `***` stands for what is stored, where nothing but secrets and the description is other than what is stored.
    """
    if not may_reach(call.settings):
        raise Forbidden(
            "Connections are not tested over the API: [core] test_connection is "
            f"{call.settings.core.test_connection!r}. With Enabled, whoever may make connections can have this machine "
            "connect to any address; without, run a task that calls its hook's test_connection()."
        )
    status, message = outcome_of(_whole(call, body))
    return {"status": status, "message": message}


def _whole(call: Call, body: ConnectionBody) -> dict[str, Any]:
    """What is to be tested, with stored secrets in their places. Those leave for no other address than their own."""
    given = {name: getattr(body, name) for name in ("conn_type", "host", "login", "port", "password", "extra")}
    given["schema"] = body.schema_
    if REDACTED not in (body.password or "") and REDACTED not in (body.extra or ""):
        return given
    with call.reading() as connection:
        row = queries.connection_named(connection, body.connection_id)
    shown = None if row is None else _fields(call, row)
    if row is None or shown is None or any(_value(given, name) != _value(shown, name) for name in given):
        raise InvalidInput(
            "A stored password or secret is only sent where it is stored for: something else of the connection was "
            "changed, so type its secrets again or save it first."
        )
    vault = call.installation.vault
    stored = {name: vault.decrypt(row[name]) if row[name] else None for name in ("password", "extra")}
    return {**given, **stored}


@routes.post("/enqueue-test", Resource.CONNECTION, status_code=202, response_model=ConnectionTestQueuedResponse)
def enqueue_connection_test(call: Asked, body: ConnectionTestRequestBody) -> NoReturn:
    """Always refused: a test is made at once, or not at all."""
    _refuse_queue()


@routes.get("/enqueue-test", Resource.CONNECTION, response_model=AsyncConnectionTestResponse)
def get_connection_test(call: Asked, airflow_connection_test_token: Annotated[str, Header()]) -> NoReturn:
    """There is none, since none is ever queued."""
    _refuse_queue()


def _value(fields: Mapping[str, Any], name: str) -> Any:
    """Extras are compared as what they say."""
    value = fields[name]
    try:
        return json.loads(value) if name == "extra" and value else value or None
    except (ValueError, RecursionError):
        return value


def _refuse_queue() -> NoReturn:
    raise Forbidden(
        "Tests of connections are not queued: POST /api/v2/connections/test makes one at once, where "
        "[core] test_connection is Enabled."
    )


@routes.post("/defaults", Resource.CONNECTION, status_code=204)
def create_default_connections(call: Asked) -> Response:
    """Make those of Airflow's example connections that there are not."""
    with call.reading() as connection:
        existing = reading.names_of(connection, t.connection, {each["conn_id"] for each in DEFAULT_CONNECTIONS})
    for each in DEFAULT_CONNECTIONS:
        if each["conn_id"] not in existing:
            call.command("connection.set", **each)
    return Response(status_code=204)


# --- connections -------------------------------------------------------------------------------------------------


@routes.get("", Resource.CONNECTION, response_model=ConnectionCollectionResponse)
def get_connections(
    call: Asked, limit: Limit = 50, offset: Offset = 0, order_by: OrderBy = None,
    connection_id_pattern: str | None = None, connection_id_prefix_pattern: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All connections."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        listed = reading.connections_listed(connection, connection_id_pattern, connection_id_prefix_pattern, page)
    return collection("connections", [_fields(call, row) for row in listed.rows], listed)


@routes.post("", Resource.CONNECTION, status_code=201, response_model=ConnectionResponse)
def post_connection(call: Asked, body: ConnectionBody) -> dict[str, Any]:
    """Make a connection."""
    _set(call, body, new=True)
    return _shown(call, body.connection_id)


@routes.patch("", Resource.CONNECTION, response_model=BulkResponse, response_model_exclude_none=True)
def bulk_connections(call: Asked, body: BulkBody[ConnectionBody]) -> dict[str, Any]:
    """Make, change and delete several."""
    kind = Named(Resource.CONNECTION, t.connection, "connection_id", _set, _delete)
    return kind.change_all(call, body)


@routes.get("/{connection_id}", Resource.CONNECTION, response_model=ConnectionResponse)
def get_connection(call: Asked, connection_id: str) -> dict[str, Any]:
    """One connection."""
    return _shown(call, connection_id)


@routes.patch("/{connection_id}", Resource.CONNECTION, response_model=ConnectionResponse)
def patch_connection(
    call: Asked, connection_id: str, body: ConnectionBody, update_mask: Annotated[list[str] | None, Query()] = None
) -> dict[str, Any]:
    """Change a connection."""
    if body.connection_id != connection_id:
        raise InvalidInput("The connection_id in the body is not that of the path; a connection cannot be renamed.")
    _set(call, body, only=masked(update_mask, body, "connection_id"))
    return _shown(call, connection_id)


@routes.delete("/{connection_id}", Resource.CONNECTION, status_code=204)
def delete_connection(call: Asked, connection_id: str) -> Response:
    """Delete a connection."""
    _row(call, connection_id)
    _delete(call, connection_id)
    return Response(status_code=204)


def _delete(call: Call, name: str) -> None:
    call.command("connection.delete", conn_id=name)


def _set(call: Call, body: ConnectionBody, **how: Any) -> None:
    check_no_team(body.team_name)
    parts = ("conn_type", "description", "host", "login", "port", "password", "extra")
    given = {name: getattr(body, name) for name in parts}
    call.command("connection.set", conn_id=body.connection_id, schema=body.schema_, **given, **how)


def _shown(call: Call, conn_id: str) -> dict[str, Any]:
    return _fields(call, _row(call, conn_id))


def _row(call: Call, conn_id: str) -> dict[str, Any]:
    with call.reading() as connection:
        row = queries.connection_named(connection, conn_id)
    if row is None:
        raise NotFound(f"There is no connection {conn_id[:60]!r}.")
    return row


def _fields(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "connection_id": row["conn_id"],
        **{name: row[name] for name in ("conn_type", "description", "host", "login", "schema", "port")},
        "password": REDACTED if row["password"] else None,
        "extra": _extra(call, row["extra"]) if row["extra"] else row["extra"],
        "team_name": None,
    }


def _extra(call: Call, stored: str) -> str | None:
    try:
        text = call.installation.vault.decrypt(stored)
    except TradewindError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return REDACTED
    if not isinstance(value, dict):
        return REDACTED
    shown = call.sensitive.shown(value)
    return text if shown == value else json.dumps(shown)
