"""The state stores of a task under test: what is stored can be read, and what it changes is seen by itself alone."""

import time
from collections.abc import Callable
from typing import Any

from tradewind.cli.reading import Row
from tradewind.core.errors import TradewindError
from tradewind.core.state_stores import checked_key
from tradewind.wire.messages import RunInfo

_Place = tuple[str, ...]
"""Of whom or what, and last the key."""


class KeptHere:
    """Answers by method. `rows` runs a query on the installation's database."""

    def __init__(self, rows: Callable[..., list[Row]], run: RunInfo) -> None:
        self._rows, self._run = rows, run
        self._changed: dict[_Place, bytes | None] = {}
        self._cleared: set[_Place] = set()
        self.methods: dict[str, Callable[..., Any]] = {
            "task_state_store.get": self._task_value,
            "task_state_store.set": lambda key, value, retention_seconds=None: self._keep(("task",), key, value),
            "task_state_store.delete": lambda key: self._keep(("task",), key, None),
            "task_state_store.clear": lambda: self._clear(("task",)),
            "asset_state_store.get": self._asset_value,
            "asset_state_store.set": lambda key, value, **asset: self._keep(self._asset(**asset), key, value),
            "asset_state_store.delete": lambda key, **asset: self._keep(self._asset(**asset), key, None),
            "asset_state_store.clear": lambda **asset: self._clear(self._asset(**asset)),
        }

    def _keep(self, owner: _Place, key: str, value: bytes | None) -> None:
        self._changed[(*owner, checked_key(key))] = value

    def _clear(self, owner: _Place) -> None:
        self._cleared.add(owner)
        self._changed = {place: value for place, value in self._changed.items() if place[:-1] != owner}

    def _value(self, owner: _Place, key: str, sql: str, *values: Any) -> bytes | None:
        place = (*owner, key)
        if place in self._changed:
            return self._changed[place]
        found = [] if owner in self._cleared else self._rows(sql, *values, key)
        return bytes(found[0]["value"]) if found else None

    def _task_value(self, task_id: str, map_index: int, key: str, **_: Any) -> bytes | None:
        # Its run, if it has one that is stored: a made-up run has the number 0, which no row has.
        return self._value(
            ("task",),
            key,
            "SELECT value FROM task_state_store WHERE (expires_at IS NULL OR expires_at > ?) AND run = ? "
            "AND task_id = ? AND map_index = ? AND key = ?",
            *(time.time_ns() // 1000, self._run.number, task_id, map_index),
        )

    def _asset_value(self, key: str, name: str = "", uri: str = "") -> bytes | None:
        asset = self._asset(name, uri)
        sql = "SELECT value FROM asset_state_store WHERE name = ? AND uri = ? AND key = ?"
        return self._value(asset, key, sql, *asset[1:])

    def _asset(self, name: str = "", uri: str = "") -> _Place:
        """Its name and uri. One that is known by one of them alone is looked up among those that keep something."""
        if name and uri:
            return ("asset", name, uri)
        column, text = ("name", name) if name else ("uri", uri)
        if not text:
            raise TradewindError("An asset's store is that of an asset: give its name or its uri.")
        found = self._rows(f"SELECT DISTINCT name, uri FROM asset_state_store WHERE {column} = ?", text)
        return ("asset", found[0]["name"], found[0]["uri"]) if found else ("asset", text, text)
