"""What a running task keeps: `task_state_store` beside its task instance, `asset_state_store` beside an asset.

A value is JSON. It is stored when `set` returns, and the next try, the next leg or another process reads it from then
on. Every method has an `a…` twin for code that runs in an event loop.
"""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from tradewind.sdk.assets import Asset, AssetAlias, AssetNameRef, AssetUriRef
from tradewind.sdk.configuration import conf
from tradewind.sdk.execution.runtime import ask, current_runtime

NEVER_EXPIRE = timedelta.max
"""As `retention`: the value is kept as long as its run, whatever the installation's default is."""

log = logging.getLogger("tradewind.task")
_DAY_SECONDS = 86400.0


class StateStore:
    """What both stores share. `names` says whose values are read; `changes`, whose are changed, as far as that does not
    follow from the attempt that asks."""

    def __init__(self, method: str, subject: str, names: dict[str, Any], changes: dict[str, Any]) -> None:
        self._method, self._subject, self._names, self._changes = method, subject, names, changes

    def get(self, key: str, default: Any = None) -> Any:
        """The value under `key`, or the default where there is none."""
        return _decoded(current_runtime().request(f"{self._method}.get", **self._names, key=key), default)

    def delete(self, key: str) -> None:
        """Forget one value; nothing happens where there is none."""
        current_runtime().request(f"{self._method}.delete", **self._changes, key=key)

    def clear(self) -> None:
        """Forget every value."""
        current_runtime().request(f"{self._method}.clear", **self._changes)

    async def aget(self, key: str, default: Any = None) -> Any:
        """As `get`."""
        return _decoded(await ask(f"{self._method}.get", **self._names, key=key), default)

    async def adelete(self, key: str) -> None:
        """As `delete`."""
        await ask(f"{self._method}.delete", **self._changes, key=key)

    async def aclear(self) -> None:
        """As `clear`."""
        await ask(f"{self._method}.clear", **self._changes)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self._names == getattr(other, "_names", None)

    def __hash__(self) -> int:
        return hash(tuple(self._names.items()))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {', '.join(f'{name}={value!r}' for name, value in self._names.items())}>"

    def _encoded(self, key: str, value: Any) -> bytes:
        """JSON of a value. ValueError says what cannot be kept."""
        problem = "None stands for no value; use delete()" if value is None else _not_json(value)
        if problem:
            raise ValueError(f"{self._subject}: key {key!r} cannot be set: {problem}.")
        data = json.dumps(value).encode()
        most = conf.getint("state_store", "max_value_storage_bytes")
        if 0 < most < len(data):
            log.warning(
                "%s: key %r holds %d bytes, more than [state_store] max_value_storage_bytes (%d); a store is for job "
                "ids and positions, so keep large data elsewhere and its address here.",
                *(self._subject, key, len(data), most),
            )
        return data


