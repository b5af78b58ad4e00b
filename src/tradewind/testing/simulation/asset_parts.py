"""Assets in a workload: what tries update, and what people say was updated.

An asset whose name begins with that of a family (`word0`, `month1`) is updated one partition at a time; all others are
updated as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tradewind.core.dag import TaskSpec
from tradewind.wire.messages import AssetUpdate

WHOLE = ("x0", "x1", "x2")
"""Assets that an alias may turn out to be."""
PARTITIONS: Mapping[str, tuple[str, ...]] = {
    "word": ("us", "eu", "asia"),
    "month": ("2024-01", "2024-02", "2024-03", "2024-04"),
    "hour": ("2024-03-13T01", "2024-03-13T02", "2024-03-14T01"),
    "pair": ("us|2024-01", "us|2024-02", "eu|2024-04", "asia|2024-01"),
}
"""The partitions of each family."""
UNFIT = (None, "none of these")
"""What no mapper but the identity has a place for."""
MOST_UPDATING_INSTANCES = 4
"""Of a mapped task: instances beyond update nothing, so that a long map does not drown everything else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Updated:
    """An asset that a try updates. With only a name or only a uri, the other is as the Dags know it."""

    name: str = ""
    uri: str = ""
    extra: bytes = b"{}"
    alias: str = ""
    """The alias that turned out to be this asset."""
    partition: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Announce:
    """Somebody says that an asset was updated outside of any task; it is named by one of its names or by both."""

    at: timedelta
    name: str = ""
    uri: str = ""
    partition: str | None = None

    @property
    def said_at(self) -> float:
        """Kept with the update, so that it is found again."""
        return self.at.total_seconds()


def uri_of(name: str) -> str:
    return f"s3://{name}"


def asset(name: str) -> dict[str, Any]:
    """The asset of that name, as conditions and outlets write it."""
    return {"asset": {"name": name, "uri": uri_of(name), "group": "asset"}}


def family_of(name: str) -> str:
    """The family of an asset that has partitions; empty for others."""
    return next((family for family in PARTITIONS if name.startswith(family)), "")


def updates_of(spec: TaskSpec, map_index: int, roll: Callable[..., float]) -> tuple[Updated, ...]:
    """What a try that succeeds updates, by its outlets; `roll` gives a number in [0, 1) for each name."""
    if map_index >= MOST_UPDATING_INSTANCES:
        return ()
    found: list[Updated] = []
    for position, outlet in enumerate(spec.extra.get("outlets", ())):
        match outlet:
            case {"alias": {"name": alias}}:
                chosen = [name for name in WHOLE if roll(position, name) < 0.4]
                found += [Updated(name=name, uri=uri_of(name), alias=alias) for name in chosen]
            case {"asset": {"name": name, "uri": uri}}:
                found += [Updated(name=name, uri=uri, partition=key) for key in _keys(name, position, roll)]
            case {"asset_ref": {"name": name}}:
                found.append(Updated(name=name))
            case {"asset_ref": {"uri": uri}}:
                found.append(Updated(uri=uri))
    return tuple(found)


def _keys(name: str, position: int, roll: Callable[..., float]) -> Iterable[str | None]:
    family = family_of(name)
    if not family:
        return (None,)
    if (dice := roll(position, "unfit")) < 0.08:
        return (UNFIT[int(dice / 0.04)],)
    keys = PARTITIONS[family]
    first = int(roll(position, "key") * len(keys))
    count = 1 + int(roll(position, "keys") * 2)
    return [keys[(first + n) % len(keys)] for n in range(count)]


def sent(updates: Iterable[Updated]) -> list[AssetUpdate]:
    """The updates, as an attempt reports them."""
    return [
        AssetUpdate(
            name=update.name, uri=update.uri, extra=update.extra, aliases=[update.alias] if update.alias else [],
            partition_key=update.partition,
        )
        for update in updates
    ]  # fmt: skip
