"""Variables. A value whose key looks like a secret's is never shown; `***` sent back leaves it as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field, JsonValue

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Limit, Offset, OrderBy, collection, page_of
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

routes = Routes("Variable", prefix=f"{API}/variables")


class VariableResponse(Answer):
    """A variable. `value` is `***` where its key looks like a secret's, and null where it cannot be decrypted."""

    key: str
    value: str | None = None
    description: str | None
    is_encrypted: bool
    team_name: str | None


class VariableCollectionResponse(Answer):
    variables: list[VariableResponse]
    total_entries: int


class VariableBody(Body):
    key: Annotated[str, Field(max_length=250)]
    value: JsonValue
    description: str | None = None
    team_name: Annotated[str, Field(max_length=50)] | None = None


@routes.get("", Resource.VARIABLE, response_model=VariableCollectionResponse)
def get_variables(
    call: Asked, limit: Limit = 50, offset: Offset = 0, order_by: OrderBy = None,
    variable_key_pattern: str | None = None, variable_key_prefix_pattern: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All variables."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        listed = reading.variables_listed(connection, variable_key_pattern, variable_key_prefix_pattern, page)
    return collection("variables", [_fields(call, row) for row in listed.rows], listed)


@routes.post("", Resource.VARIABLE, status_code=201, response_model=VariableResponse)
def post_variable(call: Asked, body: VariableBody) -> dict[str, Any]:
    """Make a variable."""
    _set(call, body, new=True)
    return _shown(call, body.key)


@routes.patch("", Resource.VARIABLE, response_model=BulkResponse, response_model_exclude_none=True)
def bulk_variables(call: Asked, body: BulkBody[VariableBody]) -> dict[str, Any]:
    """Make, change and delete several."""
    kind = Named(Resource.VARIABLE, t.variable, "key", _set, _delete)
    return kind.change_all(call, body)


@routes.get("/{variable_key:path}", Resource.VARIABLE, response_model=VariableResponse)
def get_variable(call: Asked, variable_key: str) -> dict[str, Any]:
    """One variable."""
    return _shown(call, variable_key)


@routes.patch("/{variable_key:path}", Resource.VARIABLE, response_model=VariableResponse)
def patch_variable(
    call: Asked, variable_key: str, body: VariableBody, update_mask: Annotated[list[str] | None, Query()] = None
) -> dict[str, Any]:
    """Change a variable."""
    if body.key != variable_key:
        raise InvalidInput("The key in the body is not that of the path; a variable cannot be renamed.")
    _set(call, body, only=masked(update_mask, body, "key"))
    return _shown(call, variable_key)


@routes.delete("/{variable_key:path}", Resource.VARIABLE, status_code=204)
def delete_variable(call: Asked, variable_key: str) -> Response:
    """Delete a variable."""
    _row(call, variable_key)
    _delete(call, variable_key)
    return Response(status_code=204)


def _delete(call: Call, name: str) -> None:
    call.command("variable.delete", key=name)


def _set(call: Call, body: VariableBody, **how: Any) -> None:
    check_no_team(body.team_name)
    call.command("variable.set", key=body.key, value=body.value, description=body.description, **how)


def _shown(call: Call, key: str) -> dict[str, Any]:
    return _fields(call, _row(call, key))


def _row(call: Call, key: str) -> dict[str, Any]:
    with call.reading() as connection:
        row = queries.variable_row(connection, key)
    if row is None:
        raise NotFound(f"There is no variable {key[:60]!r}.")
    return row


def _fields(call: Call, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "key": row["key"],
        "value": _value(call, row["key"], row["value"]),
        "description": row["description"],
        "is_encrypted": True,
        "team_name": None,
    }


def _value(call: Call, key: str, stored: str) -> str | None:
    if call.sensitive.is_secret(key):
        return REDACTED
    try:
        text = call.installation.vault.decrypt(stored)
    except TradewindError:
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text
    shown = call.sensitive.shown(value)
    return text if shown == value else json.dumps(shown)
