"""What the store's suite runs on: every database, migrated, with a writer that owns it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance_data import Installation
from sqlalchemy import Engine

from tradewind.store.engine import open_engine
from tradewind.store.migrate import migrate
from tradewind.store.writer import Lease, Writer
from tradewind.testing.servers import PostgresServer

DATABASES = ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database" in metafunc.fixturenames:
        metafunc.parametrize("database", DATABASES, indirect=True)


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to copy from."""
    path = tmp_path_factory.mktemp("migrated") / "metadata.db"
    _migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer) -> str:
    """A migrated PostgreSQL database, to copy from."""
    url = postgres_server.new_database()
    _migrate(url)
    return url


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a migrated database, one of each kind."""
    if request.param == "sqlite":
        path = shutil.copy(request.getfixturevalue("migrated_sqlite"), tmp_path / "metadata.db")
        return f"sqlite:///{path}"
    server: PostgresServer = request.getfixturevalue("postgres_server")
    return server.new_database(like=request.getfixturevalue("migrated_postgres"))


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = open_engine(database)
    yield engine
    engine.dispose()


def _migrate(url: str) -> None:
    engine = open_engine(url)
    migrate(engine)
    engine.dispose()


@pytest.fixture
def writer(engine: Engine) -> Iterator[Writer]:
    writer = Writer(engine)
    writer.connect()
    yield writer
    writer.close()


@pytest.fixture
def lease(writer: Writer) -> Lease:
    lease = writer.acquire("me", "server")
    assert lease is not None
    return lease


@pytest.fixture
def installation(engine: Engine, writer: Writer, lease: Lease) -> Installation:
    return Installation(engine, writer, lease)
