"""One session: which engines on which databases, how often, and where the figures go."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.airflow_site import Airflow
from harness.figures import Figure
from harness.installation import Installation
from harness.postgres import Postgres
from harness.tradewind_site import Tradewind


@dataclass(frozen=True)
class Row:
    """One row of the table: a function from a Site to figures."""

    name: str
    title: str
    measure: Callable[[Site], Iterable[Figure]]
    peers: bool = False
    """Whether peers can run it too."""
    once: bool = False
    """Whether it depends on no database."""


@dataclass(frozen=True)
class Site:
    """An engine on a database, as rows see it."""

    engine: str
    database: str
    repeat: int
    scratch: Path
    postgres: Postgres | None = None
    venv: Path | None = None

    def install(self, files: Mapping[str, str] = {}, environment: Mapping[str, str] = {}) -> Installation:
        """A new installation with an empty database and these Dag files; a context manager."""
        url = self.new_database() if self.database == "postgresql" else ""
        if self.engine == "airflow":
            assert self.venv is not None
            return Airflow(self.scratch, url, files, environment, venv=self.venv)
        return Tradewind(self.scratch, url, files, environment)

    def new_database(self) -> str:
        """The URL of an empty database."""
        if self.database == "postgresql":
            assert self.postgres is not None
            return self.postgres.new_database()
        return f"sqlite:///{tempfile.mkdtemp(prefix='database-', dir=self.scratch)}/metadata.db"

    def tradewind(self, files: Mapping[str, str] = {}, environment: Mapping[str, str] = {}) -> Tradewind:
        """The same, for rows that look into Tradewind."""
        site = self.install(files, environment)
        assert isinstance(site, Tradewind)
        return site

    @property
    def is_peer(self) -> bool:
        return self.engine != "tradewind"


def run_row(row: Row, site: Site) -> list[Figure]:
    """Its figures; one that cannot be measured says so and stops nobody."""
    load = os.getloadavg()[0]
    label = f"{row.name} · {site.engine}" + ("" if row.once else f" · {site.database}")
    say(f"{label} (load {load:.1f})")
    began = time.monotonic()
    figures: list[Figure] = []
    try:
        for figure in row.measure(site):
            database = "" if row.once else site.database
            figures.append(replace(figure, row=row.name, engine=site.engine, database=database, load=round(load, 2)))
            say(f"  {figure.what}: {figure.median:.4g} {figure.unit} (of {len(figure.values)})")
    except Exception as error:
        say(f"  not measured: {type(error).__name__}: {error}")
    say(f"  {time.monotonic() - began:.0f} s")
    return figures


def say(text: str) -> None:
    """Progress, apart from the report."""
    print(text, file=sys.stderr, flush=True)


def write(path: Path, text: str) -> None:
    """A session or a page of the report; the folder is made where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
