"""The migrations make the tables that the code speaks of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

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
    subprocess.run([sys.executable, "-c", MIGRATE_ASIDE, empty_url], check=True, timeout=180)


OVER_EXPRESSIONS = {"ix_run_place"}
"""Indexes over expressions, which SQLAlchemy does not read back from SQLite."""


@pytest.mark.filterwarnings("ignore:autogenerate skipping metadata-specified expression-based index")
@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection of expression-based index")
def test_the_migrations_and_the_tables_say_the_same(engine: Engine) -> None:
    def is_compared(_: object, name: str | None, kind: str, *rest: object) -> bool:
        return not (kind == "index" and name in OVER_EXPRESSIONS)

    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_object": is_compared})
        assert compare_metadata(context, metadata) == []


def test_looking_for_the_run_before_uses_an_index(migrated_sqlite: Path) -> None:
    """On SQLite: PostgreSQL's plan depends on how much there is."""
    engine = open_engine(f"sqlite:///{migrated_sqlite}")
    newest = "SELECT number FROM run WHERE dag_id = 'd' AND coalesce(logical_date, run_after) < 5"
    with engine.connect() as connection:
        plan = connection.exec_driver_sql(
            f"EXPLAIN QUERY PLAN {newest} ORDER BY coalesce(logical_date, run_after) DESC LIMIT 1"
        )
        assert "ix_run_place" in str(plan.all())
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    assert ScriptDirectory.from_config(alembic_config(None)).get_heads() == [HEAD]
