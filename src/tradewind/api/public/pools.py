"""Pools, and what of their slots is held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import Field
from sqlalchemy import Connection

from tradewind.api.call import Call
from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Limit, Offset, OrderBy, collection, page_of
from tradewind.api.public.bulk import BulkBody, BulkResponse
from tradewind.api.public.bulk_named import Named
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import check_no_team, masked
from tradewind.core.access import Resource
from tradewind.core.errors import InvalidInput
from tradewind.store import tables as t
from tradewind.store.reading import surroundings as reading
from tradewind.store.reading.surroundings import PoolUses

routes = Routes("Pool", prefix=f"{API}/pools")

DEFAULT_POOL = "default_pool"


class PoolResponse(Answer):
    """A pool. `queued_slots` are those of tasks that were given to a worker and have not begun there; `scheduled_slots`
    those that tasks ask for which are ready and wait. `open_slots` is -1 in a pool without limit."""

    name: str
    slots: int = Field(ge=-1)
    description: str | None = None
    include_deferred: bool
    occupied_slots: int
    running_slots: int
    queued_slots: int
    scheduled_slots: int
    open_slots: int
    deferred_slots: int
    team_name: str | None


class PoolCollectionResponse(Answer):
    pools: list[PoolResponse]
    total_entries: int


class PoolBody(Body):
    name: Annotated[str, Field(max_length=256)]
    slots: Annotated[int, Field(ge=-1)]
    description: str | None = None
    include_deferred: bool = False
    team_name: Annotated[str, Field(max_length=50)] | None = None


class PoolPatchBody(Body):
    pool: str | None = None
    slots: Annotated[int, Field(ge=-1)] | None = None
    description: str | None = None
    include_deferred: bool | None = None
    team_name: Annotated[str, Field(max_length=50)] | None = None


@routes.get("", Resource.POOL, response_model=PoolCollectionResponse)
def get_pools(
    call: Asked, limit: Limit = 50, offset: Offset = 0, order_by: OrderBy = None, pool_name_pattern: str | None = None,
    pool_name_prefix_pattern: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """All pools."""
    page = page_of(call.settings.api.maximum_page_limit, limit, offset, order_by)
    with call.reading() as connection:
        listed = reading.pools_listed(connection, pool_name_pattern, pool_name_prefix_pattern, page)
        rows = _fields(call, connection, listed.rows)
    return collection("pools", rows, listed)


@routes.post("", Resource.POOL, status_code=201, response_model=PoolResponse)
def post_pool(call: Asked, body: PoolBody) -> dict[str, Any]:
    """Make a pool."""
    _set(call, body, new=True)
    return get_pool(call, body.name)


@routes.patch("", Resource.POOL, response_model=BulkResponse, response_model_exclude_none=True)
def bulk_pools(call: Asked, body: BulkBody[PoolBody]) -> dict[str, Any]:
    """Make, change and delete several."""
    kind = Named(Resource.POOL, t.pool, "name", _set, _delete)
    return kind.change_all(call, body)


@routes.get("/{pool_name:path}", Resource.POOL, response_model=PoolResponse)
def get_pool(call: Asked, pool_name: str) -> dict[str, Any]:
    """One pool."""
    with call.reading() as connection:
        row = reading.pool_named(connection, pool_name)
        if row is None:
            raise NotFound(f"There is no pool {pool_name[:60]!r}.")
        return _fields(call, connection, [row])[0]


@routes.patch("/{pool_name:path}", Resource.POOL, response_model=PoolResponse)
def patch_pool(
    call: Asked, pool_name: str, body: PoolPatchBody, update_mask: Annotated[list[str] | None, Query()] = None
) -> dict[str, Any]:
    """Change a pool."""
    check_no_team(body.team_name)
    if body.pool is not None and body.pool != pool_name:
        raise InvalidInput("The pool in the body is not that of the path; a pool cannot be renamed.")
    only = masked(update_mask, body, "pool")
    if pool_name == DEFAULT_POOL and "description" in only:
        raise InvalidInput("Of default_pool only slots and include_deferred can be changed.")
    for name in ("slots", "include_deferred"):
        if name in only and getattr(body, name) is None:
            raise InvalidInput(f"{name} cannot be null; give a value, or leave it out.")
    call.command(
        "pool.set", name=pool_name, slots=body.slots, description=body.description,
        include_deferred=body.include_deferred, only=only,
    )  # fmt: skip
    return get_pool(call, pool_name)


@routes.delete("/{pool_name:path}", Resource.POOL, status_code=204)
def delete_pool(call: Asked, pool_name: str) -> Response:
    """Delete a pool."""
    _delete(call, pool_name)
    return Response(status_code=204)


def _delete(call: Call, name: str) -> None:
    call.command("pool.delete", name=name)


def _set(call: Call, body: PoolBody, **how: Any) -> None:
    check_no_team(body.team_name)
    call.command(
        "pool.set", name=body.name, slots=body.slots, description=body.description,
        include_deferred=body.include_deferred, **how,
    )  # fmt: skip


def _fields(call: Call, connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    uses = reading.pool_uses(connection)
    scheduled = _scheduled(call, connection, uses)
    return [_fields_of_one(row, uses, scheduled.get(row["name"], 0)) for row in rows]


def _scheduled(call: Call, connection: Connection, uses: PoolUses) -> dict[str, int]:
    """By pool, the slots that ready tasks ask for: which pool that is their Dag's version says."""
    found: dict[str, int] = {}
    for version, task_id, instances in uses.scheduled:
        try:
            task = call.spec(connection, version).tasks.get(task_id)
        except InvalidInput:
            continue  # a version that cannot be read is set aside with its runs: nothing of it will take a slot
        if task is not None:
            found[task.pool] = found.get(task.pool, 0) + instances * task.pool_slots
    return found


def _fields_of_one(row: Mapping[str, Any], uses: PoolUses, scheduled: int) -> dict[str, Any]:
    use = uses.of(row["name"])
    occupied = use.running + use.queued + (use.deferred if row["include_deferred"] else 0)
    return {
        "name": row["name"],
        "slots": row["slots"],
        "description": row["description"] or None,
        "include_deferred": row["include_deferred"],
        "occupied_slots": occupied,
        "running_slots": use.running,
        "queued_slots": use.queued,
        "scheduled_slots": scheduled,
        "open_slots": row["slots"] - occupied if row["slots"] >= 0 else -1,
        "deferred_slots": use.deferred,
        "team_name": None,
    }
