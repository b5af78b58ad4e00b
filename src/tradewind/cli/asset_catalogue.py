"""The assets that Dags name, and what is known of them: from stored specs and the ledger of events."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tradewind.cli.app import iso, printable
from tradewind.cli.damaged import readable, texts
from tradewind.cli.reading import no_dag
from tradewind.core.asset_catalogue import Known, Mention, mentions_in
from tradewind.core.asset_catalogue import catalogue as named
from tradewind.core.asset_queue import WaitingEvent
from tradewind.core.assets import AssetKey, keys_of, waits_for
from tradewind.core.partition_queue import Partitions, partitions_wait
from tradewind.core.records import Watched
from tradewind.core.watcher_words import failure_of, watches
from tradewind.store.times import from_us

if TYPE_CHECKING:
    from tradewind.cli.reading import Reader


def catalogue(specs: Mapping[str, Mapping[str, Any]]) -> list[Known]:
    """Every asset and alias that some of these stored Dags names, by name."""
    return named(mention for dag_id, spec in specs.items() for mention in _readable(dag_id, spec))


def _readable(dag_id: str, spec: Mapping[str, Any]) -> list[Mention]:
    """What a Dag names; where its version is not what was stored, a line to stderr says so."""
    try:
        return list(_mentions(dag_id, spec))
    except (AttributeError, LookupError, RecursionError, TypeError, ValueError):
        click.echo(printable(f"Not shown: {no_dag(dag_id)}"), err=True)
        return []


def _mentions(dag_id: str, spec: Mapping[str, Any]) -> Iterator[Mention]:
    tasks = (spec.get("tasks") or {}).items()
    return mentions_in(dag_id, spec.get("assets"), ((task_id, task.get("extra") or {}) for task_id, task in tasks))


def watchers(reader: "Reader") -> list[Watched]:
    """Triggers that watch assets now, or will after a failure, as far as their rows can be read."""
    from tradewind.store.rows import watched_of

    return readable(reader.watchers(), "watcher", watched_of)


def moment_of_newest(reader: "Reader", known: Known) -> str | None:
    """When an asset was last updated, or something through an alias, as far as the events' rows can be read."""
    names = ("", "", known.name) if known.is_alias else (known.name, known.uri, "")
    stored = reader.asset_event_facts(*names)["newest"]
    try:
        return iso(stored)
    except (ArithmeticError, TypeError, ValueError):
        moments = readable(reader.asset_event_moments(*names), "asset_event", lambda row: iso(row["at"]) or "")
        return max(moments, default=None)


def wait_of(reader: "Reader", dag_id: str, spec: Mapping[str, Any]) -> str:
    """What a Dag waits for, asset by asset; empty where it waits for none."""
    condition = spec.get("assets") or {}
    if not condition:
        return ""
    failing = [failure_of(found) for found in watchers(reader) if watches(found.assets, condition)]
    return ". ".join([_wait_of(reader, dag_id, spec, condition), *filter(None, failing)])


def _wait_of(reader: "Reader", dag_id: str, spec: Mapping[str, Any], condition: Mapping[str, Any]) -> str:
    if partitions := spec.get("partitions"):
        gathered: dict[str, list[WaitingEvent]] = {}
        for partition, event in readable(reader.gathered_asset_events(dag_id), "asset_event", _gathered):
            gathered.setdefault(partition, []).append(event)
        return partitions_wait(Partitions(partitions), condition, gathered)
    updated: dict[AssetKey, datetime] = {}
    for keys, at in readable(reader.waiting_asset_events(dag_id), "asset_event", _updated):
        updated.update(dict.fromkeys(keys, at))
    return waits_for(condition, updated)


def _gathered(row: Mapping[str, Any]) -> tuple[str, WaitingEvent]:
    keys, at = _updated(row)
    return row["partition"], WaitingEvent(row["number"], at, keys, row["partition_key"])


def _updated(row: Mapping[str, Any]) -> tuple[tuple[AssetKey, ...], datetime]:
    return keys_of(row["name"], row["uri"], texts(row["aliases"])), _moment(row)


def _moment(row: Mapping[str, Any]) -> datetime:
    at = from_us(row["at"])
    assert at is not None
    return at
