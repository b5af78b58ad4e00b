"""Who waits for which asset, and what waits for them: the World's part about assets.

An event costs those who wait for its asset, however many Dags there are.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from tradewind.core.asset_queue import AssetQueue, WaitingEvent
from tradewind.core.assets import AssetKey, named_in
from tradewind.core.dag import DagSpec
from tradewind.core.partition_queue import PartitionQueue


class AssetIndex:
    """Consuming Dags by asset, and the events that wait for each Dag."""

    __slots__ = ("_names", "_uris", "consumers", "last_at", "next_number", "partitions", "queues")

    def __init__(self) -> None:
        self.consumers: dict[AssetKey, dict[str, None]] = {}
        """Dags whose condition names this."""
        self.queues: dict[str, AssetQueue] = {}
        """By dag_id; a Dag for which nothing waits has none."""
        self.partitions: dict[str, PartitionQueue] = {}
        """The same for Dags that run once for each partition."""
        self.next_number = 1
        """Of the next event in the ledger."""
        self.last_at: datetime | None = None
        """When the newest event was: each is later than the one before it."""
        self._names: dict[str, dict[str, int]] = {}
        self._uris: dict[str, dict[str, int]] = {}

    def change(self, old: DagSpec | None, new: DagSpec | None) -> None:
        """A Dag is as it is now."""
        for key in named_in(old.assets) if old else ():
            waiting = self.consumers[key]
            del waiting[old.dag_id]  # type: ignore[union-attr]
            if not waiting:
                del self.consumers[key]
        if old is not None:
            self._count_names(old, -1)
        if new is None:
            return
        for key in named_in(new.assets):
            self.consumers.setdefault(key, {})[new.dag_id] = None
        self._count_names(new, 1)

    def _count_names(self, spec: DagSpec, step: int) -> None:
        """How many Dags know an asset by its name and uri: what none knows any more is forgotten, as by a restart."""
        for name, uri in set(assets_in(spec)):
            for table, key, value in ((self._uris, name, uri), (self._names, uri, name)):
                counts = table.setdefault(key, {})
                counts[value] = counts.get(value, 0) + step
                if not counts[value]:
                    del counts[value]
                if not counts:
                    del table[key]

    def consumers_of(self, keys: Iterable[AssetKey]) -> Iterable[str]:
        """Dags whose condition names one of these, each once."""
        return dict.fromkeys(dag_id for key in keys for dag_id in self.consumers.get(key, ()))

    def identity(self, name: str, uri: str) -> tuple[str, str]:
        """Name and uri of an asset of which one may be empty: as the Dags know it now, else both are the same."""
        return name or min(self._names.get(uri, (uri,))), uri or min(self._uris.get(name, (name,)))

    def known(self, name: str, uri: str) -> tuple[str, str] | None:
        """Name and uri of the asset of that name, or else of that uri, if some Dag names it."""
        if name:
            return (name, min(self._uris[name])) if name in self._uris else None
        return (min(self._names[uri]), uri) if uri in self._names else None

    @property
    def names(self) -> frozenset[tuple[str, str]]:
        """(name, uri) of every asset that some Dag names."""
        return frozenset((name, uri) for name, uris in self._uris.items() for uri in uris)

    def put(self, dag_id: str, event: WaitingEvent) -> None:
        """An event waits for this Dag."""
        self.queues.setdefault(dag_id, AssetQueue()).put(event)

    def put_partition(self, dag_id: str, key: str, event: WaitingEvent) -> None:
        """An event waits for this Dag's run of a partition."""
        self.partitions.setdefault(dag_id, PartitionQueue()).put(key, event)

    def drop_partition(self, dag_id: str, key: str, numbers: Iterable[int]) -> None:
        """These events wait for that run no longer."""
        queue = self.partitions[dag_id]
        for number in numbers:
            queue.drop(key, number)
        if not queue.events:
            del self.partitions[dag_id]

    def waits(self, dag_id: str) -> bool:
        """Whether anything waits for a run of this Dag."""
        return dag_id in self.queues or dag_id in self.partitions

    def forget(self, dag_id: str) -> None:
        """The Dag is deleted: nothing waits for it."""
        self.queues.pop(dag_id, None)
        self.partitions.pop(dag_id, None)

    def drop(self, dag_id: str, numbers: Iterable[int]) -> None:
        """These events wait for this Dag no longer."""
        queue = self.queues[dag_id]
        for number in numbers:
            queue.drop(number)
        if not queue.events:
            del self.queues[dag_id]


def assets_in(spec: DagSpec) -> Iterator[tuple[str, str]]:
    """(name, uri) of every asset that a Dag waits for, reads or updates."""
    yield from ((key.name, key.uri) for key in named_in(spec.assets) if key.kind == "asset")
    for task in spec.tasks.values():
        for role in ("inlets", "outlets"):
            yield from ((key.name, key.uri) for key in _named_by(task.extra.get(role)) if key.kind == "asset")


def outlets_of(spec: DagSpec) -> frozenset[AssetKey]:
    """What the tasks of a Dag update."""
    return frozenset(key for task in spec.tasks.values() for key in _named_by(task.extra.get("outlets")))


def _named_by(items: Any) -> Iterable[AssetKey]:
    return named_in({"any": list(items)}) if isinstance(items, (list, tuple)) else ()
