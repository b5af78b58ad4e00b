"""What a task says about the assets that it updates, and the updates that follow when it has succeeded."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any

from tradewind.core.errors import TradewindError
from tradewind.core.partition_mappers import LONGEST_KEY
from tradewind.sdk.assets import Asset, AssetAlias, AssetRef, BaseAsset, names_of
from tradewind.wire.messages import AssetUpdate

log = logging.getLogger("tradewind.task")


class UnusableExtra(TradewindError):
    """What a task says about the update of an asset cannot be kept."""

    def __init__(self, asset: str, problem: str) -> None:
        super().__init__(f"The extra of asset {asset!r} cannot be kept as JSON: {problem}; give plain values.")
        self.asset = asset


class OutletEvent:
    """What a task says about one asset that it updates: `outlet_events[asset].extra = {...}`."""

    def __init__(self, key: Any) -> None:
        self.key = key
        self.extra: dict[str, Any] = {}
        self.asset_alias_events: list[tuple[Any, dict[str, Any]]] = []
        self.partition_keys: set[str] = set()

    def add(self, asset: Any, extra: dict[str, Any] | None = None) -> None:
        """Through an alias: this asset was updated as well."""
        self.asset_alias_events.append((asset, dict(extra or {})))

    def add_partitions(self, keys: str | list[str]) -> None:
        """These partitions of the asset were updated: each is an event of its own."""
        if isinstance(self.key, AssetAlias):
            raise TypeError(f"An alias has no partitions; say add_partitions of the asset that {self.key.name!r} got.")
        wanted = [keys] if isinstance(keys, str) else list(keys)
        for key in wanted:
            if not key.strip() or len(key) > LONGEST_KEY:
                raise ValueError(f"A partition key has 1 to {LONGEST_KEY} characters, and not only blanks: {key!r}.")
        self.partition_keys.update(wanted)


class OutletEvents(dict[Any, OutletEvent]):
    """`outlet_events`: made for each asset when it is first named, by asset, reference, name or uri."""

    def __init__(self, outlets: Iterable[Any] = ()) -> None:
        super().__init__()
        self._outlets = list(_flat(outlets))

    def __getitem__(self, key: Any) -> OutletEvent:
        return super().__getitem__(self._meant(key))

    def __missing__(self, key: Any) -> OutletEvent:
        event = self[key] = OutletEvent(key)
        return event

    def updates(self) -> list[AssetUpdate]:
        """What the task updated: each outlet, and of an alias what was added to it. Raises UnusableExtra."""
        found: dict[tuple[str, str, bytes, str | None], AssetUpdate] = {}
        for outlet in self._outlets:
            if isinstance(outlet, AssetAlias):
                for asset, extra in self[outlet].asset_alias_events:
                    update = _update(Asset(uri=asset) if isinstance(asset, str) else asset, extra)
                    known = found.setdefault((update.name, update.uri, update.extra, None), update)
                    if outlet.name not in known.aliases:
                        known.aliases = [*known.aliases, outlet.name]
            else:
                for key in sorted(self[outlet].partition_keys) or (None,):
                    update = _update(outlet, self[outlet].extra, key)
                    found.setdefault((update.name, update.uri, update.extra, key), update)
        self._warn_of_others()
        return list(found.values())

    def _warn_of_others(self) -> None:
        added = [asset for event in self.values() for asset, _ in event.asset_alias_events]
        for key, event in self.items():
            if (
                (event.extra or event.asset_alias_events or event.partition_keys)
                and key not in self._outlets
                and key not in added
            ):
                log.warning("outlet_events names %s, which is none of the task's outlets: it is not updated.", key)

    def _meant(self, key: Any) -> Any:
        """The outlet that a key names, else the key itself."""
        if isinstance(key, (str, Asset, AssetRef)) and key not in self._outlets:
            names = {key} if isinstance(key, str) else names_of(key)
            return next((outlet for outlet in self._outlets if names & names_of(outlet)), key)
        return key


def _flat(outlets: Iterable[Any]) -> Iterable[BaseAsset]:
    for outlet in outlets:
        if isinstance(outlet, (Asset, AssetRef, AssetAlias)):
            yield outlet
        elif isinstance(outlet, BaseAsset):
            yield from outlet.iter_assets()


def _update(asset: Any, extra: Any, partition_key: str | None = None) -> AssetUpdate:
    name, uri = getattr(asset, "name", ""), getattr(asset, "uri", "")
    if not (name or uri):
        raise UnusableExtra(repr(asset), "it is no asset")
    said = _json(extra, name or uri)
    group = getattr(asset, "group", "asset")
    return AssetUpdate(name=name, uri=uri, group=group, extra=said, partition_key=partition_key)


def _json(extra: Any, name: str) -> bytes:
    try:
        return json.dumps(dict(extra), allow_nan=False, sort_keys=True).encode()
    except (TypeError, ValueError) as error:
        raise UnusableExtra(name, str(error)) from None


def updates_of(task: Any, context: Any) -> Sequence[AssetUpdate]:
    """What a task that has succeeded updated."""
    if not getattr(task, "outlets", None):
        # Nobody may have looked at what it says; then there is nothing to warn of.
        if dict.__contains__(context, "outlet_events"):
            context["outlet_events"].updates()
        return ()
    events: OutletEvents = context["outlet_events"]
    return events.updates()
