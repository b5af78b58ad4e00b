"""The migrations make the tables that the code speaks of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from tradewind.store.engine import open_engine
from tradewind.store.migrate import HEAD, alembic_config, is_current, migrate
from tradewind.store.tables import metadata


@pytest.fixture
def empty_url(database: str, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    if database.startswith("sqlite"):
        return f"sqlite:///{tmp_path_factory.mktemp('empty') / 'metadata.db'}"
    url: str = request.getfixturevalue("postgres_server").new_database()
    return url


@pytest.fixture
def empty(empty_url: str) -> Iterator[Engine]:
    engine = open_engine(empty_url)
    yield engine
    engine.dispose()


def test_an_empty_database_becomes_current_and_stays_so(empty: Engine) -> None:
    assert not is_current(empty)
    assert migrate(empty)
    assert is_current(empty)
    assert not migrate(empty)
    assert set(inspect(empty).get_table_names()) == {*metadata.tables, "alembic_version"}


MIGRATE_ASIDE = """
import sys
from tradewind.store.engine import open_engine
from tradewind.store.migrate import is_current, migrate_aside

engine = open_engine(sys.argv[1])
migrate_aside(engine)
assert is_current(engine)
assert "alembic" not in sys.modules
"""


def test_a_service_migrates_without_keeping_alembic(empty_url: str) -> None:
    subprocess.run([sys.executable, "-c", MIGRATE_ASIDE, empty_url], check=True, timeout=60)


def test_the_migrations_and_the_tables_say_the_same(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    assert ScriptDirectory.from_config(alembic_config(None)).get_heads() == [HEAD]
