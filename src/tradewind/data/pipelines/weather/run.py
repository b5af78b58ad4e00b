"""One run of a weather pipeline: its hour, its settings, and the key of everything it keeps."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from tradewind.data.arguments import percent
from tradewind.data.demo import kma_server
from tradewind.data.objects import ObjectStore, open_store
from tradewind.data.problems import BadSetting
from tradewind.data.settings import DataSettings
from tradewind.data.weather.client import KmaAccess, KmaClient, patient
from tradewind.data.weather.stations import STATIONS, Station, chosen
from tradewind.data.weather.times import HOUR, whole_hour

OBSERVED_AFTER = timedelta(minutes=10)
"""An hour is asked for so long after it began: earlier, the services do not have it yet."""


@dataclass(frozen=True)
class WeatherSettings:
    """Where weather is kept, whose it is, and who is asked."""

    store: str
    stations: tuple[Station, ...] = tuple(STATIONS.values())
    access: KmaAccess = field(default_factory=KmaAccess)

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> WeatherSettings:
        """From WEATHER_STORE, WEATHER_STATIONS and what `KmaAccess` reads; by default all is in the data folder."""
        numbers = (env.get("WEATHER_STATIONS") or ",".join(map(str, STATIONS))).replace(",", " ").split()
        if wrong := [number for number in numbers if not number.isdigit()]:
            raise BadSetting(f"WEATHER_STATIONS has to hold numbers with commas, such as 108,112, not {wrong[0]!r}.")
        return cls(
            store=env.get("WEATHER_STORE", "").strip() or str(DataSettings.from_env(env).root / "weather"),
            stations=chosen(map(int, numbers)),
            access=KmaAccess.from_env(env),
        )

    @property
    def is_replayed(self) -> bool:
        """Without any key, the local server's weather is collected: real, but of another place and year."""
        return not self.access.hub_key and not self.access.service_key


@dataclass(frozen=True)
class Options:
    """What a person can choose for a run; the Dag's parameters."""

    repair_hours: int = 24
    """So many hours before the run's own are looked at, and collected where they are missing. 0 for none."""
    min_quality: float = 80.0
    stale_after_hours: int = 3
    """Weather older than this is reported as stale."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Options:
        """Options from a run's parameters; other parameters are not looked at."""
        options = cls(**{name: params[name] for name in cls.__dataclass_fields__ if name in params})
        for name in ("repair_hours", "stale_after_hours"):
            value = getattr(options, name)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 24 * 31:
                raise BadSetting(f"The parameter {name} must be a whole number from 0 to 744, not {value!r}.")
        percent("The parameter min_quality", options.min_quality)
        return options


@dataclass(frozen=True)
class WeatherRun:
    """Everything a step needs: the moment at which its run was due, and what to work with."""

    due: datetime
    settings: WeatherSettings
    options: Options = Options()
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)

    @classmethod
    def of(cls, due: datetime, params: Mapping[str, Any] | None = None) -> WeatherRun:
        """The run due then, with settings from the environment and options from its parameters."""
        # Engines hand in pendulum's moments, whose differences do not divide as those of plain ones do.
        due = datetime.fromtimestamp(due.timestamp(), UTC)
        return cls(due, WeatherSettings.from_env(), Options.from_params(params or {}))

    @property
    def hour(self) -> datetime:
        """The newest hour that could be observed when the run was due."""
        return whole_hour(self.due - OBSERVED_AFTER)

    @property
    def earlier_hours(self) -> list[datetime]:
        """The hours before it that the run looks after, the newest first."""
        return [self.hour - n * HOUR for n in range(1, self.options.repair_hours + 1)]

    @property
    def store(self) -> ObjectStore:
        return open_store(self.settings.store)

    @contextmanager
    def client(self) -> Iterator[KmaClient]:
        """A client of KMA, or of a local server where there is no key."""
        if not self.settings.is_replayed:
            yield KmaClient(self.settings.access, retries=patient(self.sleep), now=self.now, sleep=self.sleep)
            return
        with kma_server.running(now=self.now) as server:
            yield KmaClient(server.access, now=self.now, pace=timedelta(0))


# --- keys: dates and hours are UTC --------------------------------------------------------------------------------


def observations_key(hour: datetime) -> str:
    return f"observations/{_dated(hour)}.parquet"


def raw_key(source: str, hour: datetime) -> str:
    return f"raw/source={source}/{_dated(hour)}.{'txt' if source == 'hub' else 'json'}"


def rejected_key(hour: datetime) -> str:
    return f"rejected/{_dated(hour)}.json"


def quality_key(hour: datetime) -> str:
    return f"quality/{_dated(hour)}.json"


def quarantine_key(hour: datetime, name: str) -> str:
    return f"quarantine/{_dated(hour)}/{name}"


def day_key(hour: datetime) -> str:
    return f"catalogue/date={hour:%Y-%m-%d}.json"


CATALOGUE = "catalogue/catalogue.json"
KNOWN_GAPS = "known_gaps.json"


def _dated(hour: datetime) -> str:
    return f"date={hour:%Y-%m-%d}/hour={hour:%H}"
