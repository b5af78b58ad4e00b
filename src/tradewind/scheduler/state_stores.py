"""The state stores as tasks ask for them: what is checked before a wish goes to the owner, and how it is answered. And
what a person may have cleaned away."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tradewind.core.asset_index import AssetIndex, assets_in
from tradewind.core.decisions import DropRows
from tradewind.core.errors import InvalidInput, NotCurrent
from tradewind.core.inputs import AssetStoreChanged, TaskStoreChanged
from tradewind.core.state_stores import checked_key
from tradewind.scheduler.owner import Rows
from tradewind.scheduler.wishes import Body, Context, Wish, handles
from tradewind.store import queries
from tradewind.store.times import to_us

FOR_EVER = timedelta(days=36500)
"""A value that is to be kept for longer stays as long as its run."""

Answer = Callable[[Any, Exception | None], None]


def task_value_kept(attempt: str, key: str, value: bytes, retention_seconds: float | None) -> TaskStoreChanged:
    """An attempt keeps a value. Raises InvalidInput for a key that cannot be one."""
    retention = None
    if retention_seconds is not None and retention_seconds < FOR_EVER.total_seconds():
        retention = timedelta(seconds=retention_seconds)
    return TaskStoreChanged(attempt=attempt, key=checked_key(key), value=value, retention=retention)


def task_change(attempt: str, key: str | None = None) -> TaskStoreChanged:
    """An attempt forgets a value, or without a key everything."""
    return TaskStoreChanged(attempt=attempt, key="" if key is None else checked_key(key))


def asset_change(
    assets: AssetIndex, attempt: str, name: str, uri: str, key: str | None = None, value: bytes | None = None
) -> AssetStoreChanged:
    """An attempt keeps a value beside an asset; without a value it forgets the key, and without a key everything."""
    named = "" if key is None else checked_key(key)
    name, uri = asset_named(assets, name, uri)
    return AssetStoreChanged(attempt=attempt, name=name, uri=uri, key=named, value=value)


def asset_named(assets: AssetIndex, name: str, uri: str) -> tuple[str, str]:
    """Name and uri of the asset that is meant, of which one may be empty. Raises InvalidInput if no Dag names it."""
    found = (name, uri) if name and uri else assets.known(name, uri)
    if found is None:
        raise InvalidInput(
            f"No Dag names an asset {name or uri!r}, so nothing can be kept beside it; make it an inlet or outlet."
        )
    return found


def told_if_current(change: TaskStoreChanged | AssetStoreChanged, reply: Answer) -> Answer:
    """Answers None when the change is stored, and NotCurrent when its attempt no longer speaks for its task."""

    def tell(is_current: Any, error: Exception | None) -> None:
        reply(None, error if error is not None or is_current else NotCurrent(change.attempt))

    return tell


# --- for people ---


@handles("state_store.clean")
def clean_state_stores(context: Context, body: Body, actor: str) -> Wish:
    """Delete what tasks kept for a time that is over, and what is kept beside assets that nobody names any more."""
    world = context.world()
    plans = [plan for dag_id, plan in world.plans.items() if not world.dags[dag_id].is_stale]
    with context.engine.connect() as connection:
        expired = queries.task_state_store_expired(connection, to_us(context.now()))
        named = {asset for plan in plans for asset in assets_in(plan.spec)}
        named.update(queries.assets_through_alias(connection))
        orphans = [asset for asset in queries.assets_with_state(connection) if asset not in named]
    places = ("run", "task_id", "map_index", "key")
    return Rows(
        (
            *(DropRows("task_state_store", {place: row[place] for place in places}) for row in expired),
            *(DropRows("asset_state_store", {"name": name, "uri": uri}) for name, uri in orphans),
        )
    )
