"""What lists look for in Dags that only their versions say: read from the stored text without the rest of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterator, Sequence
from threading import Lock
from typing import Any

import msgspec
from sqlalchemy import Connection

from tradewind.core.assets import named_in
from tradewind.store.reading.dags import encoded_specs

MOST = 50_000
"""Versions whose traits are kept; they are small."""
_AT_ONCE = 500


class _Task(msgspec.Struct):
    pool: str = "default_pool"


class _Timetable(msgspec.Struct):
    kind: str = "never"
    custom: str = ""
    crons: list[msgspec.Raw] = []
    data_interval: bool = False
    partition: msgspec.Raw | None = None
    partitioned_at_runtime: bool = False


class _Spec(msgspec.Struct):
    tasks: dict[str, _Task] = {}
    timetable: _Timetable = msgspec.field(default_factory=_Timetable)
    display_name: str = ""
    assets: dict[str, Any] = {}
    partitions: dict[str, msgspec.Raw] = {}


class Traits(msgspec.Struct, frozen=True):
    """What is looked for in one version of a Dag."""

    display_name: str = ""
    timetable: str = ""
    """Airflow's name of the timetable's class, or the path of an author's own."""
    waits_for: tuple[tuple[str, str], ...] = ()
    """Name and uri of the assets that it runs for; of some only one is known."""
    pools: frozenset[str] = frozenset()


UNREAD = Traits()
"""Of a version that is stored damaged, or not at all."""
_decoder = msgspec.json.Decoder(_Spec)


class KnownTraits:
    """The traits of versions that somebody looked for before. A version never changes."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._kept: OrderedDict[str, Traits] = OrderedDict()
        self._lock = Lock()

    def of(self, connection: Connection, versions: Collection[str]) -> dict[str, Traits]:
        """By version."""
        with self._lock:
            found = {version: self._kept[version] for version in versions if version in self._kept}
        missing = [version for version in versions if version not in found]
        for some in _portions(missing):
            stored = encoded_specs(connection, some)
            fresh = {version: _traits(stored[version]) if version in stored else UNREAD for version in some}
            found |= fresh
            with self._lock:
                self._kept.update(fresh)
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return found


def _portions(versions: Sequence[str]) -> Iterator[Sequence[str]]:
    return (versions[first : first + _AT_ONCE] for first in range(0, len(versions), _AT_ONCE))


def _traits(encoded: bytes) -> Traits:
    try:
        spec = _decoder.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return UNREAD
    assets = tuple((key.name if key.kind != "uri" else "", key.uri or key.name) for key in named_in(spec.assets))
    pools = frozenset(task.pool for task in spec.tasks.values())
    return Traits(spec.display_name, timetable_name(spec), assets, pools)


_NAMES = {
    "never": "NullTimetable",
    "once": "OnceTimetable",
    "continuous": "ContinuousTimetable",
    "events": "EventsTimetable",
    "asset": "AssetTriggeredTimetable",
}


def timetable_name(spec: Any) -> str:
    """What Airflow calls the class of a Dag's timetable."""
    timetable = spec.timetable
    match timetable.kind:
        case "custom":
            return str(timetable.custom)
        case _ if spec.partitions:
            return "PartitionedAssetTimetable"
        case _ if timetable.partitioned_at_runtime:
            return "PartitionedAtRuntime"
        case _ if spec.assets and timetable.kind != "asset":
            return "AssetOrTimeSchedule"
        case "cron" if timetable.partition is not None:
            return "CronPartitionTimetable"
        case "cron" if len(timetable.crons) > 1:
            return "MultipleCronTriggerTimetable"
        case "cron":
            return "CronDataIntervalTimetable" if timetable.data_interval else "CronTriggerTimetable"
        case "delta":
            return "DeltaDataIntervalTimetable" if timetable.data_interval else "DeltaTriggerTimetable"
        case kind:
            return _NAMES.get(kind, "")
