"""Which watchers the Dags declare, and which of them run: the World's part about watchers.

A change of one Dag costs the watchers that it declares, and those of the assets that it waits for.
"""

from collections.abc import Iterable, Iterator

from tradewind.core.assets import AssetKey, keys_of, named_in
from tradewind.core.dag import DagSpec, WatcherSpec
from tradewind.core.ids import watcher_id
from tradewind.core.records import Watched


class WatcherIndex:
    """Declared watchers by trigger and by asset, and the triggers that are to run."""

    __slots__ = ("_by_asset", "_declared", "active")

    def __init__(self) -> None:
        self.active: dict[str, Watched] = {}
        """By id: what somebody waits for. The database has a row for each."""
        self._declared: dict[str, dict[str, list[WatcherSpec]]] = {}
        """By id and dag_id."""
        self._by_asset: dict[AssetKey, dict[tuple[str, str], None]] = {}
        """(id, dag_id) by everything that the watched asset answers to."""

    def change(self, old: DagSpec | None, new: DagSpec | None) -> None:
        """A Dag is as it is now."""
        for watcher in old.watchers if old else ():
            self._remove(id_of(watcher), old.dag_id, watcher)  # type: ignore[union-attr]
        for watcher in new.watchers if new else ():
            self._add(id_of(watcher), new.dag_id, watcher)  # type: ignore[union-attr]

    def declared(self, id: str) -> Iterator[tuple[str, WatcherSpec]]:
        """(dag_id, watcher) of every Dag that names this trigger."""
        for dag_id, watchers in self._declared.get(id, {}).items():
            yield from ((dag_id, watcher) for watcher in watchers)

    def touched_by(self, spec: DagSpec) -> Iterable[str]:
        """Triggers that may have to start or to stop when this Dag changes, is paused or goes; each once."""
        own = (id_of(watcher) for watcher in spec.watchers)
        awaited = (id for key in named_in(spec.assets) for id, _ in self._by_asset.get(key, ()))
        return dict.fromkeys((*own, *awaited))

    @property
    def ids(self) -> Iterable[str]:
        """Every trigger that some Dag declares."""
        return self._declared.keys()

    def _add(self, id: str, dag_id: str, watcher: WatcherSpec) -> None:
        self._declared.setdefault(id, {}).setdefault(dag_id, []).append(watcher)
        for key in keys_of(watcher.asset, watcher.uri):
            self._by_asset.setdefault(key, {})[id, dag_id] = None

    def _remove(self, id: str, dag_id: str, watcher: WatcherSpec) -> None:
        if id in self._declared:
            self._declared[id].pop(dag_id, None)
            if not self._declared[id]:
                del self._declared[id]
        for key in keys_of(watcher.asset, watcher.uri):
            if key in self._by_asset:
                self._by_asset[key].pop((id, dag_id), None)
                if not self._by_asset[key]:
                    del self._by_asset[key]


def id_of(watcher: WatcherSpec) -> str:
    """The id of a watcher's trigger."""
    return watcher_id(watcher.classpath, watcher.kwargs)
