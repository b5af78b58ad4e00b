"""The assets that Dags name, and what is known of them: from stored specs and the ledger of events."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import AssetKey, keys_of, named_in, waits_for
from tradewind.core.partition_queue import Partitions, partitions_wait
from tradewind.core.watcher_words import failure_of, watches
from tradewind.store.times import from_us

if TYPE_CHECKING:
    from tradewind.cli.reading import Reader


@dataclass(slots=True)
class Known:
    """One asset or alias as the Dags have it."""

    name: str
    uri: str
    group: str
    is_alias: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    producers: dict[str, None] = field(default_factory=dict)
    """`dag_id.task_id` of the tasks that update it."""
    producing_dags: dict[str, None] = field(default_factory=dict)
    readers: dict[str, None] = field(default_factory=dict)
    """`dag_id.task_id` of the tasks that have it as an inlet."""
    consumers: dict[str, None] = field(default_factory=dict)
    """Dags that wait for it."""

    @property
    def keys(self) -> tuple[AssetKey, ...]:
        """What it may be called where Dags name it; the first is no other's."""
        return (AssetKey("alias", self.name),) if self.is_alias else keys_of(self.name, self.uri)


def catalogue(specs: Mapping[str, Mapping[str, Any]]) -> list[Known]:
    """Every asset and alias that some Dag names, by name. References count for the asset that they mean."""
    found: dict[AssetKey, Known] = {}
    mentions = list(_mentions(specs))
    for leaf, _, _ in mentions:
        if (known := _known(leaf)) is not None:
            mine = found.setdefault(known.keys[0], known)
            mine.extra = mine.extra or known.extra
    named: dict[AssetKey, list[Known]] = {}
    for known in found.values():
        for key in known.keys:
            named.setdefault(key, []).append(known)
    for leaf, role, who in mentions:
        for key in named_in(leaf):
            for known in named.get(key, ()):
                getattr(known, role)[who] = None
    return sorted(found.values(), key=lambda known: (known.name, known.uri))


def wait_of(reader: "Reader", dag_id: str, spec: Mapping[str, Any]) -> str:
    """What a Dag waits for, asset by asset; empty where it waits for none."""
    condition = spec.get("assets") or {}
    if not condition:
        return ""
    failing = [failure_of(found) for found in reader.watchers() if watches(found.assets, condition)]
    return ". ".join([_wait_of(reader, dag_id, spec, condition), *filter(None, failing)])


def _wait_of(reader: "Reader", dag_id: str, spec: Mapping[str, Any], condition: Mapping[str, Any]) -> str:
    if partitions := spec.get("partitions"):
        gathered: dict[str, list[WaitingEvent]] = {}
        for row in reader.gathered_asset_events(dag_id):
            keys = keys_of(row["name"], row["uri"], row["aliases"])
            waiting = WaitingEvent(row["number"], _moment(row), keys, row["partition_key"])
            gathered.setdefault(row["partition"], []).append(waiting)
        return partitions_wait(Partitions(partitions), condition, gathered)
    updated: dict[AssetKey, datetime] = {}
    for row in reader.waiting_asset_events(dag_id):
        updated.update(dict.fromkeys(keys_of(row["name"], row["uri"], row["aliases"]), _moment(row)))
    return waits_for(condition, updated)


def _moment(row: Mapping[str, Any]) -> datetime:
    at = from_us(row["at"])
    assert at is not None
    return at


def _mentions(specs: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[Any, str, str]]:
    """(what is named, in which role, by whom)."""
    for dag_id, spec in specs.items():
        for leaf in _leaves(spec.get("assets")):
            yield leaf, "consumers", dag_id
        for task_id, task in (spec.get("tasks") or {}).items():
            extra = task.get("extra") or {}
            for leaf in _leaves({"all": extra.get("outlets") or []}):
                yield leaf, "producers", f"{dag_id}.{task_id}"
                yield leaf, "producing_dags", dag_id
            for leaf in _leaves({"all": extra.get("inlets") or []}):
                yield leaf, "readers", f"{dag_id}.{task_id}"


def _leaves(expression: Any) -> Iterable[Any]:
    match expression:
        case {"all": [*parts]} | {"any": [*parts]}:
            for part in parts:
                yield from _leaves(part)
        case dict() if expression:
            yield expression


def _known(leaf: Any) -> Known | None:
    match leaf:
        case {"asset": {"name": name, "uri": uri, "group": group} as asset}:
            return Known(name, uri, group, extra=asset.get("extra") or {})
        case {"alias": {"name": name, "group": group}}:
            return Known(name, "", group, is_alias=True)
        case _:
            return None
