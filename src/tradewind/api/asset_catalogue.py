"""The assets of an installation, as the API shows them.

An asset is what has this name and this uri. No table has one row for each: Dags name them in their stored specs, and
the ledger has those that were updated. So the catalogue is made of both. What a version of a Dag names never changes;
it is read once and kept, and a Dag that changes costs what it is. See `numbers` for why the ids are hashes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple

from sqlalchemy import Connection

from tradewind.api.numbers import number_of, numbered
from tradewind.core.asset_catalogue import Known, Mention, catalogue, mentions_in
from tradewind.core.dag import DagSpec
from tradewind.core.errors import InvalidInput
from tradewind.core.watcher_index import id_of
from tradewind.store.reading.assets import CurrentDag, assets_updated, current_dags
from tradewind.store.reading.dags import spec_of_version


class Watcher(NamedTuple):
    """A trigger that watches an asset, as a Dag declares it."""

    dag_id: str
    name: str
    number: int


class _Named(NamedTuple):
    """What one version of a Dag names."""

    mentions: tuple[Mention, ...] = ()
    watchers: tuple[tuple[tuple[str, str], Watcher], ...] = ()


@dataclass(slots=True)
class Catalogue:
    """Every asset and alias that some Dag names now."""

    assets: list[Known]
    aliases: list[Known]
    since: Mapping[str, int]
    """By Dag, since when it is as it is."""
    watchers: Mapping[tuple[str, str], list[Watcher]] = field(default_factory=dict)
    """By name and uri of the asset."""

    def alias(self, number: int) -> Known:
        """Raises NotFound."""
        return numbered(self.aliases, number, alias_number, "asset alias")


class Mentions:
    """What the versions of Dags name that run now, kept after they were read."""

    def __init__(self) -> None:
        self._kept: dict[str, _Named] = {}
        self._made: tuple[tuple[CurrentDag, ...], Catalogue] | None = None
        self._lock = Lock()

    def catalogue(self, connection: Connection) -> Catalogue:
        """The assets of now."""
        dags = tuple(current_dags(connection))
        with self._lock:
            if self._made is not None and self._made[0] == dags:
                return self._made[1]
            self._kept = {dag.version: self._kept.get(dag.version) or _read(connection, dag.version) for dag in dags}
            made = _catalogue(dags, self._kept)
            self._made = dags, made
            return made


def asset_number(known: Known) -> int:
    """The id of an asset."""
    return number_of("asset", known.name, known.uri)


def alias_number(known: Known) -> int:
    """The id of an alias."""
    return number_of("alias", known.name)


@dataclass(frozen=True, slots=True)
class Updated:
    """When an asset that no Dag names was updated first and last."""

    known: Known
    first_at: int
    last_at: int


def assets_of_the_ledger(connection: Connection, found: Catalogue) -> list[Updated]:
    """Assets that were updated once and that no Dag names now."""
    named = {(known.name, known.uri) for known in found.assets}
    return [
        Updated(Known(row["name"], row["uri"], row["asset_group"]), row["first_at"], row["at"])
        for row in assets_updated(connection)
        if (row["name"], row["uri"]) not in named
    ]


def _read(connection: Connection, version: str) -> _Named:
    try:
        spec = spec_of_version(connection, version)
    except InvalidInput:
        return _Named()  # what is stored damaged names nothing; whoever looks at its Dag is told
    tasks = ((task.task_id, task.extra) for task in spec.tasks.values())
    return _Named(tuple(mentions_in(spec.dag_id, spec.assets, tasks)), tuple(_watchers(spec)))


def _watchers(spec: DagSpec) -> list[tuple[tuple[str, str], Watcher]]:
    return [
        ((each.asset, each.uri), Watcher(spec.dag_id, each.name, number_of("watcher", id_of(each))))
        for each in spec.watchers
    ]


def _catalogue(dags: tuple[CurrentDag, ...], kept: Mapping[str, _Named]) -> Catalogue:
    known = catalogue(mention for dag in dags for mention in kept[dag.version].mentions)
    watchers: dict[tuple[str, str], list[Watcher]] = {}
    for dag in dags:
        for asset, watcher in kept[dag.version].watchers:
            watchers.setdefault(asset, []).append(watcher)
    return Catalogue(
        assets=[each for each in known if not each.is_alias],
        aliases=[each for each in known if each.is_alias],
        since={dag.dag_id: dag.created_at for dag in dags},
        watchers=watchers,
    )
