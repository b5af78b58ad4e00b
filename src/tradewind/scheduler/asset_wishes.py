"""Wishes about assets: that one was updated, that what waits is forgotten, and what is kept beside one."""

import json
from collections.abc import Mapping

from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import AssetKey
from tradewind.core.decisions import DropRows, Operation, PutRow
from tradewind.core.errors import DagNotFound, InvalidInput
from tradewind.core.inputs import AssetsUpdated, AssetUpdate
from tradewind.core.partition_wishes import checked_key
from tradewind.core.state_stores import checked_key as checked_store_key
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles, moment

MOST_VALUE = 65536
"""Bytes of JSON that a person may keep under one key beside an asset."""


@handles("asset.event")
def report_update(context: Context, body: Body, actor: str) -> Wish:
    """An asset was updated outside of any task."""
    name, uri, extra = str(body.get("name") or ""), str(body.get("uri") or ""), body.get("extra") or {}
    if not (name or uri):
        raise InvalidInput("An asset is named by its name or its uri; give one.")
    if not isinstance(extra, dict):
        raise InvalidInput(f"extra must be a JSON object, not {type(extra).__name__}.")
    group = body.get("group") or "asset"
    if not isinstance(group, str):
        raise InvalidInput(f"group must be text, not {type(group).__name__}.")
    assets = context.world().assets
    # The ledger's next number is as unique as an id has to be, and comes out the same when this is decided again.
    update = AssetUpdate(
        name=name, uri=uri, group=group, extra=json.dumps(extra).encode(), partition_key=partition_key(body)
    )
    return AssetsUpdated(id=f"command.{assets.next_number}", updates=(update,), actor=actor)


def partition_key(body: Body) -> str | None:
    """The partition that a command names. Raises InvalidInput for one that there cannot be."""
    key = body.get("partition_key")
    if key is not None and not isinstance(key, str):
        raise InvalidInput(f"partition_key must be text, not {type(key).__name__}.")
    return key if key is None else checked_key(key)


@handles("asset.forget")
def forget_updates(context: Context, body: Body, actor: str) -> Wish:
    """A Dag will have no run for what waits for one: all of it, or of one asset, or what came before a moment."""
    world, dag_id = context.world(), str(body["dag_id"])
    if dag_id not in world.dags:
        raise DagNotFound(dag_id)
    operations: list[Operation] = []
    if (queue := world.assets.queues.get(dag_id)) is not None:
        gone = _meant(queue.events, body)
        world.assets.drop(dag_id, gone)
        operations += [DropRows("asset_queue", {"dag_id": dag_id, "event": number}) for number in gone]
    partitions = world.assets.partitions.get(dag_id)
    for key, events in list(partitions.events.items()) if partitions is not None else ():
        gone = _meant(events, body)
        world.assets.drop_partition(dag_id, key, gone)
        place = {"dag_id": dag_id, "partition": key}
        operations += [DropRows("partition_queue", {**place, "event": number}) for number in gone]
    return Rows(tuple(operations))


def _meant(events: Mapping[int, WaitingEvent], body: Body) -> list[int]:
    """Numbers of the waiting events that a command means."""
    name, uri, before = body.get("name"), body.get("uri"), moment(body.get("before"), "before")
    asset = AssetKey("asset", str(name), str(uri)) if name or uri else None
    return [
        number
        for number, event in events.items()
        if asset in (None, event.keys[0]) and (before is None or event.at < before)
    ]


@handles("asset.keep")
def keep_value(context: Context, body: Body, actor: str) -> Wish:
    """A person keeps a value beside an asset."""
    key, value = checked_store_key(body["key"]), json.dumps(body["value"]).encode()
    if body["value"] is None:
        raise InvalidInput("null stands for no value; delete the key instead.")
    if len(value) > MOST_VALUE:
        raise InvalidInput(
            f"The value has {len(value)} bytes as JSON, and {MOST_VALUE} is the most; keep large data elsewhere, and "
            "its address here."
        )
    row = {
        **_place(body), "key": key, "value": value, "updated_at": context.now(), "dag_id": "", "run_id": "",
        "task_id": "", "map_index": -1,
    }  # fmt: skip
    return Rows((PutRow("asset_state_store", row),))


@handles("asset.drop")
def drop_values(context: Context, body: Body, actor: str) -> Wish:
    """Forget what is kept beside an asset: one key, or all of them."""
    where = _place(body)
    if body.get("key") is not None:
        where["key"] = checked_store_key(body["key"])
    return Rows((DropRows("asset_state_store", where),))


def _place(body: Body) -> dict[str, str]:
    return {"name": str(body["name"]), "uri": str(body["uri"])}
