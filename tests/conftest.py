"""Fixtures that all tests share."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tradewind.testing.servers import PostgresServer, Unavailable
from tradewind.testing.world import Play

pytest_plugins = ["tradewind.testing.pytest_groups"]


@pytest.fixture
def play() -> Play:
    """A scheduler core in virtual time, with one large worker."""
    return Play()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server of this test session; tests that need it are skipped where it cannot be had."""
    try:
        server = PostgresServer.start()
    except Unavailable as reason:
        pytest.skip(str(reason))
    try:
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="session")
def make_once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """`make_once(name, fill)`: a folder to read from that `fill` has filled, once for all workers of this session."""
    base = tmp_path_factory.getbasetemp()
    if hasattr(request.config, "workerinput"):
        base = base.parent  # it has a folder for each worker

    def made(name: str, fill: Callable[[Path], object]) -> Path:
        folder, unfinished = base / f"once-{name}", base / f"unfinished-{name}"
        with open(base / f"once-{name}.lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.exists():
                shutil.rmtree(unfinished, ignore_errors=True)
                unfinished.mkdir()
                fill(unfinished)
                unfinished.rename(folder)
        return folder

    return made


@pytest.fixture(scope="session")
def demo_raw(make_once: Callable[..., Path]) -> Path:
    """A raw folder with the demo's inputs at scale 0.01. Its generator takes 300 MB of memory for a moment."""
    from tradewind.data.demo import inputs

    def fill(raw: Path) -> None:
        inputs.make_lineitem(raw, 0.01)
        inputs.make_database(raw)

    return make_once("demo", fill)


@pytest.fixture(scope="session")
def promtool() -> str:
    """Prometheus's own checker; tests that need it are skipped where it is not installed."""
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed (Debian: the package prometheus)")
    return found


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database. Parametrize it indirectly with `sqlite` or `postgresql`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'metadata.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()
