"""The assets that Dags name, and what is known of them: from stored specs and the ledger of events."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from tradewind.core.asset_catalogue import Known, Mention, mentions_in
from tradewind.core.asset_catalogue import catalogue as named
from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import AssetKey, keys_of, waits_for
from tradewind.core.partition_queue import Partitions, partitions_wait
from tradewind.core.watcher_words import failure_of, watches
from tradewind.store.times import from_us

if TYPE_CHECKING:
    from tradewind.cli.reading import Reader


def catalogue(specs: Mapping[str, Mapping[str, Any]]) -> list[Known]:
    """Every asset and alias that some of these stored Dags names, by name."""
    return named(mention for dag_id, spec in specs.items() for mention in _mentions(dag_id, spec))


def _mentions(dag_id: str, spec: Mapping[str, Any]) -> Iterator[Mention]:
    tasks = (spec.get("tasks") or {}).items()
    return mentions_in(dag_id, spec.get("assets"), ((task_id, task.get("extra") or {}) for task_id, task in tasks))


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
