"""Asset events as tasks see them: those that their run was made for, and earlier ones of their inlets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tradewind.sdk.assets import Asset, AssetAlias, AssetNameRef, AssetUriRef, names_of
from tradewind.sdk.execution.moments import microseconds, moment
from tradewind.sdk.execution.runtime import current_runtime
from tradewind.wire.messages import AssetEventInfo, RunInfo

if TYPE_CHECKING:
    from tradewind.sdk.execution.dag_run import DagRun


class AssetEvent:
    """One update of an asset: when, by whom, and with which `extra`."""

    def __init__(self, info: AssetEventInfo) -> None:
        self.id, self.timestamp = info.number, moment(info.at_us)
        self.asset = Asset(info.name, info.uri, group=info.group)
        self.extra: dict[str, Any] = json.loads(info.extra)
        self.source_aliases = [AssetAlias(name) for name in info.aliases]
        self.source_dag_id, self.source_run_id = info.dag_id or None, info.run_id or None
        self.source_task_id, self.source_map_index = info.task_id or None, info.map_index
        self.created_by = info.actor or None
        self.partition_key = info.partition_key

    @property
    def name(self) -> str:
        return self.asset.name

    @property
    def uri(self) -> str:
        return self.asset.uri

    @property
    def dataset(self) -> Asset:
        return self.asset

    @cached_property
    def source_dag_run(self) -> DagRun | None:
        """The run that updated it; asked of the engine."""
        from tradewind.sdk.execution.dag_run import DagRun

        if self.source_run_id is None:
            return None
        return DagRun.from_answer(
            current_runtime().request("run.get", dag_id=self.source_dag_id, run_id=self.source_run_id)
        )

    def __repr__(self) -> str:
        return f"<AssetEvent {self.id}: {self.asset.name} at {self.timestamp}>"


class TriggeringEvents(Mapping[Any, list[AssetEvent]]):
    """`triggering_asset_events`: what the run was made for, by asset and by alias, oldest first. An asset may be named
    by itself, a reference, its name or its uri. Asked of the engine at the first use."""

    def __init__(self, run: RunInfo, key: Callable[[Asset], Any] = lambda asset: asset) -> None:
        self._run, self._key = run, key

    @cached_property
    def _events(self) -> dict[Any, list[AssetEvent]]:
        found: dict[Any, list[AssetEvent]] = {}
        for event in events_of_run(self._run):
            for key in (self._key(event.asset), *event.source_aliases):
                found.setdefault(key, []).append(event)
        return found

    def __getitem__(self, key: Any) -> list[AssetEvent]:
        for known, events in self._events.items():
            if known == key or _is_named(key, events[0].asset, known):
                return events
        raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._events)

    def __len__(self) -> int:
        return len(self._events)

    def __repr__(self) -> str:
        return repr(self._events)


def by_uri(run: RunInfo) -> TriggeringEvents:
    """`triggering_dataset_events`: the same by uri, as Airflow 2 has it."""
    return TriggeringEvents(run, lambda asset: asset.uri)


def events_of_run(run: RunInfo) -> list[AssetEvent]:
    """What a run was made for; nothing of any but those that assets started."""
    if run.run_type != "asset_triggered":
        return []
    return _events(current_runtime().request("asset.triggering", dag_id=run.dag_id, run_id=run.run_id))


class EventSequence(Sequence[AssetEvent]):
    """Events of one asset, oldest first, asked of the engine when they are looked at; `[-1]` asks for the newest alone.

    `after`, `before`, `limit` and `ascending` give narrower or reversed ones.
    """

    def __init__(self, question: Mapping[str, Any], most: int | None = None, *, ascending: bool = True) -> None:
        self._question, self._most, self._ascending = dict(question), most, ascending

    def after(self, at: datetime | str) -> EventSequence:
        return self._narrowed(after_us=_us(at))

    def before(self, at: datetime | str) -> EventSequence:
        return self._narrowed(before_us=_us(at))

    def ascending(self, value: bool = True) -> EventSequence:
        return EventSequence(self._question, self._most, ascending=value)

    def limit(self, most: int) -> EventSequence:
        """The first so many in the order asked for."""
        return EventSequence(self._question, most, ascending=self._ascending)

    @cached_property
    def _all(self) -> list[AssetEvent]:
        newest = None if self._ascending else self._most
        found = _events(current_runtime().request("asset.events", **self._question, newest=newest))
        return (found if self._ascending else found[::-1])[: self._most]

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, int) and index < 0 and self._ascending and self._most is None:
            found = _events(current_runtime().request("asset.events", **self._question, newest=-index))
            if len(found) < -index:
                raise IndexError(f"There are only {len(found)} events.")
            return found[0]
        return self._all[index]

    def __len__(self) -> int:
        return len(self._all)

    def __repr__(self) -> str:
        return repr(self._all)

    def _narrowed(self, **bound: int) -> EventSequence:
        return EventSequence({**self._question, **bound}, self._most, ascending=self._ascending)


class InletEvents(Mapping[Any, EventSequence]):
    """`inlet_events`: earlier events of an inlet, by asset, reference, alias, name, uri or place in the list."""

    def __init__(self, inlets: Sequence[Any]) -> None:
        self._inlets = list(inlets)

    def __getitem__(self, key: Any) -> EventSequence:
        wanted = self._inlets[key] if isinstance(key, int) else key
        if isinstance(wanted, str):
            wanted = next((it for it in self._inlets if wanted in names_of(it)), AssetUriRef(wanted))
        match wanted:
            case Asset():
                return EventSequence({"name": wanted.name, "uri": wanted.uri})
            case AssetNameRef():
                return self.for_asset(name=wanted.name)
            case AssetUriRef():
                return self.for_asset(uri=wanted.uri)
            case AssetAlias():
                return self.for_asset_alias(alias_name=wanted.name)
            case _:
                raise KeyError(key)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._inlets)

    def __len__(self) -> int:
        return len(self._inlets)

    def for_asset(self, *, name: str | None = None, uri: str | None = None) -> EventSequence:
        """The events of the asset with that name or uri."""
        return EventSequence({"name": name or "", "uri": uri or ""})

    def for_asset_alias(self, *, alias_name: str) -> EventSequence:
        """The events that came through that alias."""
        return EventSequence({"alias": alias_name})


def _is_named(key: Any, asset: Asset, known: Any) -> bool:
    """Whether a key of whatever kind means this asset, or the alias under which it is known."""
    match key:
        case str() if isinstance(known, AssetAlias):
            return key == known.name
        case str():
            return key in (asset.name, asset.uri)
        case Asset() | AssetNameRef() | AssetUriRef():
            named = names_of(key)
            return not isinstance(known, AssetAlias) and named <= {asset.name, asset.uri} and bool(named)
        case _:
            return False


def _events(answer: Any) -> list[AssetEvent]:
    return [AssetEvent(AssetEventInfo(**fields)) for fields in answer or ()]


def _us(at: datetime | str) -> int:
    return microseconds(datetime.fromisoformat(at) if isinstance(at, str) else at)
