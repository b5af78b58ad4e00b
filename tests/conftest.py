"""Fixtures that all tests share."""

from __future__ import annotations

from collections.abc import Iterator
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


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database. Parametrize it indirectly with `sqlite` or `postgresql`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return f"sqlite:///{tmp_path / 'metadata.db'}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database()
