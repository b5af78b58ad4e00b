"""One run of the pipeline: its settings, its options, and where each of its files lives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tradewind.data.arguments import percent
from tradewind.data.duck import Session, session
from tradewind.data.problems import BadSetting
from tradewind.data.settings import DataSettings


@dataclass(frozen=True)
class Options:
    """What a person can choose for a run; the Dag's parameters."""

    lineitem_csv: str = "lineitem.csv"
    """The CSV to load; a relative path starts at the data folder's raw/."""
    database: str = "flights.db"
    api_url: str = ""
    """The weather API; empty starts the demo's own server for the extraction."""
    min_quality: float = 80.0
    max_rejected_percent: float = 5.0
    keep_runs: int = 24
    """Loaded runs whose data are kept; older ones are removed. 0 keeps all."""

    @classmethod
    def from_params(cls, params: Mapping[str, Any]) -> Options:
        """Options from a run's parameters; other parameters are not looked at."""
        chosen = {name: params[name] for name in cls.__dataclass_fields__ if name in params}
        options = cls(**chosen)
        for name in ("min_quality", "max_rejected_percent"):
            percent(f"The parameter {name}", getattr(options, name))
        keep = options.keep_runs
        if isinstance(keep, bool) or not isinstance(keep, int) or keep < 0 or keep == 1:
            raise BadSetting(f"The parameter keep_runs must be 0 or at least 2, not {keep!r}.")
        return options


@dataclass(frozen=True)
class Run:
    """Everything a step of the pipeline needs to know about the run it belongs to."""

    run_id: str
    settings: DataSettings
    options: Options = Options()

    @classmethod
    def of(cls, run_id: str, params: Mapping[str, Any] | None = None) -> Run:
        """The run with this id, with settings from the environment and options from its parameters."""
        return cls(run_id, DataSettings.from_env(), Options.from_params(params or {}))

    def raw(self, name: str) -> Path:
        """An input, by absolute path or relative to the raw folder."""
        return self.settings.raw / Path(name).expanduser()

    def extract(self, name: str) -> Path:
        return extracts(self.settings) / partition(self.run_id) / name

    def staging(self, name: str) -> Path:
        return staging(self.settings) / partition(self.run_id) / name

    def warehouse(self, table: str) -> Path:
        return warehouse(self.settings) / table / partition(self.run_id) / "part-0.parquet"

    def report(self, name: str) -> Path:
        return self.settings.processed / "reports" / partition(self.run_id) / name

    @property
    def log(self) -> Path:
        return self.settings.logs / "large_data_etl_pipeline" / f"{partition(self.run_id)}.json"

    @property
    def mart(self) -> Path:
        return self.settings.processed / "mart.duckdb"

    @contextmanager
    def duck(self) -> Iterator[Session]:
        """A DuckDB with this run's limits; it spills into the run's staging folder."""
        limits = self.settings
        spill = self.staging(f".spill-{id(self)}")
        with session(memory_limit_gb=limits.memory_limit_gb, max_workers=limits.max_workers, spill=spill) as duck:
            yield duck


def partition(run_id: str) -> str:
    """A folder name for a run; different runs never share one."""
    return "run=" + quote(run_id, safe="+")


def extracts(settings: DataSettings) -> Path:
    return settings.raw / "extracts"


def staging(settings: DataSettings) -> Path:
    return settings.processed / "staging"


def warehouse(settings: DataSettings) -> Path:
    return settings.processed / "warehouse"
