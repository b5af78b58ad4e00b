"""Connections, variables and pools in Airflow 2's words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any

from fastapi import Response
from pydantic import AfterValidator, Field

from tradewind.api.models import Answer, Body
from tradewind.api.public import connections, pools, variables
from tradewind.api.routing import Asked, Routes
from tradewind.api.v1.models import Limit, Mask, Offset, Order, order_of
from tradewind.core.access import Resource
from tradewind.core.errors import InvalidInput

of_connections = Routes("Connection", prefix="/connections")
of_variables = Routes("Variable", prefix="/variables")
of_pools = Routes("Pool", prefix="/pools")
families = (of_connections, of_variables, of_pools)


def _masked(mask: list[str] | None, body: Body, fixed: str, named: str) -> list[str]:
    """The fields that a PATCH changes: those that it sends, of those in its mask where there is one.

    Raises InvalidInput for a field that there is not, and for another name than that of the path.
    """
    if getattr(body, fixed) not in (None, named):
        raise InvalidInput(f"{fixed} in the body is not that of the path; it cannot be changed.")
    fields = {field.alias or name: name for name, field in type(body).model_fields.items()}
    if unknown := [name for name in mask or () if name not in fields]:
        raise InvalidInput(f"update_mask names {unknown[0][:60]!r}; choose {', '.join(sorted(fields))}.")
    sent = {name for name, field in fields.items() if field in body.model_fields_set}
    return sorted((sent if mask is None else sent & set(mask)) - {fixed})


# --- connections -----------------------------------------------------------------------------------------------------


class ConnectionCollectionItem(Answer):
    connection_id: str
    conn_type: str
    description: str | None
    host: str | None
    login: str | None
    schema_: str | None = Field(alias="schema")
    port: int | None


class Connection(ConnectionCollectionItem):
    """A connection. Its password is never shown, and what looks like a secret in `extra` is `***`."""

    extra: str | None


class ConnectionCollection(Answer):
    connections: list[ConnectionCollectionItem]
    total_entries: int


class ConnectionBody(Body):
    connection_id: Annotated[str, Field(max_length=200)] | None = None
    conn_type: str | None = None
    description: str | None = None
    host: str | None = None
    login: str | None = None
    schema_: str | None = Field(None, alias="schema")
    port: int | None = None
    password: str | None = None
    extra: Annotated[str, AfterValidator(connections.check_object)] | None = None


class ConnectionTest(Answer):
    status: bool
    message: str


def _sent(body: Body, **instead: Any) -> dict[str, Any]:
    """What a body says, with what it must say for today's routes."""
    return {**instead, **body.model_dump(by_alias=True, exclude_unset=True)}


