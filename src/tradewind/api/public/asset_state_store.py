"""What tasks and people keep beside an asset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from fastapi import Response
from pydantic import JsonValue

from tradewind.api.errors import NotFound
from tradewind.api.models import Answer, Body, Limit, Moment, Offset, collection, page_of
from tradewind.api.public.assets import asset_named
from tradewind.api.routing import API, Asked, Routes
from tradewind.api.values import Id
from tradewind.core.access import Action, DagScope, Need, Resource
from tradewind.store.reading import assets as reading

routes = Routes("Asset State Store", prefix=f"{API}/assets/{{asset_id}}/state-store")


class AssetStateStoreWriterKind(StrEnum):
    TASK = "task"
    WATCHER = "watcher"
    API = "api"


class AssetStateStoreLastUpdatedBy(Answer):
    """Who kept it. Which task it was is null where its Dag is one that the caller may not see."""

    kind: AssetStateStoreWriterKind
    dag_id: str | None = None
    run_id: str | None = None
    task_id: str | None = None
    map_index: int | None = None


class AssetStateStoreResponse(Answer):
    key: str
    value: JsonValue
    updated_at: Moment
    last_updated_by: AssetStateStoreLastUpdatedBy | None = None


class AssetStateStoreCollectionResponse(Answer):
    asset_state_store: list[AssetStateStoreResponse]
    total_entries: int


class AssetStateStoreBody(Body):
    value: JsonValue


@routes.get("", Resource.ASSET, response_model=AssetStateStoreCollectionResponse)
def list_asset_state_store(call: Asked, asset_id: Id, limit: Limit = 50, offset: Offset = 0) -> dict[str, Any]:
    """Everything that is kept beside an asset, by key."""
    with call.reading() as connection:
        asset = asset_named(call, connection, asset_id)
        page = page_of(call.settings.api.maximum_page_limit, limit, offset)
        listed = reading.values_listed(connection, asset, page)
        seen = reading.dag_ids_in(connection, _dags(call))
    return collection("asset_state_store", [_fields(row, seen) for row in listed.rows], listed)


@routes.delete("", Resource.ASSET, status_code=204)
def clear_asset_state_store(call: Asked, asset_id: Id) -> Response:
    """Forget everything that is kept beside an asset."""
    with call.reading() as connection:
        name, uri = asset_named(call, connection, asset_id)
    call.command("asset.drop", name=name, uri=uri)
    return Response(status_code=204)


@routes.get("/{key:path}", Resource.ASSET, response_model=AssetStateStoreResponse)
def get_asset_state_store(call: Asked, asset_id: Id, key: str) -> dict[str, Any]:
    """What is kept under a key."""
    with call.reading() as connection:
        asset = asset_named(call, connection, asset_id)
        row = reading.value_kept(connection, asset, key)
        seen = reading.dag_ids_in(connection, _dags(call))
    if row is None:
        raise NotFound(f"Nothing is kept under {key[:60]!r} beside the asset {asset[0]!r}.")
    return _fields(row, seen)


@routes.put("/{key:path}", Resource.ASSET, status_code=204)
def set_asset_state_store(call: Asked, asset_id: Id, key: str, body: AssetStateStoreBody) -> Response:
    """Keep a value under a key."""
    with call.reading() as connection:
        name, uri = asset_named(call, connection, asset_id)
    call.command("asset.keep", name=name, uri=uri, key=key, value=body.value)
    return Response(status_code=204)


@routes.delete("/{key:path}", Resource.ASSET, status_code=204)
def delete_asset_state_store(call: Asked, asset_id: Id, key: str) -> Response:
    """Forget what is kept under a key."""
    with call.reading() as connection:
        asset = asset_named(call, connection, asset_id)
        if reading.value_kept(connection, asset, key) is None:
            raise NotFound(f"Nothing is kept under {key[:60]!r} beside the asset {asset[0]!r}.")
    call.command("asset.drop", name=asset[0], uri=asset[1], key=key)
    return Response(status_code=204)


def _dags(call: Asked) -> DagScope:
    return call.scope_of(Need(Action.READ, Resource.DAG))


def _fields(row: Mapping[str, Any], seen: set[str]) -> dict[str, Any]:
    is_task = bool(row["dag_id"])
    by: dict[str, Any] = {"kind": "task" if is_task else "api"}
    if row["dag_id"] in seen:
        by |= {name: row[name] for name in ("dag_id", "run_id", "task_id", "map_index")}
    return {"key": row["key"], "value": json.loads(row["value"]), "updated_at": row["updated_at"],
            "last_updated_by": by}  # fmt: skip