class TaskStateStoreAccessor(StateStore):
    """`task_state_store`: what one task instance keeps from one try or leg to the next, within its run."""

    def __init__(self, dag_id: str, run_id: str, task_id: str, map_index: int = -1) -> None:
        names = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        super().__init__("task_state_store", f"task_state_store of {dag_id}.{task_id}", names, {})

    def set(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """Keep a value, for as long as `retention` says; without it for the installation's default."""
        current_runtime().request("task_state_store.set", **self._kept(key, value, retention))

    async def aset(self, key: str, value: Any, *, retention: timedelta | None = None) -> None:
        """As `set`."""
        await ask("task_state_store.set", **self._kept(key, value, retention))

    def _kept(self, key: str, value: Any, retention: timedelta | None) -> dict[str, Any]:
        seconds = self._retention_seconds(key, retention)
        kept = {"key": key, "value": self._encoded(key, value)}
        return kept if seconds is None else {**kept, "retention_seconds": seconds}

    def _retention_seconds(self, key: str, retention: timedelta | None) -> float | None:
        if retention == NEVER_EXPIRE:
            return None
        if retention is not None:
            if not isinstance(retention, timedelta) or retention <= timedelta(0):
                raise ValueError(
                    f"{self._subject}: the retention of key {key!r} is {retention!r}; give a timedelta above zero, or "
                    "NEVER_EXPIRE."
                )
            return retention.total_seconds()
        days = conf.getint("state_store", "default_retention_days")
        if days < 0:
            raise ValueError(
                f"[state_store] default_retention_days is {days}; give a number of days, or 0 to keep values as long "
                "as their runs."
            )
        return days * _DAY_SECONDS if days else None


class AssetStateStoreAccessor(StateStore):
    """What is kept beside one asset, for all tasks of all runs, until somebody changes it."""

    def __init__(self, *, name: str | None = None, uri: str | None = None) -> None:
        if not name and not uri:
            raise ValueError("An asset's store is that of an asset: give its name or its uri.")
        names = {part: text for part, text in (("name", name), ("uri", uri)) if text}
        super().__init__("asset_state_store", f"asset_state_store of {name or uri}", names, names)

    def set(self, key: str, value: Any) -> None:
        """Keep a value."""
        current_runtime().request("asset_state_store.set", **self._names, key=key, value=self._encoded(key, value))

    async def aset(self, key: str, value: Any) -> None:
        """As `set`."""
        await ask("asset_state_store.set", **self._names, key=key, value=self._encoded(key, value))


class AssetStateStoreAccessors:
    """`asset_state_store`: the stores of a task's inlets and outlets, `asset_state_store[ORDERS].get("watermark")`.

    A task with one asset may leave the asset out. An alias among the inlets stands for the assets that were updated
    through it; among the outlets it stands for none.
    """

    def __init__(self, inlets: Sequence[Any], outlets: Sequence[Any] | None = None) -> None:
        self._by_name: dict[str, AssetStateStoreAccessor] = {}
        self._by_uri: dict[str, AssetStateStoreAccessor] = {}
        for item in inlets:
            if isinstance(item, AssetAlias):
                for name, uri in current_runtime().request("asset.through_alias", alias=item.name) or ():
                    self._add(name, uri)
        # Assets first: what names name and uri also answers to a reference that knows only one of them.
        for item in sorted([*inlets, *(outlets or ())], key=lambda item: not isinstance(item, Asset)):
            if isinstance(item, Asset):
                self._add(item.name, item.uri)
            elif isinstance(item, AssetNameRef):
                self._add(item.name, "")
            elif isinstance(item, AssetUriRef):
                self._add("", item.uri)

    def _add(self, name: str, uri: str) -> None:
        if name in self._by_name or uri in self._by_uri:
            return
        store = AssetStateStoreAccessor(name=name or None, uri=uri or None)
        if name:
            self._by_name[name] = store
        if uri:
            self._by_uri[uri] = store

    def __getitem__(self, key: Any) -> AssetStateStoreAccessor:
        match key:
            case Asset() | AssetNameRef():
                found = self._by_name.get(key.name)
            case AssetUriRef():
                found = self._by_uri.get(key.uri)
            case _:
                raise TypeError(
                    f"asset_state_store is looked into by an Asset or a reference to one, not by {type(key).__name__}."
                )
        if found is None:
            raise KeyError(f"{key!r} is neither an inlet nor an outlet of this task.")
        return found

    def _only(self) -> AssetStateStoreAccessor:
        found = {*self._by_name.values(), *self._by_uri.values()}
        if len(found) != 1:
            raise ValueError(
                f"This task has {len(found)} assets among its inlets and outlets; say which one is meant: "
                "asset_state_store[ASSET]."
            )
        return found.pop()

    def get(self, key: str, default: Any = None) -> Any:
        """As the store of the task's only asset does it; so are the others."""
        return self._only().get(key, default)

    def set(self, key: str, value: Any) -> None:
        self._only().set(key, value)

    def delete(self, key: str) -> None:
        self._only().delete(key)

    def clear(self) -> None:
        self._only().clear()

    async def aget(self, key: str, default: Any = None) -> Any:
        return await self._only().aget(key, default)

    async def aset(self, key: str, value: Any) -> None:
        await self._only().aset(key, value)

    async def adelete(self, key: str) -> None:
        await self._only().adelete(key)

    async def aclear(self) -> None:
        await self._only().aclear()

    def __repr__(self) -> str:
        return (
            f"<AssetStateStoreAccessors {', '.join([*self._by_name, *(self._by_uri.keys() - self._by_name.keys())])}>"
        )


def names_assets(task: Any) -> bool:
    """Whether a task has assets, references or aliases among its inlets or outlets."""
    items = [*(getattr(task, "inlets", None) or ()), *(getattr(task, "outlets", None) or ())]
    return any(isinstance(item, (Asset, AssetNameRef, AssetUriRef, AssetAlias)) for item in items)


def _decoded(data: bytes | None, default: Any) -> Any:
    return default if data is None else json.loads(data)


def _not_json(value: Any, at: str = "") -> str:
    """Why a value would not come back as it is; empty when it would."""
    where = f" at {at}" if at else ""
    match value:
        case float() if not math.isfinite(value):
            return f"{value!r}{where} is no number that JSON knows"
        case None | bool() | int() | float() | str():
            return ""
        case list():
            return next((problem for n, item in enumerate(value) if (problem := _not_json(item, f"{at}[{n}]"))), "")
        case dict():
            for name, item in value.items():
                if not isinstance(name, str):
                    return f"the key {name!r}{where} of a dict is {type(name).__name__}, and JSON has text only"
                if problem := _not_json(item, f"{at}[{name!r}]"):
                    return problem
            return ""
        case _:
            return f"{type(value).__name__}{where} is not JSON; give text, a number, a bool, a list or a dict"
