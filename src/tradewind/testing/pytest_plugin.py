"""Pytest plugin for repositories of Dags: the fixtures `dag_bag`, `run_dag`, `play_dag` and `freeze`.

It is registered for everybody who has Tradewind installed, so it imports nothing before a fixture is used.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tradewind.testing.dag_bag import DagBag
    from tradewind.testing.results import Played, PlayedRun

FOLDER, NAMES = "tradewind_dags_folder", "tradewind_airflow_names"


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("tradewind", "Dags in memory (Tradewind)")
    group.addoption("--dags-folder", metavar="FOLDER", help="Dags folder of the fixture dag_bag; default: dags.")
    parser.addini(FOLDER, "Dags folder of the fixture dag_bag, from the root folder of the tests.", default="dags")
    parser.addini(
        NAMES, "Have test modules import `airflow` from Tradewind in the whole session.", type="bool", default=False
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getini(NAMES):
        import tradewind.compat

        tradewind.compat.install()


class Freeze:
    """`freeze(moment)`: task code of this test's runs sees virtual time, which begins then; `freeze()`: at the logical
    date, or where a play begins."""

    def __init__(self) -> None:
        self.is_on = False
        self.at: datetime | str | None = None

    def __call__(self, at: datetime | str | None = None) -> None:
        from tradewind.testing.clock import VirtualClock, moment_of

        moment = moment_of(at) if at is not None else None
        VirtualClock(moment or moment_of("2026-01-01"), frozen=True)  # refuses where it cannot be done
        self.is_on, self.at = True, moment


@pytest.fixture
def freeze() -> Freeze:
    """Call it to have task code see virtual time, with sleeps that take none: `freeze("2026-01-01T06:00")`."""
    return Freeze()


@pytest.fixture(scope="session")
def dag_bag(pytestconfig: pytest.Config) -> DagBag:
    """The Dags of the Dags folder (--dags-folder, or tradewind_dags_folder): `dag_bag["etl"]`, `.import_errors`."""
    from tradewind.testing.dag_bag import DagBag

    return DagBag(dags_folder(pytestconfig))


@pytest.fixture
def run_dag(request: pytest.FixtureRequest, freeze: Freeze) -> Callable[..., PlayedRun]:
    """`run_dag("dags/etl.py", "etl", conf=…, logical_date=…)`: one run, played to its end in memory."""

    def run(source: Any, dag_id: str | None = None, **given: Any) -> PlayedRun:
        from tradewind.testing.playing import run_dag

        if freeze.is_on:
            given = {"now": freeze.at, "freeze": True, **given}
        found = run_dag(_source(request.config, source), dag_id, **given)
        _tell(request, found.played)
        return found

    return run


@pytest.fixture
def play_dag(request: pytest.FixtureRequest, freeze: Freeze) -> Callable[..., Played]:
    """`play_dag("dags/etl.py", from_=…, to=…)`: the runs that a schedule makes of a stretch of time, played."""

    def run(source: Any, dag_id: str | None = None, **given: Any) -> Played:
        from tradewind.testing.playing import play

        if freeze.is_on:
            given = {"freeze": True, **given}
        found = play(_source(request.config, source), dag_id, **given)
        _tell(request, found)
        return found

    return run


def dags_folder(config: pytest.Config) -> Path:
    """The option from where pytest was started, else the setting from the root folder."""
    if option := config.getoption("--dags-folder"):
        return Path(config.invocation_params.dir, option)
    return Path(config.rootpath, config.getini(FOLDER))


def _source(config: pytest.Config, source: Any) -> Any:
    """A path is looked for where the tests run, from the root folder, and in the Dags folder."""
    if not isinstance(source, (str, Path)):
        return source
    places = (Path(source), config.rootpath / source, dags_folder(config) / source)
    return next((place for place in places if place.exists()), source)


def _tell(request: pytest.FixtureRequest, played: Played) -> None:
    """What happened, for the report of a test that fails."""
    request.node.add_report_section("call", "Dag runs", played.story())
