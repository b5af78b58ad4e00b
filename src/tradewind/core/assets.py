"""Which asset events make a run due: the condition of a Dag, evaluated against what was updated.

A condition is plain values, as the SDK writes them: `{"all": […]}`, `{"any": […]}`, `{"asset": {"name", "uri"}}`,
`{"asset_ref": {"name"}}` or `{"asset_ref": {"uri"}}`, `{"alias": {"name"}}`. What is none of these is never met.
"""

from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

POLICIES = ("coalesce", "each", "latest")
"""What a run takes of the events that wait: all of them, the oldest that meet the condition, or the newest of each."""


class AssetKey(NamedTuple):
    """How a condition names what it waits for. kind: `asset` (name and uri), `name`, `uri`, `alias`."""

    kind: str
    name: str
    uri: str = ""

    def __str__(self) -> str:
        return f"alias {self.name}" if self.kind == "alias" else self.name


def keys_of(name: str, uri: str, aliases: Iterable[str] = ()) -> tuple[AssetKey, ...]:
    """Every key that an update of this asset answers to."""
    through = (AssetKey("alias", alias) for alias in aliases)
    return AssetKey("asset", name, uri), AssetKey("name", name), AssetKey("uri", uri), *through


def named_in(condition: Any) -> tuple[AssetKey, ...]:
    """What a condition waits for, in the order in which it is written, each once."""
    return tuple(dict.fromkeys(_leaves(condition)))


def is_met(condition: Any, updated: Container[AssetKey]) -> bool:
    """Whether these updates meet the condition."""
    match condition:
        case {"all": [*parts]} if parts:
            return all(is_met(part, updated) for part in parts)
        case {"any": [*parts]}:
            return any(is_met(part, updated) for part in parts)
        case _:
            key = _leaf(condition)
            return key is not None and key in updated


def waits_for(condition: Any, updated: Mapping[AssetKey, datetime]) -> str:
    """What of a condition was updated and when, and what was not: one phrase for people."""

    def said(key: AssetKey) -> str:
        at = updated.get(key)
        return f"{key} ({f'updated {at:%Y-%m-%d %H:%M:%S} UTC' if at else 'not since the last run'})"

    return ", ".join(map(said, named_in(condition)))


def _leaves(condition: Any) -> Iterator[AssetKey]:
    match condition:
        case {"all": [*parts]} | {"any": [*parts]}:
            for part in parts:
                yield from _leaves(part)
        case _:
            if (key := _leaf(condition)) is not None:
                yield key


def _leaf(condition: Any) -> AssetKey | None:
    match condition:
        case {"asset": {"name": str(name), "uri": str(uri)}}:
            return AssetKey("asset", name, uri)
        case {"asset_ref": {"name": str(name)}}:
            return AssetKey("name", name)
        case {"asset_ref": {"uri": str(uri)}}:
            return AssetKey("uri", uri)
        case {"alias": {"name": str(name)}}:
            return AssetKey("alias", name)
        case _:
            return None