@of_connections.get("", Resource.CONNECTION, response_model=ConnectionCollection)
def get_connections(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """All connections."""
    return connections.get_connections(call, limit, offset, order_of(order_by))


@of_connections.post("", Resource.CONNECTION, response_model=Connection)
def post_connection(call: Asked, body: ConnectionBody) -> dict[str, Any]:
    """Make a connection."""
    _check_given(body, ("connection_id", "conn_type"))
    return connections.post_connection(call, connections.ConnectionBody.model_validate(_sent(body)))


@of_connections.post("/test", Resource.CONNECTION, response_model=ConnectionTest)
def test_connection(call: Asked, body: ConnectionBody) -> dict[str, Any]:
    """Whether the API's machine reaches what the connection names, where [core] test_connection allows it."""
    sent = _sent(body, connection_id="x", conn_type="")
    return connections.test_connection(call, connections.ConnectionBody.model_validate(sent))


@of_connections.get("/{connection_id}", Resource.CONNECTION, response_model=Connection)
def get_connection(call: Asked, connection_id: str) -> dict[str, Any]:
    """One connection."""
    return connections.get_connection(call, connection_id)


@of_connections.patch("/{connection_id}", Resource.CONNECTION, response_model=Connection)
def patch_connection(
    call: Asked, connection_id: str, body: ConnectionBody, update_mask: Mask = None
) -> dict[str, Any]:  # fmt: skip
    """Change a connection."""
    mask = _masked(update_mask, body, "connection_id", connection_id)
    known = connections.get_connection(call, connection_id)
    sent = _sent(body, conn_type=known["conn_type"]) | {"connection_id": connection_id}
    return connections.patch_connection(call, connection_id, connections.ConnectionBody.model_validate(sent), mask)


@of_connections.delete("/{connection_id}", Resource.CONNECTION, status_code=204)
def delete_connection(call: Asked, connection_id: str) -> Response:
    """Delete a connection."""
    return connections.delete_connection(call, connection_id)


# --- variables -------------------------------------------------------------------------------------------------------


class Variable(Answer):
    """A variable. `value` is `***` where its key looks like a secret's."""

    key: str
    description: str | None
    value: str | None


class VariableCollection(Answer):
    variables: list[Variable]
    total_entries: int


class VariableBody(Body):
    key: Annotated[str, Field(max_length=250)] | None = None
    description: str | None = None
    value: str | None = None


@of_variables.get("", Resource.VARIABLE, response_model=VariableCollection)
def get_variables(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """All variables."""
    return variables.get_variables(call, limit, offset, order_of(order_by))


@of_variables.post("", Resource.VARIABLE, response_model=Variable)
def post_variable(call: Asked, body: VariableBody) -> dict[str, Any]:
    """Make a variable."""
    _check_given(body, ("key", "value"))
    return variables.post_variable(call, variables.VariableBody.model_validate(_sent(body)))


@of_variables.get("/{variable_key:path}", Resource.VARIABLE, response_model=Variable)
def get_variable(call: Asked, variable_key: str) -> dict[str, Any]:
    """One variable."""
    return variables.get_variable(call, variable_key)


@of_variables.patch("/{variable_key:path}", Resource.VARIABLE, response_model=Variable)
def patch_variable(call: Asked, variable_key: str, body: VariableBody, update_mask: Mask = None) -> dict[str, Any]:
    """Change a variable."""
    mask = _masked(update_mask, body, "key", variable_key)
    given = variables.VariableBody.model_validate(_sent(body, value="") | {"key": variable_key})
    return variables.patch_variable(call, variable_key, given, mask)


@of_variables.delete("/{variable_key:path}", Resource.VARIABLE, status_code=204)
def delete_variable(call: Asked, variable_key: str) -> Response:
    """Delete a variable."""
    return variables.delete_variable(call, variable_key)


# --- pools -----------------------------------------------------------------------------------------------------------


class Pool(Answer):
    name: str
    slots: int
    occupied_slots: int
    running_slots: int
    queued_slots: int
    open_slots: int
    scheduled_slots: int
    deferred_slots: int
    description: str | None
    include_deferred: bool


class PoolCollection(Answer):
    pools: list[Pool]
    total_entries: int


class PoolBody(Body):
    name: Annotated[str, Field(max_length=256)] | None = None
    slots: Annotated[int, Field(ge=-1)] | None = None
    description: str | None = None
    include_deferred: bool | None = None


@of_pools.get("", Resource.POOL, response_model=PoolCollection)
def get_pools(call: Asked, limit: Limit = 100, offset: Offset = 0, order_by: Order = None) -> dict[str, Any]:
    """All pools."""
    return pools.get_pools(call, limit, offset, order_of(order_by))


@of_pools.post("", Resource.POOL, response_model=Pool)
def post_pool(call: Asked, body: PoolBody) -> dict[str, Any]:
    """Make a pool."""
    _check_given(body, ("name", "slots"))
    given = body.model_dump(exclude_none=True)
    return pools.post_pool(call, pools.PoolBody.model_validate(given))


@of_pools.get("/{pool_name:path}", Resource.POOL, response_model=Pool)
def get_pool(call: Asked, pool_name: str) -> dict[str, Any]:
    """One pool."""
    return pools.get_pool(call, pool_name)


@of_pools.patch("/{pool_name:path}", Resource.POOL, response_model=Pool)
def patch_pool(call: Asked, pool_name: str, body: PoolBody, update_mask: Mask = None) -> dict[str, Any]:
    """Change a pool."""
    mask = _masked(update_mask, body, "name", pool_name)
    given = body.model_dump(exclude={"name"}, exclude_unset=True)
    return pools.patch_pool(call, pool_name, pools.PoolPatchBody.model_validate(given), mask)


@of_pools.delete("/{pool_name:path}", Resource.POOL, status_code=204)
def delete_pool(call: Asked, pool_name: str) -> Response:
    """Delete a pool."""
    return pools.delete_pool(call, pool_name)


def _check_given(body: Body, names: Iterable[str]) -> None:
    """Raise InvalidInput for what a new one cannot be without."""
    if missing := [name for name in names if getattr(body, name) is None]:
        raise InvalidInput(f"{' and '.join(missing)} must be given.")
